//! [`Party`]: who a request counts against, and how many places one party may have.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The principal of a request, which owns what the request opens. What was opened without a principal is
/// shared by all clients without one, and no others (SPEC F-50, G-20).
pub(crate) type Owner = Arc<str>;

/// Who a request counts against: its principal, or else its network address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    Principal(Owner),
    Address(Net),
}

/// What kind of party reached its limit, for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Principal,
    Address,
}

/// The part of an address that its host cannot choose: the first 64 bits of an IPv6 address, because a single
/// host commonly has a whole /64. An IPv4 address becomes the IPv6 prefix that RFC 3056 gives its host.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Net([u8; 8]);

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) all: usize,
    /// For one principal (SPEC C-77, PITFALLS R-7).
    pub(crate) each: Each,
}

/// How many of the places one principal may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Each {
    /// The default: this many, or half of all if that is less.
    Usual(usize),
    /// This many, as the embedder set it.
    Set(usize),
}

/// All places are taken, and none can be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// This many in total.
    All(usize),
    /// This many for one party.
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

/// An address must not appear in a log (SPEC G-13).
impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net(..)")
    }
}

impl Caps {
    /// How many of the places one party may have; `None` if that is no less than all of them. An address may
    /// have half, rounded up, because many clients can share one.
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

/// Half of a limit, rounded up, so that one stays one.
pub(crate) fn half(limit: usize) -> usize {
    limit.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Each session stores one.
    #[test]
    fn a_party_is_no_larger_than_a_name() {
        assert_eq!(size_of::<Party>(), size_of::<Owner>());
    }

    /// FIELD X-10: addresses that one host can have are one net; all others are separate.
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

    /// FIELD X-10: an embedder that lowers the total still leaves room for others next to each principal.
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

    /// FIELD X-10: a principal has its own number, an address half; a share as large as the total is none.
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
