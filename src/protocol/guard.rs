//! Who may talk to the server from a browser: `Host` and `Origin`, checked before anything else
//! on every endpoint (SPEC G-1 to G-4, B-9, R-26, R-27).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Uri, Version};

use super::rejection::Rejection;

/// The allow-lists, parsed when the service is built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    pub(crate) hosts: Allowed<Host>,
    pub(crate) origins: Allowed<Origin>,
}

/// What is admitted beyond the rule for the address.
#[derive(Clone, Debug)]
pub(crate) enum Allowed<T> {
    /// These. None is the default; it never means everything.
    Listed(Vec<T>),
    /// Everything, by name and on purpose.
    Any,
}

impl<T> Default for Allowed<T> {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Guard {
    /// Checks a request that arrived on the local address `arrived`.
    ///
    /// On a loopback address, and where the address is not known, the host must be a loopback name
    /// or be listed: a page that rebinds its own name to 127.0.0.1 still sends its own name.
    /// Elsewhere any host will do, unless a list is given. An origin must be listed, be the
    /// request's own host, or be a loopback name that asks for another. A request without an origin
    /// comes from no browser's script and passes, and so does one of HTTP/1.0 without a host.
    pub(crate) fn check(
        &self,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
        arrived: Option<IpAddr>,
    ) -> Result<(), Rejection> {
        let is_local = arrived.is_none_or(|address| address.to_canonical().is_loopback());
        let host = requested_host(version, uri, headers)?;
        if let Some(host) = &host {
            let admitted = match &self.hosts {
                Allowed::Any => true,
                Allowed::Listed(hosts) if is_local => {
                    host.is_loopback() || hosts.iter().any(|allowed| allowed.admits(host))
                }
                Allowed::Listed(hosts) => {
                    hosts.is_empty() || hosts.iter().any(|allowed| allowed.admits(host))
                }
            };
            if !admitted {
                return Err(Rejection::HostNotAllowed);
            }
        }
        let Some(origin) = the_origin(headers)? else {
            return Ok(());
        };
        let Allowed::Listed(origins) = &self.origins else {
            return Ok(());
        };
        let origin = Origin::parse(origin).ok_or(Rejection::OriginNotAllowed)?;
        let admitted = origins.contains(&origin)
            || host.as_ref().is_some_and(|host| origin.is_of(host))
            || is_local && origin.is_loopback() && host.is_none_or(|host| host.is_loopback());
        if admitted {
            Ok(())
        } else {
            Err(Rejection::OriginNotAllowed)
        }
    }
}

/// The host that was asked for: the URI's, which HTTP/2 fills from `:authority`, else the `Host`
/// header. HTTP/1.1 demands exactly one `Host` line (SPEC G-4).
fn requested_host(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Host>, Rejection> {
    let mut lines = headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => return Err(Rejection::BadHost),
        (line, _) => line
            .map(HeaderValue::to_str)
            .transpose()
            .map_err(|_| Rejection::BadHost)?,
    };
    match uri.authority().map(|authority| authority.as_str()).or(line) {
        Some(text) => Host::parse(text).map(Some).ok_or(Rejection::BadHost),
        None if version == Version::HTTP_11 => Err(Rejection::BadHost),
        None => Ok(None),
    }
}

fn the_origin(headers: &HeaderMap) -> Result<Option<&str>, Rejection> {
    let mut lines = headers.get_all(ORIGIN).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line
            .to_str()
            .map(Some)
            .map_err(|_| Rejection::OriginNotAllowed),
        (Some(_), Some(_)) => Err(Rejection::OriginNotAllowed),
    }
}

/// A host with the port it was named with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Address(IpAddr),
    /// In lower case.
    Domain(Box<str>),
}

impl Host {
    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`; no user, no path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let name = Name::Address(address.parse::<Ipv6Addr>().ok()?.into());
            return Some(Self {
                name,
                port: port_after_colon(port)?,
            });
        }
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let name = match name.parse::<Ipv4Addr>() {
            Ok(address) => Name::Address(address.into()),
            Err(_) => Name::Domain(domain(name)?),
        };
        Some(Self {
            name,
            port: port_after_colon(port)?,
        })
    }

    fn is_loopback(&self) -> bool {
        match &self.name {
            Name::Address(address) => address.is_loopback(),
            Name::Domain(name) => &**name == "localhost",
        }
    }

    /// Whether this list entry admits a host: with a port that port, without one any.
    fn admits(&self, host: &Self) -> bool {
        self.name == host.name && self.port.is_none_or(|port| host.port == Some(port))
    }
}

fn domain(name: &str) -> Option<Box<str>> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let fits = !name.is_empty() && name.bytes().all(is_valid);
    fits.then(|| name.to_ascii_lowercase().into())
}

/// Nothing, or a colon and a port.
fn port_after_colon(text: &str) -> Option<Option<u16>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.strip_prefix(':')?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits {
        digits.parse().ok().map(Some)
    } else {
        None
    }
}

/// A web origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The origin of sandboxed pages and local files; admitted only when listed (SPEC G-2).
    Null,
    Tuple {
        scheme: Scheme,
        name: OriginName,
        port: u16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginName(Name);

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// Reads `null`, or `http` or `https` with a host and maybe a port, and nothing behind it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let (scheme, host) = text.split_once("://")?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return None,
        };
        let Host { name, port } = Host::parse(host)?;
        let port = port.unwrap_or_else(|| scheme.default_port());
        Some(Self::Tuple {
            scheme,
            name: OriginName(name),
            port,
        })
    }

    /// Whether this is the origin of pages that `host` itself serves.
    fn is_of(&self, host: &Host) -> bool {
        match self {
            Self::Null => false,
            Self::Tuple { scheme, name, port } => {
                name.0 == host.name && host.port.unwrap_or_else(|| scheme.default_port()) == *port
            }
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Tuple { name, .. } => Host {
                name: name.0.clone(),
                port: None,
            }
            .is_loopback(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";
    const PUBLIC: &str = "192.0.2.7";

    fn verdict(guard: &Guard, arrived: &str, lines: &[(&str, &str)]) -> Result<(), Rejection> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let arrived = arrived.parse().ok();
        guard.check(
            Version::HTTP_11,
            &Uri::from_static("/sse"),
            &headers,
            arrived,
        )
    }

    #[track_caller]
    fn host(guard: &Guard, arrived: &str, host: &str, passes: bool) {
        let verdict = verdict(guard, arrived, &[("host", host)]);
        assert_eq!(verdict.is_ok(), passes, "{host} on {arrived}: {verdict:?}");
    }

    #[track_caller]
    fn origin(guard: &Guard, arrived: &str, host: &str, origin: &str, passes: bool) {
        let verdict = verdict(guard, arrived, &[("host", host), ("origin", origin)]);
        assert_eq!(
            verdict.is_ok(),
            passes,
            "{origin} to {host} on {arrived}: {verdict:?}"
        );
    }

    /// SPEC G-4, R-27; GHSA-89vp-x53w-74fx: a rebound name does not reach a loopback server.
    #[test]
    fn on_loopback_the_host_must_be_a_loopback_name() {
        let guard = Guard::default();
        for address in [LOOPBACK, "::1", "::ffff:127.0.0.1", "unknown"] {
            for name in [
                "localhost",
                "LocalHost:8000",
                "127.0.0.1",
                "127.0.0.1:1",
                "[::1]:80",
            ] {
                host(&guard, address, name, true);
            }
            for name in [
                "evil.example",
                "localhost.evil.example",
                "localhost:1@evil.example",
                "localhost.",
                "127.0.0.1.evil.example",
                "192.0.2.7",
                "[::2]",
                "[::1",
                "localhost:port",
                "localhost:99999",
                "",
            ] {
                host(&guard, address, name, false);
            }
        }
    }

    /// elsewhere no list is needed, and with one it is kept to.
    #[test]
    fn elsewhere_a_host_list_is_optional() {
        host(&Guard::default(), PUBLIC, "mcp.example.com", true);
        let hosts = ["mcp.example.com", "other.example:81", "[2001:db8::1]"];
        let hosts = Allowed::Listed(hosts.map(|name| Host::parse(name).unwrap()).to_vec());
        let guard = Guard {
            hosts,
            origins: Allowed::default(),
        };
        for (name, passes) in [
            ("MCP.example.com", true),
            ("mcp.example.com:8443", true),
            ("other.example:81", true),
            ("other.example", false),
            ("other.example:82", false),
            ("[2001:db8::1]:443", true),
            ("evil.example", false),
        ] {
            host(&guard, PUBLIC, name, passes);
            host(&guard, LOOPBACK, name, passes);
        }
    }

    /// SPEC G-4: missing or double Host in HTTP/1.1 is 400.
    #[test]
    fn http_1_1_demands_one_host_line() {
        let guard = Guard::default();
        assert!(matches!(
            verdict(&guard, LOOPBACK, &[]),
            Err(Rejection::BadHost)
        ));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert!(matches!(
            verdict(&guard, LOOPBACK, &twice),
            Err(Rejection::BadHost)
        ));
        let uri = Uri::from_static("/sse");
        assert!(
            guard
                .check(Version::HTTP_10, &uri, &HeaderMap::new(), None)
                .is_ok()
        );
    }

    /// HTTP/2 names the host in `:authority`, which arrives in the URI.
    #[test]
    fn the_authority_of_the_uri_counts_as_host() {
        let guard = Guard::default();
        let check = |uri: &'static str| {
            guard.check(
                Version::HTTP_2,
                &Uri::from_static(uri),
                &HeaderMap::new(),
                None,
            )
        };
        assert!(check("http://localhost:8000/sse").is_ok());
        assert!(check("http://evil.example/sse").is_err());
    }

    /// SPEC G-1 to G-3, B-9, R-26.
    #[test]
    fn a_foreign_origin_is_refused() {
        let guard = Guard::default();
        for (text, passes) in [
            ("http://localhost", true),
            ("https://127.0.0.1:5173", true),
            ("http://[::1]:3000", true),
            ("http://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://localhost:1@evil.example", false),
            ("http://localhost/", false),
            ("ftp://localhost", false),
            ("null", false),
            ("", false),
        ] {
            origin(&guard, LOOPBACK, "localhost:8000", text, passes);
        }
        let twice = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ];
        assert!(verdict(&guard, LOOPBACK, &twice).is_err());
    }

    /// DESIGN, Host and Origin: elsewhere an origin is the request's own host, or listed.
    #[test]
    fn elsewhere_the_own_origin_passes() {
        let guard = Guard::default();
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com",
            "https://mcp.example.com",
            true,
        );
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com:8443",
            "https://mcp.example.com:8443",
            true,
        );
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com:8443",
            "https://mcp.example.com",
            false,
        );
        origin(&guard, PUBLIC, "mcp.example.com", "http://localhost", false);
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com",
            "https://app.example.com",
            false,
        );
        let listed = ["https://app.example.com", "null"].map(|text| Origin::parse(text).unwrap());
        let guard = Guard {
            hosts: Allowed::default(),
            origins: Allowed::Listed(listed.to_vec()),
        };
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com",
            "https://app.example.com:443",
            true,
        );
        origin(&guard, PUBLIC, "mcp.example.com", "null", true);
        origin(
            &guard,
            PUBLIC,
            "mcp.example.com",
            "http://app.example.com",
            false,
        );
    }

    #[test]
    fn everything_is_admitted_by_name_only() {
        let guard = Guard {
            hosts: Allowed::Any,
            origins: Allowed::Any,
        };
        origin(&guard, LOOPBACK, "evil.example", "null", true);
    }
}
