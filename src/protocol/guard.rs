//! Who may talk to the server from a browser: `Host` and `Origin`, checked before anything else
//! on every endpoint (SPEC G-1 to G-4, B-9, PITFALLS R-26, R-27).

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Uri, Version};

use super::fields::Field;
use super::host::{Host, is_same_host, is_usual};
use super::origin::Origin;
use super::rejection::Reason;
use super::stranger::Stranger;

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
    /// Checks a request that arrived on the local address `arrived`, and gives its origin if it has
    /// one.
    ///
    /// On a loopback address, and where the address is not known, the host must be a loopback name
    /// or be listed: a page that rebinds its own name to 127.0.0.1 still sends its own name.
    /// Elsewhere any host will do, unless a list is given. An origin must be listed, be the
    /// request's own host, or be a loopback name that asks for another. A request without an origin
    /// comes from no browser's script and passes. So does one without a host, which HTTP/1.0 and
    /// HTTP/2 permit: every browser names the host it asks for, and probes of load balancers do not.
    pub(crate) fn check<'h>(
        &self,
        version: Version,
        uri: &Uri,
        headers: &'h HeaderMap,
        arrived: Option<IpAddr>,
    ) -> Result<Option<&'h HeaderValue>, Reason> {
        let is_local = arrived.is_none_or(|address| address.to_canonical().is_loopback());
        let host = match requested_host(version, uri, headers)? {
            // Nearly every client of a server on its own machine is no page, and needs no closer look.
            Some(text) if is_local && is_usual(text) && !headers.contains_key(ORIGIN) => {
                return Ok(None);
            }
            Some(text) => Some(self.admit_host(text, is_local)?),
            None => None,
        };
        let Some((line, text)) = the_origin(headers)? else {
            return Ok(None);
        };
        let Allowed::Listed(origins) = &self.origins else {
            return Ok(Some(line));
        };
        let refused = |setting| Reason::OriginNotAllowed(stranger(line, Some(setting)));
        // What is no origin cannot be listed.
        let origin = Origin::parse(text).ok_or_else(|| refused("allow_any_origin"))?;
        let is_admitted = origins.contains(&origin)
            || host.as_ref().is_some_and(|host| origin.is_of(host))
            || is_local && origin.is_loopback() && host.is_none_or(|host| host.is_loopback());
        if is_admitted {
            Ok(Some(line))
        } else {
            Err(refused("allowed_origins"))
        }
    }

    fn admit_host(&self, text: &str, is_local: bool) -> Result<Host, Reason> {
        let host = Host::parse(text).ok_or(Reason::BadHost)?;
        let Allowed::Listed(hosts) = &self.hosts else {
            return Ok(host);
        };
        let needs_no_list = match is_local {
            true => host.is_loopback(),
            false => hosts.is_empty(),
        };
        if needs_no_list || hosts.iter().any(|allowed| allowed.admits(&host)) {
            return Ok(host);
        }
        let stranger = Stranger::new(text.as_bytes(), Some("allowed_hosts"));
        Err(Reason::HostNotAllowed(stranger))
    }
}

/// The host that was asked for: the URI's, which HTTP/2 fills from `:authority`, else the `Host`
/// header. HTTP/1.1 demands exactly one `Host` line (SPEC G-4), though a host in the URI goes before
/// it (RFC 9112, section 3.2). In HTTP/2 the two may not differ (RFC 9113, section 8.3.1).
pub(crate) fn requested_host<'r>(
    version: Version,
    uri: &'r Uri,
    headers: &'r HeaderMap,
) -> Result<Option<&'r str>, Reason> {
    let line = match Field::of(headers, HOST) {
        Field::Several => return Err(Reason::BadHost),
        Field::Absent if version == Version::HTTP_11 => return Err(Reason::BadHost),
        Field::Absent => None,
        Field::One(line) => Some(line.to_str().map_err(|_| Reason::BadHost)?),
    };
    match (uri.authority(), line) {
        (Some(authority), Some(line))
            if version >= Version::HTTP_2 && !is_same_host(authority.as_str(), line) =>
        {
            Err(Reason::BadHost)
        }
        (Some(authority), _) => Ok(Some(authority.as_str())),
        (None, line) => Ok(line),
    }
}

/// The one line of `Origin`, as it is and as text. No setting admits several, or bytes that no
/// origin has (SPEC G-2).
fn the_origin(headers: &HeaderMap) -> Result<Option<(&HeaderValue, &str)>, Reason> {
    match Field::of(headers, ORIGIN) {
        Field::Absent => Ok(None),
        Field::One(line) => match line.to_str() {
            Ok(text) => Ok(Some((line, text))),
            Err(_) => Err(Reason::OriginNotAllowed(stranger(line, None))),
        },
        Field::Several => {
            let lines = headers.get_all(ORIGIN).iter();
            let lines: Vec<_> = lines.map(HeaderValue::as_bytes).collect();
            let stranger = Stranger::new(&lines.join(&b", "[..]), None);
            Err(Reason::OriginNotAllowed(stranger))
        }
    }
}

fn stranger(line: &HeaderValue, setting: Option<&'static str>) -> Stranger {
    Stranger::new(line.as_bytes(), setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";
    const PUBLIC: &str = "192.0.2.7";

    fn verdict(guard: &Guard, arrived: &str, lines: &[(&str, &str)]) -> Result<(), Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let arrived = arrived.parse().ok();
        let uri = Uri::from_static("/sse");
        let admitted = guard.check(Version::HTTP_11, &uri, &headers, arrived)?;
        // What is admitted is the origin of the request, and nothing else.
        assert_eq!(admitted, headers.get(ORIGIN));
        Ok(())
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

    /// SPEC G-4, PITFALLS R-27; GHSA-89vp-x53w-74fx: a rebound name does not reach a loopback server.
    #[test]
    fn on_loopback_the_host_must_be_a_loopback_name() {
        let guard = Guard::default();
        for address in [LOOPBACK, "::1", "::ffff:127.0.0.1", "unknown"] {
            for name in [
                "localhost",
                "LocalHost:8000",
                "127.0.0.1",
                "127.0.0.1:1",
                "127.9.9.9",
                "[::1]:80",
                "[0:0:0:0:0:0:0:1]",
                "localhost:",
                "127.0.0.1:",
                "[::1]:",
                "localhost.",
                "localhost.:8000",
                "127.0.0.1.",
                "tauri.localhost",
                "a.b.LOCALHOST:1",
                "tauri.localhost.",
            ] {
                host(&guard, address, name, true);
            }
            for name in [
                "evil.example",
                "localhost.evil.example",
                "localhost:1@evil.example",
                "localhost@evil.example",
                "localhost..",
                ".localhost",
                "evil-localhost",
                "xlocalhost",
                "localhost.evil.example.",
                "%6cocalhost",
                "localhost%",
                "localhost,localhost",
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

    /// FIELD T-11: every host of RFC 9110, section 7.2, is read, and nothing else. What is read and is no name of
    /// this machine is another host; what cannot be read is no host.
    #[test]
    fn a_host_is_all_that_the_rfc_calls_one() {
        for (text, is_read) in [
            ("mcp.example.com", true),
            ("mcp.example.com.", true),
            ("mcp.example.com:", true),
            ("mcp.example.com.:443", true),
            ("xn--bcher-kva.example", true),
            ("my_host~1", true),
            ("a!$&'()*+;=b", true),
            ("caf%C3%A9.example", true),
            ("[2001:db8::1]", true),
            ("[2001:db8::1]:", true),
            ("[::ffff:192.0.2.7]:80", true),
            ("[v1.fe:80~]:80", true),
            ("", false),
            (".", false),
            (":80", false),
            ("a:b", false),
            ("a:80:80", false),
            ("a:+80", false),
            ("a:99999", false),
            ("user@a", false),
            ("user:pass@a:80", false),
            ("a/b", false),
            ("a?b", false),
            ("a b", false),
            ("a,a", false),
            ("a%C", false),
            ("a%zz", false),
            ("a\\b", false),
            ("2001:db8::1", false),
            ("[2001:db8::1", false),
            ("[2001:db8::1]80", false),
            ("[fe80::1%25eth0]", false),
            ("[192.0.2.7]", false),
            ("[v.a]", false),
            ("[v1.]", false),
        ] {
            let elsewhere = verdict(&Guard::default(), PUBLIC, &[("host", text)]);
            assert_eq!(elsewhere.is_ok(), is_read, "{text}");
            let here = verdict(&Guard::default(), LOOPBACK, &[("host", text)]);
            let is_host = matches!(here, Err(Reason::HostNotAllowed(_)));
            assert_eq!(is_host, is_read, "{text}: {here:?}");
        }
    }

    /// PITFALLS R-27: elsewhere no list is needed, and with one it is kept to.
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
            ("mcp.example.com.", true),
            ("other.example.:81", true),
            ("other.example:", false),
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
            Err(Reason::BadHost)
        ));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert!(matches!(
            verdict(&guard, LOOPBACK, &twice),
            Err(Reason::BadHost)
        ));
    }

    /// SPEC G-4, PITFALLS R-27; RFC 9112 section 3.2, RFC 9113 section 8.3.1: a host in the URI, which is
    /// where `:authority` arrives, goes before the `Host` line. HTTP/1.1 has that line all the same;
    /// in HTTP/2 the two name the same. Without any host a request of another version passes.
    #[test]
    fn the_authority_of_the_uri_counts_as_host() {
        #[derive(Debug, PartialEq)]
        enum Verdict {
            Passes,
            Bad,
            Refused,
        }
        use Verdict::{Bad, Passes, Refused};
        let (v10, v11, v2, v3) = (
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        );
        for (version, uri, line, expected) in [
            (v2, "http://localhost:8000/sse", None, Passes),
            (v2, "https://[::1]/sse", None, Passes),
            (v3, "https://127.0.0.1/sse", None, Passes),
            (v2, "http://evil.example/sse", None, Refused),
            (v3, "http://evil.example/sse", None, Refused),
            (v2, "http://localhost@evil.example/sse", None, Bad),
            (v2, "http://localhost/sse", Some("LOCALHOST"), Passes),
            (v2, "http://localhost/sse", Some("localhost:80"), Passes),
            (v2, "http://localhost:8000/sse", Some("localhost:80"), Bad),
            (v2, "http://localhost/sse", Some("evil.example"), Bad),
            (v2, "http://evil.example/sse", Some("localhost"), Bad),
            (v2, "http://localhost/sse", Some(""), Bad),
            (v2, "/sse", Some("localhost"), Passes),
            (v2, "/sse", Some("evil.example"), Refused),
            (v2, "/sse", None, Passes),
            (v11, "http://localhost/sse", Some("evil.example"), Passes),
            (v11, "http://evil.example/sse", Some("localhost"), Refused),
            (v11, "http://localhost/sse", None, Bad),
            (v11, "/sse", None, Bad),
            (v10, "/sse", None, Passes),
            (v10, "/sse", Some("localhost"), Passes),
            (v10, "/sse", Some("evil.example"), Refused),
            (v10, "/sse", Some(""), Bad),
        ] {
            let headers = line.map(|line| (HOST, HeaderValue::from_static(line)));
            let headers = headers.into_iter().collect();
            let verdict = Guard::default().check(version, &Uri::from_static(uri), &headers, None);
            let verdict = match verdict {
                Ok(_) => Passes,
                Err(Reason::BadHost) => Bad,
                Err(_) => Refused,
            };
            assert_eq!(verdict, expected, "{version:?} {uri} {line:?}");
        }
    }

    /// SPEC G-1, G-3: a request without a host may still come from a page.
    #[test]
    fn without_a_host_an_origin_is_checked_all_the_same() {
        for (origin, arrived, passes) in [
            ("http://localhost:3000", LOOPBACK, true),
            ("http://localhost:3000", PUBLIC, false),
            ("http://evil.example", LOOPBACK, false),
            ("http://evil.example", PUBLIC, false),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            let uri = Uri::from_static("/sse");
            let arrived = arrived.parse().ok();
            let verdict = Guard::default().check(Version::HTTP_10, &uri, &headers, arrived);
            assert_eq!(verdict.is_ok(), passes, "{origin} on {arrived:?}");
        }
    }

    /// PITFALLS R-27: a refusal names what was refused and the setting that would admit it.
    #[test]
    fn a_refusal_names_the_value_and_the_setting() {
        #[track_caller]
        fn check(lines: &[(&str, &str)], value: &str, setting: Option<&str>) {
            let guard = Guard {
                hosts: Allowed::Listed(vec![Host::parse("mcp.example.com").unwrap()]),
                origins: Allowed::default(),
            };
            let (Reason::HostNotAllowed(stranger) | Reason::OriginNotAllowed(stranger)) =
                verdict(&guard, PUBLIC, lines).unwrap_err()
            else {
                panic!("{lines:?} is refused for something else");
            };
            assert_eq!((&*stranger.value, stranger.setting), (value, setting));
        }
        let host = ("host", "mcp.example.com");
        let page = ("origin", "https://app.example.com");
        check(
            &[("host", "Evil.example:81"), page],
            "Evil.example:81",
            Some("allowed_hosts"),
        );
        check(&[host, page], page.1, Some("allowed_origins"));
        check(&[host, ("origin", "null")], "null", Some("allowed_origins"));
        let no_origin = "https://app.example.com/";
        check(
            &[host, ("origin", no_origin)],
            no_origin,
            Some("allow_any_origin"),
        );
        check(
            &[host, page, ("origin", "null")],
            "https://app.example.com, null",
            None,
        );
        check(
            &[host, ("origin", "http://\u{e9}")],
            r"http://\xc3\xa9",
            None,
        );
    }

    /// SPEC G-2: the pages of extensions and apps have origins too, which are listed or refused.
    #[test]
    fn the_origin_of_an_app_must_be_listed() {
        let apps = [
            "vscode-webview://0A1b",
            "tauri://localhost",
            "moz-extension://5c2e-11",
            "capacitor://localhost:1",
        ];
        for app in apps {
            origin(&Guard::default(), LOOPBACK, "localhost", app, false);
            let listed = vec![Origin::parse(app).unwrap()];
            let guard = Guard {
                hosts: Allowed::default(),
                origins: Allowed::Listed(listed),
            };
            for other in apps {
                origin(&guard, LOOPBACK, "localhost", other, other == app);
            }
            origin(&guard, LOOPBACK, "localhost", &app.to_lowercase(), true);
            origin(&guard, PUBLIC, "localhost", "http://localhost:1", false);
        }
        for text in [
            "://a", "1a://b", "a b://c", "a://", "a://b/c", "a:b", "a_b://c",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }

    /// SPEC G-1 to G-3, B-9, PITFALLS R-26.
    #[test]
    fn a_foreign_origin_is_refused() {
        let guard = Guard::default();
        for (text, passes) in [
            ("http://localhost", true),
            ("https://127.0.0.1:5173", true),
            ("http://[::1]:3000", true),
            ("http://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://evil-localhost", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://[::2]", false),
            ("http://::1", false),
            ("http://[::1", false),
            ("http://tauri.localhost", true),
            ("https://a.b.localhost:5173", true),
            ("http://localhost.", true),
            ("http://localhost:", true),
            ("http://[::1]:", true),
            ("http://.localhost", false),
            ("http://tauri.localhost.evil.example", false),
            ("http://user@localhost", false),
            ("http://localhost@evil.example", false),
            ("tauri://tauri.localhost", false),
            ("http://localhost:99999", false),
            ("http://localhost?", false),
            ("http://localhost, http://localhost", false),
            ("NULL", false),
            ("HTTPS://LOCALHOST", true),
            ("http://[0:0:0:0:0:0:0:1]:3000", true),
            ("http://127.9.9.9", true),
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

    /// SPEC G-3: elsewhere an origin is the request's own host, or listed.
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
