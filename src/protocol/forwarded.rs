//! The trusted proxies, and the client behind a request that they forward.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderMap;

use super::header::X_FORWARDED_FOR;

/// The proxies that are trusted to name the client of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<Network>);

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Proxies {
    /// Parses entries, each an address or a network such as `10.0.0.0/8`; `Err` is an entry that is neither.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, &str> {
        let parse = |entry| Network::parse(entry).ok_or(entry);
        entries.iter().map(String::as_str).map(parse).collect()
    }

    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }

    /// The client of a request: the peer, unless the peer is a trusted proxy. Each proxy appends the address
    /// of its own peer to `X-Forwarded-For`. So the last address there that is not a trusted proxy is the
    /// client; what precedes it may be forged. An entry that is not an address ends the search.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // Several lines form one list.
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for entry in entries.map(<[u8]>::trim_ascii) {
            if !self.trust(client) {
                break;
            }
            match address(entry) {
                Some(address) => client = address,
                // RFC 9110, 5.6.1: an empty entry of a list does not count.
                None if entry.is_empty() => {}
                None => break,
            }
        }
        client
    }
}

impl FromIterator<Network> for Proxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl Network {
    fn parse(entry: &str) -> Option<Self> {
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (entry, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let whole = length(address);
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => whole,
        };
        if bits > whole {
            return None;
        }
        // An IPv4 address in IPv6 form begins with 96 fixed bits.
        let canonical = address.to_canonical();
        let bits = match whole - length(canonical) {
            0 => bits,
            mapped => bits.checked_sub(mapped)?,
        };
        Some(Self {
            address: canonical,
            bits,
        })
    }

    fn has(self, address: IpAddr) -> bool {
        let begin = |address: IpAddr| {
            let bits: u128 = match address {
                IpAddr::V4(address) => u32::from(address).into(),
                IpAddr::V6(address) => address.into(),
            };
            bits.checked_shr(length(address) - self.bits).unwrap_or(0)
        };
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && begin(address) == begin(self.address)
    }
}

/// How many bits an address has.
fn length(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// One entry of the header: an address, which some proxies put in brackets or follow with a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?;
    let bare = entry
        .strip_prefix('[')
        .and_then(|entry| entry.strip_suffix(']'));
    let address = bare.unwrap_or(entry).parse().ok();
    let with_port = || entry.parse().ok().map(|socket: SocketAddr| socket.ip());
    address
        .or_else(with_port)
        .map(|one: IpAddr| one.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn proxies(entries: &[&str]) -> Result<Proxies, String> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Proxies::parse(&entries).map_err(ToOwned::to_owned)
    }

    /// FIELD X-10: which client a request has, by its peer and its header.
    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "2001:db8:ff::/48"];
        let proxies = proxies(&trusted).unwrap();
        for (peer, lines, client) in [
            // A peer that is not a proxy is the client, whatever its header says.
            ("192.0.2.9", &["198.51.100.1"][..], "192.0.2.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the client wrote stands in front.
            ("127.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["127.0.0.1,198.51.100.1"], "198.51.100.1"),
            // A chain of proxies.
            ("127.0.0.1", &["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            // Several lines form one list.
            (
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.1", "10.2.2.2"],
                "198.51.100.1",
            ),
            // An entry that is not an address: the last address after it counts.
            ("127.0.0.1", &["198.51.100.1, unknown"], "127.0.0.1"),
            (
                "127.0.0.1",
                &["198.51.100.1, _hidden, 10.1.2.3"],
                "10.1.2.3",
            ),
            ("127.0.0.1", &["\u{e9}"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1.5"], "127.0.0.1"),
            ("127.0.0.1", &[" , 198.51.100.1 ,, "], "198.51.100.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            // Different forms of one address.
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("2001:db8:ff::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("2001:db8:ff::1", &["[2001:DB8::7]"], "2001:db8::7"),
            ("2001:db8:fe::1", &["2001:db8::7"], "2001:db8:fe::1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(X_FORWARDED_FOR, line);
            }
            let found = proxies.client(peer.parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    /// FIELD X-10: a network is compared by its bits, in IPv4 and IPv6.
    #[test]
    fn a_network_has_the_addresses_that_begin_alike() {
        for (network, address, has) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
            ("::ffff:192.0.2.0/120", "192.0.2.77", true),
            ("::ffff:192.0.2.0/120", "192.0.3.1", false),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("2001:db8::/33", "2001:db8:7fff::", true),
        ] {
            let proxies = proxies(&[network]).unwrap();
            assert_eq!(
                proxies.trust(address.parse().unwrap()),
                has,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for entry in [
            "",
            "nginx",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "10.0.0/8",
            "::/129",
            "127.0.0.1:80",
            "::ffff:10.0.0.0/8",
            " 10.0.0.1",
        ] {
            assert_eq!(proxies(&["::1", entry]).unwrap_err(), entry);
        }
    }
}
