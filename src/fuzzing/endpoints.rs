//! Endpoints, the policy of hosts, and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use crate::domain::{Endpoint, EndpointPolicy as _, Origin};
use crate::transport::address::is_public;
use crate::transport::{HostPolicy, Profile, PushServicesSettings};
use crate::webpush::push_service::{KNOWN_HOSTS, PushService};

static ANY: LazyLock<Option<HostPolicy>> = LazyLock::new(|| policy(Profile::AnyPublicHost));
static KNOWN: LazyLock<Option<HostPolicy>> = LazyLock::new(|| policy(Profile::KnownPushServices));

fn policy(profile: Profile) -> Option<HostPolicy> {
    HostPolicy::new(&PushServicesSettings { profile, ..PushServicesSettings::default() }).ok()
}

/// A URL, whose octets are an address too.
///
/// # Panics
/// When a promise does not hold.
pub fn endpoints(data: &[u8]) {
    if let Some(octets) = data.first_chunk::<16>() {
        address(*octets);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(endpoint) = Endpoint::parse(text, true) else { return };
    assert_eq!(endpoint.as_given(), text);
    assert_eq!(Endpoint::restore(text).as_ref(), Ok(&endpoint), "what is stored is read as it was judged");
    let one = Endpoint::parse(endpoint.expose(), true);
    assert_eq!(one.as_ref().map(Endpoint::spelling), Ok(None), "its one spelling is one");
    assert_eq!(one.as_ref(), Ok(&endpoint));
    let origin = endpoint.origin();
    assert_eq!(Origin::parse(origin.as_str()).as_ref(), Some(origin), "an origin is its own origin");
    // What is dialled is what was judged: the client reads the URL with the same parser.
    let authority = text.split(['/', '?', '#']).nth(2).unwrap_or_default();
    assert!(text.to_ascii_lowercase().starts_with(if origin.is_https() { "https://" } else { "http://" }));
    assert!(!authority.contains(['@', '\\']), "who reads the authority otherwise finds another host");
    let _ = PushService::of(&endpoint);
    let allowed = |policy: &Option<HostPolicy>| policy.as_ref().is_some_and(|it| it.check(&endpoint).is_ok());
    let host = origin.host();
    if allowed(&ANY) {
        assert!(origin.is_https() && origin.port() == 443 && !host.ends_with('.'));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        assert!(bare.parse().is_ok_and(is_public) || bare.parse::<IpAddr>().is_err(), "{host}");
    }
    if allowed(&KNOWN) {
        assert!(allowed(&ANY) && KNOWN_HOSTS.iter().any(|known| known.matches(host)));
        // What the URL Standard lets stand in a domain.
        let forbidden = |octet: u8| octet.is_ascii_control() || b" #%/:<>?@[\\]^|".contains(&octet);
        assert!(host.is_ascii() && !host.bytes().any(forbidden), "{host}");
    }
}

/// However an IPv4 address is dressed as IPv6, it is as public as it is by itself at most.
fn address(octets: [u8; 16]) {
    let plain = Ipv6Addr::from(octets);
    let _ = is_public(plain.into());
    let rest = plain.to_bits();
    let v4 = Ipv4Addr::from_bits((rest >> 96) as u32);
    let low = u128::from(v4.to_bits());
    let block = |first: u128, prefix: u32| first | (rest >> prefix & !u128::from(u32::MAX));
    let dressed = [
        v4.to_ipv6_mapped(),
        v4.to_ipv6_compatible(),
        Ipv6Addr::from_bits(0x0064_ff9b << 96 | low),
        Ipv6Addr::from_bits(block(0x0064_ff9b_0001 << 80, 48) | low),
        Ipv6Addr::from_bits(0x2002 << 112 | low << 80 | rest >> 48),
        // Teredo: the server, and the client, whose bits are turned.
        Ipv6Addr::from_bits(0x2001_0000 << 96 | low << 64 | rest >> 64),
        Ipv6Addr::from_bits(0x2001_0000_0808_0808 << 64 | u128::from(!v4.to_bits())),
        // ISATAP.
        Ipv6Addr::from_bits(0x2a00_1450 << 96 | 0x0000_5efe << 32 | low),
        Ipv6Addr::from_bits(0x2a00_1450 << 96 | 0x0200_5efe << 32 | low),
    ];
    if !is_public(v4.into()) {
        for address in dressed {
            assert!(!is_public(address.into()), "{address} of {v4}");
        }
    }
}
