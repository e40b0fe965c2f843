//! The table of hostile endpoints, and that of friendly ones, as data: for the tests of the transport and for
//! `cargo drill hostile`.
#![allow(clippy::expect_used, reason = "the tables are part of the tests")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const BLOCKS: &str = include_str!("blocks.txt");
const ENDPOINTS: &str = include_str!("endpoints.txt");
const FRIENDLY: &str = include_str!("friendly.txt");

/// What must refuse an endpoint; see `endpoints.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gate {
    Url,
    Scheme,
    Host,
    Port,
    Path,
    Address,
    Dial,
}

impl Gate {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "url" => Self::Url,
            "scheme" => Self::Scheme,
            "host" => Self::Host,
            "port" => Self::Port,
            "path" => Self::Path,
            "address" => Self::Address,
            "dial" => Self::Dial,
            _ => return None,
        })
    }
}

/// A hostile endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Hostile {
    pub(crate) gate: Gate,
    pub(crate) endpoint: String,
    /// What its name resolves to; empty where it has none.
    pub(crate) answers: Vec<IpAddr>,
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// All of them, for a listener on this port of loopback.
pub(crate) fn hostile(port: u16) -> Vec<Hostile> {
    let port_text = port.to_string();
    let mut all: Vec<_> = lines(ENDPOINTS)
        .map(|line| {
            let mut columns = line.split_whitespace();
            let mut column = || columns.next().unwrap_or_default();
            Hostile {
                gate: Gate::parse(column()).expect(line),
                endpoint: column().replace("{port}", &port_text),
                answers: column().split(',').filter_map(|address| address.parse().ok()).collect(),
            }
        })
        .collect();
    for (number, line) in lines(BLOCKS).enumerate() {
        let address: IpAddr = line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect(line);
        for host in notations(address) {
            let endpoint = format!("https://{host}:{port}/x");
            all.push(Hostile { gate: Gate::Address, endpoint, answers: Vec::new() });
        }
        let good: IpAddr = Ipv4Addr::new(8, 8, 8, 8).into();
        let ways = [("only", vec![address]), ("first", vec![address, good]), ("last", vec![good, address])];
        for (way, answers) in ways {
            let endpoint = format!("https://{way}-{number}.example:{port}/x");
            all.push(Hostile { gate: Gate::Dial, endpoint, answers });
        }
    }
    all
}

/// An address in every notation that a URL parser takes, and as every address that embeds it.
fn notations(address: IpAddr) -> Vec<String> {
    let v4 = match address {
        IpAddr::V4(v4) => v4,
        IpAddr::V6(v6) => {
            let long = v6.segments().map(|segment| format!("{segment:04X}")).join(":");
            return vec![format!("[{v6}]"), format!("[{long}]")];
        }
    };
    let [a, b, c, d] = v4.octets().map(u32::from);
    let all = v4.to_bits();
    let (high, low) = (all >> 16, all & 0xffff);
    let plain = v4.to_string();
    let instead = |digits: [char; 10], dot: char| -> String {
        plain.chars().map(|c| c.to_digit(10).map_or(dot, |digit| digits[digit as usize])).collect()
    };
    let embedding = |first: u128| format!("[{}]", Ipv6Addr::from_bits(first | u128::from(all)));
    vec![
        format!("{plain}."),
        format!("{all}"),
        format!("{all:#x}"),
        format!("0X{all:08X}"),
        format!("0{all:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.{b}.0{c:o}.{d}"),
        format!("{a}.{b}.{}", c << 8 | d),
        format!("{a}.{}", all & 0x00ff_ffff),
        instead(['０', '１', '２', '３', '４', '５', '６', '７', '８', '９'], '。'),
        instead(['⓪', '①', '②', '③', '④', '⑤', '⑥', '⑦', '⑧', '⑨'], '.'),
        plain.bytes().map(|octet| format!("%{octet:02x}")).collect::<Vec<_>>().concat(),
        format!("[::ffff:{plain}]"),
        format!("[0:0:0:0:0:FFFF:{high:04X}:{low:04X}]"),
        // Compatible (deprecated), translated, NAT64, and NAT64 inside one network.
        embedding(0),
        embedding(0xffff << 48),
        embedding(0x0064_ff9b << 96),
        embedding(0x0064_ff9b_0001 << 80),
        // 6to4; Teredo's server, and its client, whose bits are turned; ISATAP.
        format!("[2002:{high:x}:{low:x}::1]"),
        format!("[2001:0:{high:x}:{low:x}::f7f7:f7f7]"),
        format!("[2001:0:808:808::{:x}:{:x}]", !high & 0xffff, !low & 0xffff),
        embedding(0x2a00_1450 << 96 | 0x0000_5efe << 32),
        embedding(0x2a00_1450 << 96 | 0x0200_5efe << 32),
        plain,
    ]
}

/// Endpoints that pass.
pub(crate) fn friendly() -> impl Iterator<Item = &'static str> {
    lines(FRIENDLY)
}
