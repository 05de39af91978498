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
    /// Reads `uri-host [":" port]` (RFC 9110, section 7.2): `name`, `[v6]`, and a port, which may be empty; no
    /// user, no path. A dot at the end of a name makes it no other name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = match text.strip_prefix('[') {
            Some(_) => text.find(']')? + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (name, port) = text.split_at(end);
        let literal = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let name = match literal {
            Some(literal) => Name::literal(literal)?,
            None => Name::plain(name)?,
        };
        Some(Self {
            name,
            port: port_after_colon(port)?,
        })
    }

    /// Whether it stands for this machine: also a name below `localhost` (RFC 6761, section 6.3).
    pub(super) fn is_loopback(&self) -> bool {
        match &self.name {
            Name::Address(address) => address.is_loopback(),
            Name::Domain(name) => name
                .strip_suffix("localhost")
                .is_some_and(|above| above.is_empty() || above.len() > 1 && above.ends_with('.')),
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

impl Name {
    /// What is in brackets: an IPv6 address, or one of a later version, which is only compared.
    fn literal(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Self::Address(address.into()));
        }
        let (version, address) = text.strip_prefix(['v', 'V'])?.split_once('.')?;
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = !version.is_empty() && is_hex(version) && !address.is_empty();
        let is_valid = |byte: u8| is_unreserved(byte) || is_delimiter(byte) || byte == b':';
        let fits = fits && address.bytes().all(is_valid);
        fits.then(|| Self::Domain(format!("[{}]", text.to_ascii_lowercase()).into()))
    }

    fn plain(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let is_valid = |byte: u8| is_unreserved(byte) || is_delimiter(byte) || byte == b'%';
        let fits = !text.is_empty() && text.bytes().all(is_valid) && are_escapes_whole(text);
        fits.then(|| Self::Domain(text.to_ascii_lowercase().into()))
    }
}

/// `unreserved` of RFC 3986.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `sub-delims` of RFC 3986, but for the comma: two hosts that were joined are not one (SPEC D-34).
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+;=".contains(&byte)
}

/// Whether each `%` begins two hex digits.
fn are_escapes_whole(text: &str) -> bool {
    let mut after = text.split('%').skip(1).map(str::as_bytes);
    after.all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit))
}

/// Nothing, or a colon and a port, which may be empty.
fn port_after_colon(text: &str) -> Option<Option<u16>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.strip_prefix(':')?;
    match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true if digits.is_empty() => Some(None),
        true => digits.parse().ok().map(Some),
        false => None,
    }
}
