//! [`Host`]: the name or address that a request asks for, with its port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host with the port it was named with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(super) name: Name,
    pub(super) port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
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

    pub(super) fn is_loopback(&self) -> bool {
        match &self.name {
            Name::Address(address) => address.is_loopback(),
            Name::Domain(name) => &**name == "localhost",
        }
    }

    /// Whether this list entry admits a host: with a port that port, without one any.
    pub(super) fn admits(&self, host: &Self) -> bool {
        self.name == host.name && self.port.is_none_or(|port| host.port == Some(port))
    }
}

/// Whether a host is one of those that stand for this machine, spelled as they mostly are.
pub(super) fn is_usual(text: &str) -> bool {
    let name = ["127.0.0.1", "localhost"];
    let port = name.iter().find_map(|name| text.strip_prefix(name));
    port.is_some_and(|port| port_after_colon(port).is_some())
}

/// A port that only one of them names may be the scheme's own.
pub(super) fn is_same_host(a: &str, b: &str) -> bool {
    match (Host::parse(a), Host::parse(b)) {
        (Some(a), Some(b)) => a.admits(&b) || b.admits(&a),
        _ => false,
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
