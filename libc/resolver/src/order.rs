//! The order in which a host's addresses are tried (RFC 6724, section 6).

use crate::address::ScopedAddress;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::{IpAddr, Ipv6Addr};

/// A line of the policy table (section 2.1).
struct Policy {
    prefix: Ipv6Addr,
    length: u32,
    precedence: u8,
    label: u8,
}

const fn policy(prefix: [u16; 8], length: u32, precedence: u8, label: u8) -> Policy {
    let [a, b, c, d, e, f, g, h] = prefix;
    Policy {
        prefix: Ipv6Addr::new(a, b, c, d, e, f, g, h),
        length,
        precedence,
        label,
    }
}

/// The longest prefixes first, so that the first that fits is the one.
const POLICIES: [Policy; 9] = [
    policy([0, 0, 0, 0, 0, 0, 0, 1], 128, 50, 0),
    policy([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, 35, 4),
    policy([0, 0, 0, 0, 0, 0, 0, 0], 96, 1, 3),
    policy([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 5, 5),
    policy([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 30, 2),
    policy([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, 1, 12),
    policy([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, 1, 11),
    policy([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, 3, 13),
    policy([0, 0, 0, 0, 0, 0, 0, 0], 0, 40, 1),
];

fn as_six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// How many bits two addresses have in common at their beginnings.
fn common_bits(first: Ipv6Addr, second: Ipv6Addr) -> u32 {
    (first.to_bits() ^ second.to_bits()).leading_zeros()
}

fn policy_of(address: Ipv6Addr) -> &'static Policy {
    let [.., any] = &POLICIES;
    let fits = |policy: &&Policy| common_bits(policy.prefix, address) >= policy.length;
    POLICIES.iter().find(fits).unwrap_or(any)
}

/// How far an address reaches (section 3.1): the numbers are those of multicast scopes.
fn scope_of(address: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(address) => match address.octets() {
            [0xff, scope, ..] => scope & 0xf,
            [0xfe, second, ..] if second & 0xc0 == 0xc0 => SITE,
            _ if address.is_loopback() || address.is_unicast_link_local() => LINK,
            _ => GLOBAL,
        },
    }
}

/// What addresses are compared by; smaller is better. Rules 3, 4 and 7 ask what a program cannot know.
type Rank = (bool, bool, bool, Reverse<u8>, u8, Reverse<u32>);

fn rank(address: IpAddr, source: Option<IpAddr>) -> Rank {
    let (six, scope) = (as_six(address), scope_of(address));
    let policy = policy_of(six);
    let Some(source) = source else {
        return (
            true,
            true,
            true,
            Reverse(policy.precedence),
            scope,
            Reverse(0),
        );
    };
    // Rule 9 is about IPv6: for IPv4 it would undo the turns that a name server gives its hosts.
    let common = match (address, source) {
        (IpAddr::V6(address), IpAddr::V6(source)) => common_bits(address, source).min(64),
        _ => 0,
    };
    (
        false,
        scope_of(source) != scope,
        policy_of(as_six(source)).label != policy.label,
        Reverse(policy.precedence),
        scope,
        Reverse(common),
    )
}

/// Puts the addresses first that are likely to work best. `source` tells which address of this
/// machine's a packet to one would come from, if there is a way.
pub fn sort(
    addresses: &mut Vec<ScopedAddress>,
    source: &mut dyn FnMut(&ScopedAddress) -> Option<IpAddr>,
) {
    if addresses.len() < 2 {
        return;
    }
    let mut ranked: Vec<(Rank, ScopedAddress)> = (addresses.iter())
        .map(|address| (rank(address.address, source(address)), *address))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    *addresses = ranked.into_iter().map(|(_, address)| address).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    /// Sorts; this machine has the addresses `own`, and packets come from that of the same family.
    fn sorted(addresses: &[&str], own: &[&str]) -> Vec<String> {
        let parse = |text: &&str| text.parse::<IpAddr>().unwrap();
        let own: Vec<IpAddr> = own.iter().map(parse).collect();
        let mut list: Vec<ScopedAddress> =
            addresses.iter().map(|text| parse(text).into()).collect();
        sort(&mut list, &mut |to| {
            let fits = |from: &&IpAddr| {
                from.is_ipv4() == to.address.is_ipv4()
                    && from.is_loopback() == to.address.is_loopback()
            };
            own.iter().find(fits).copied()
        });
        list.iter()
            .map(|address| address.address.to_string())
            .collect()
    }

    #[test]
    fn what_cannot_be_reached_comes_last() {
        let found = sorted(&["2001:db8::1", "192.0.2.1"], &["10.0.2.15"]);
        assert_eq!(found, ["192.0.2.1", "2001:db8::1"]);
    }

    #[test]
    fn ipv6_comes_before_ipv4_where_both_work() {
        let found = sorted(&["192.0.2.1", "2a00::1"], &["10.0.2.15", "2a01::5"]);
        assert_eq!(found, ["2a00::1", "192.0.2.1"]);
    }

    #[test]
    fn a_site_local_source_does_not_win_a_global_address() {
        // As on QEMU's user network, which gives fec0:: addresses and has no way further.
        let found = sorted(
            &["2a00::1", "192.0.2.1"],
            &["10.0.2.15", "fec0::5054:ff:fe12:3456"],
        );
        assert_eq!(found, ["192.0.2.1", "2a00::1"]);
    }

    #[test]
    fn the_loopback_of_ipv6_comes_first() {
        let found = sorted(&["127.0.0.1", "::1"], &["127.0.0.1", "::1"]);
        assert_eq!(found, ["::1", "127.0.0.1"]);
    }

    #[test]
    fn addresses_of_ipv4_keep_their_order() {
        let addresses = ["192.0.2.9", "10.0.2.1", "192.0.2.1"];
        assert_eq!(sorted(&addresses, &["10.0.2.15"]), addresses);
    }

    #[test]
    fn the_nearer_network_comes_first_in_ipv6() {
        let found = sorted(&["2a00::1", "2a01:1::1"], &["2a01:1::5"]);
        assert_eq!(found, ["2a01:1::1", "2a00::1"]);
    }
}
