//! Which addresses are public: pure judgement of an [`IpAddr`], after the special-purpose registries of IANA
//! (RFC 6890 and its updates). Only globally reachable unicast passes; an address that embeds another one (mapped,
//! compatible, NAT64, 6to4, Teredo, ISATAP) passes only if that one does too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a stranger may make this server post to the address.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// A block of IPv4 addresses: its first address and the length of its prefix in bits.
type BlockV4 = (Ipv4Addr, u32);
/// A block of IPv6 addresses, likewise.
type BlockV6 = (Ipv6Addr, u32);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> BlockV4 {
    (Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u32) -> BlockV6 {
    (Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// IANA IPv4 Special-Purpose Address Registry, with multicast. Blocks that IANA calls reachable are here too where no
/// push service can live in them (anycast, relays).
const SPECIAL_V4: [BlockV4; 18] = [
    v4(0, 0, 0, 0, 8),       // this network, RFC 791
    v4(10, 0, 0, 0, 8),      // private use, RFC 1918
    v4(100, 64, 0, 0, 10),   // shared address space (CGNAT), RFC 6598
    v4(127, 0, 0, 0, 8),     // loopback, RFC 1122
    v4(169, 254, 0, 0, 16),  // link local and cloud metadata, RFC 3927
    v4(172, 16, 0, 0, 12),   // private use, RFC 1918
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments, RFC 6890
    v4(192, 0, 2, 0, 24),    // documentation (TEST-NET-1), RFC 5737
    v4(192, 31, 196, 0, 24), // AS112, RFC 7535
    v4(192, 52, 193, 0, 24), // AMT, RFC 7450
    v4(192, 88, 99, 0, 24),  // 6to4 relay anycast, RFC 7526
    v4(192, 168, 0, 0, 16),  // private use, RFC 1918
    v4(192, 175, 48, 0, 24), // direct delegation AS112, RFC 7534
    v4(198, 18, 0, 0, 15),   // benchmarking, RFC 2544
    v4(198, 51, 100, 0, 24), // documentation (TEST-NET-2), RFC 5737
    v4(203, 0, 113, 0, 24),  // documentation (TEST-NET-3), RFC 5737
    v4(224, 0, 0, 0, 4),     // multicast, RFC 5771
    v4(240, 0, 0, 0, 4),     // reserved and limited broadcast, RFC 1112, RFC 8190
];

/// Global unicast, RFC 4291: whatever lies outside (loopback, unique local, link local, multicast, unassigned) is
/// refused without being named.
const GLOBAL_UNICAST_V6: BlockV6 = v6(0x2000, 0, 0, 0, 3);

/// What is special within global unicast, less the blocks that embed IPv4 addresses.
const SPECIAL_V6: [BlockV6; 5] = [
    v6(0x2001, 0, 0, 0, 23), // IETF protocol assignments (ORCHID, benchmarking, …), RFC 2928
    v6(0x2001, 0x0db8, 0, 0, 32), // documentation, RFC 3849
    v6(0x2620, 0x004f, 0x8000, 0, 48), // direct delegation AS112, RFC 7534
    v6(0x3ffe, 0, 0, 0, 16), // 6bone, returned, RFC 3701
    v6(0x3fff, 0, 0, 0, 20), // documentation, RFC 9637
];

const NAT64_V6: BlockV6 = v6(0x0064, 0xff9b, 0, 0, 96); // RFC 6052
const NAT64_LOCAL_V6: BlockV6 = v6(0x0064, 0xff9b, 1, 0, 48); // RFC 8215
const TEREDO_V6: BlockV6 = v6(0x2001, 0, 0, 0, 32); // RFC 4380
const SIX_TO_FOUR_V6: BlockV6 = v6(0x2002, 0, 0, 0, 16); // RFC 3056

fn within_v4(address: Ipv4Addr, (first, prefix): BlockV4) -> bool {
    (address.to_bits() ^ first.to_bits()) >> (Ipv4Addr::BITS - prefix) == 0
}

fn within_v6(address: Ipv6Addr, (first, prefix): BlockV6) -> bool {
    (address.to_bits() ^ first.to_bits()) >> (Ipv6Addr::BITS - prefix) == 0
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|block| within_v4(address, *block))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // A mapped address is dialled as the IPv4 address it is.
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if within_v6(address, NAT64_V6) {
        return is_public_v4(low_v4(address));
    }
    // Translated inside one network: where the address lies within the prefix is that network's own choice.
    if within_v6(address, NAT64_LOCAL_V6) {
        return false;
    }
    if within_v6(address, TEREDO_V6) {
        let server = embedded_v4(address, 32);
        let client = Ipv4Addr::from_bits(!low_v4(address).to_bits());
        return is_public_v4(server) && is_public_v4(client);
    }
    if within_v6(address, SIX_TO_FOUR_V6) && !is_public_v4(embedded_v4(address, 16)) {
        return false;
    }
    if is_isatap(address) && !is_public_v4(low_v4(address)) {
        return false;
    }
    within_v6(address, GLOBAL_UNICAST_V6) && !SPECIAL_V6.iter().any(|block| within_v6(address, *block))
}

/// RFC 5214: an interface identifier of `0000:5efe` or `0200:5efe` and an IPv4 address.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = address.segments();
    low == 0x5efe && matches!(high, 0x0000 | 0x0200)
}

/// The IPv4 address in the last 32 bits.
fn low_v4(address: Ipv6Addr) -> Ipv4Addr {
    embedded_v4(address, 96)
}

/// The IPv4 address that starts at this bit.
fn embedded_v4(address: Ipv6Addr, bit: u32) -> Ipv4Addr {
    let shifted = address.to_bits() >> (Ipv6Addr::BITS - 32 - bit);
    Ipv4Addr::from_bits((shifted & u128::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> bool {
        is_public(text.parse().unwrap_or_else(|_| panic!("{text} is no address")))
    }

    #[test]
    fn refuses_every_special_block_of_ipv4_from_its_first_to_its_last_address() {
        for (name, first, last) in [
            ("this network", "0.0.0.0", "0.255.255.255"),
            ("private use 10", "10.0.0.0", "10.255.255.255"),
            ("shared address space", "100.64.0.0", "100.127.255.255"),
            ("loopback", "127.0.0.0", "127.255.255.255"),
            ("link local", "169.254.0.0", "169.254.255.255"),
            ("cloud metadata", "169.254.169.254", "169.254.170.2"),
            ("private use 172", "172.16.0.0", "172.31.255.255"),
            ("IETF protocol assignments", "192.0.0.0", "192.0.0.255"),
            ("TEST-NET-1", "192.0.2.0", "192.0.2.255"),
            ("AS112", "192.31.196.0", "192.31.196.255"),
            ("AMT", "192.52.193.0", "192.52.193.255"),
            ("6to4 relay anycast", "192.88.99.0", "192.88.99.255"),
            ("private use 192", "192.168.0.0", "192.168.255.255"),
            ("direct delegation AS112", "192.175.48.0", "192.175.48.255"),
            ("benchmarking", "198.18.0.0", "198.19.255.255"),
            ("TEST-NET-2", "198.51.100.0", "198.51.100.255"),
            ("TEST-NET-3", "203.0.113.0", "203.0.113.255"),
            ("multicast", "224.0.0.0", "239.255.255.255"),
            ("reserved", "240.0.0.0", "255.255.255.254"),
            ("limited broadcast", "255.255.255.255", "255.255.255.255"),
        ] {
            assert!(!judge(first), "{name}: {first}");
            assert!(!judge(last), "{name}: {last}");
        }
    }

    #[test]
    fn refuses_every_special_block_of_ipv6_from_its_first_to_its_last_address() {
        for (name, first, last) in [
            ("unspecified", "::", "::"),
            ("loopback", "::1", "::1"),
            ("reserved", "::2:0:0", "ff:ffff::"),
            ("local NAT64", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("local NAT64 of a public address", "64:ff9b:1::808:808", "64:ff9b:1::808:808"),
            ("discard only", "100::", "100::ffff:ffff:ffff:ffff"),
            ("dummy prefix", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
            ("IETF protocol assignments", "2001:1::", "2001:1ff:ffff::"),
            ("port control anycast", "2001:1::1", "2001:1::3"),
            ("benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
            ("AMT", "2001:3::", "2001:3:ffff::"),
            ("AS112", "2001:4:112::", "2001:4:112:ffff::"),
            ("ORCHID", "2001:10::", "2001:1f:ffff::"),
            ("ORCHIDv2", "2001:20::", "2001:2f:ffff::"),
            ("drone remote identification", "2001:30::", "2001:3f:ffff::"),
            ("documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("direct delegation AS112", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
            ("6bone", "3ffe::", "3ffe:ffff::"),
            ("new documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("unassigned 4000", "4000::", "5eff::"),
            ("segment routing", "5f00::", "5f00:ffff::"),
            ("unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("link local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("site local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert!(!judge(first), "{name}: {first}");
            assert!(!judge(last), "{name}: {last}");
        }
    }

    #[test]
    fn judges_embedded_addresses_by_what_they_embed() {
        for (name, private, public) in [
            ("NAT64", "64:ff9b::10.0.0.1", Some("64:ff9b::8.8.8.8")),
            ("6to4", "2002:7f00:1::1", Some("2002:808:808::1")),
            ("6to4 of metadata", "2002:a9fe:a9fe::", None),
            ("Teredo client", "2001:0:808:808:0:0:80ff:fffe", None),
            ("Teredo server", "2001:0:a00:1:0:0:f7f7:f7f7", Some("2001:0:808:808:0:0:f7f7:f7f7")),
            ("ISATAP", "2a00:1450::5efe:10.0.0.1", Some("2a00:1450::5efe:8.8.8.8")),
            ("ISATAP, universal", "2a00:1450::200:5efe:127.0.0.1", Some("2a00:1450::200:5efe:8.8.8.8")),
            ("mapped", "::ffff:127.0.0.1", Some("::ffff:8.8.8.8")),
            // Deprecated ways to embed that nobody routes.
            ("translated", "::ffff:0:127.0.0.1", None),
            ("compatible", "::127.0.0.1", None),
            ("compatible public", "::8.8.8.8", None),
        ] {
            assert!(!judge(private), "{name}: {private}");
            if let Some(public) = public {
                assert!(judge(public), "{name}: {public}");
            }
        }
    }

    #[test]
    fn lets_public_addresses_pass_up_to_the_neighbours_of_special_blocks() {
        for text in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7::1",
            "2001:db9::1",
            "2a00:1450:4001:81b::200a",
            "2620:4f:7fff::1",
            "3ffd::1",
            "3fff:1000::1",
        ] {
            assert!(judge(text), "{text}");
        }
    }
}
