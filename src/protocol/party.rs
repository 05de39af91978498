//! [`Party`]: whom a place is counted for, and how many places one may have beside the others.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The principal of a request, who owns what the request opens. What was opened without one belongs to all
/// who come without one, and to nobody else (SPEC F-50, G-20).
pub(crate) type Owner = Arc<str>;

/// Whom a request is counted for. Where nobody is identified, that is where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    Principal(Owner),
    Address(Net),
}

/// What kind of party met its limit, for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Principal,
    Address,
}

/// The part of an address that its host cannot choose: the first 64 bits of an IPv6 address, behind which a
/// single host commonly has all. An IPv4 address is the part that RFC 3056 gives its host in IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Net([u8; 8]);

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) all: usize,
    /// Of one principal (SPEC C-77, PITFALLS R-7).
    pub(crate) each: Each,
}

/// How many of the places one principal may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Each {
    /// So many, or half of all if that is less: nobody asked for another number.
    Usual(usize),
    /// So many, as the embedder has it.
    Set(usize),
}

/// All places are taken, and nothing gives its place up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many as there are.
    All(usize),
    /// As many as one party may have.
    Each(usize, Whose),
}

impl Party {
    /// The principal, if it is one.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Principal(owner) => Some(owner),
            Self::Address(_) => None,
        }
    }

    pub(crate) fn whose(&self) -> Whose {
        match self {
            Self::Principal(_) => Whose::Principal,
            Self::Address(_) => Whose::Address,
        }
    }
}

impl Net {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self([0x20, 0x02, a, b, c, d, 0, 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// Whose address it is, is nobody's to read in a log (SPEC G-13).
impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net(..)")
    }
}

impl Caps {
    /// How many of the places one party may have; `None` where that is no less than all of them. An
    /// address may have half, rounded up, because many clients can stand behind it.
    pub(crate) fn share(self, party: &Party) -> Option<usize> {
        let share = match party {
            Party::Principal(_) => match self.each {
                Each::Usual(each) => each.min(half(self.all)),
                Each::Set(each) => each,
            },
            Party::Address(_) => half(self.all),
        };
        (share < self.all).then_some(share)
    }
}

/// Half of a limit, rounded up: one is never none.
pub(crate) fn half(limit: usize) -> usize {
    limit.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Each session has one.
    #[test]
    fn a_party_is_no_larger_than_a_name() {
        assert_eq!(size_of::<Party>(), size_of::<Owner>());
    }

    /// FIELD X-10: addresses that one host can have are one; all others are apart.
    #[test]
    fn addresses_of_one_host_are_one_net() {
        let net = |address: &str| Net::of(address.parse().unwrap());
        for (one, other, is_same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "2002:c000:201::1", true),
            ("::1", "0.0.0.0", false),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(net(one) == net(other), is_same, "{one} {other}");
        }
    }

    /// FIELD X-10: whoever lowers what all may have keeps room for others beside each principal.
    #[test]
    fn the_usual_share_of_a_principal_is_half_at_most() {
        for (all, share) in [
            (10_000, Some(1_000)),
            (100, Some(50)),
            (3, Some(2)),
            (1, None),
        ] {
            let each = Each::Usual(1_000);
            let ada = Party::Principal("ada".into());
            assert_eq!(Caps { all, each }.share(&ada), share, "{all}");
        }
    }

    /// FIELD X-10: a principal has its number, an address half; a share that is no less than all is none.
    #[test]
    fn a_share_is_less_than_all() {
        let (ada, here) = (
            Party::Principal("ada".into()),
            Party::Address(Net::of(Ipv4Addr::LOCALHOST.into())),
        );
        for (all, each, of_ada, of_here) in [
            (10_000, 1_000, Some(1_000), Some(5_000)),
            (5, 9, None, Some(3)),
            (2, 1, Some(1), Some(1)),
            (1, 1, None, None),
            (0, 0, None, None),
            (usize::MAX, usize::MAX, None, Some(usize::MAX / 2 + 1)),
        ] {
            let each = Each::Set(each);
            let caps = Caps { all, each };
            let shares = (caps.share(&ada), caps.share(&here));
            assert_eq!(shares, (of_ada, of_here), "{caps:?}");
        }
    }
}
