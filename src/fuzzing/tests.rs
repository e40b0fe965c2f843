//! The seeds, and whatever once was found, through their targets: `fuzz/seeds/TARGET.txt` has one input on a line, with
//! the escapes `\n`, `\r`, `\t`, `\\` and `\xNN`.

use super::*;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target, &str); 7] = [
    ("answers", answers, include_str!("../../fuzz/seeds/answers.txt")),
    ("endpoints", endpoints, include_str!("../../fuzz/seeds/endpoints.txt")),
    ("records", records, include_str!("../../fuzz/seeds/records.txt")),
    ("requests", requests, include_str!("../../fuzz/seeds/requests.txt")),
    ("sandbox_connections", sandbox_connections, include_str!("../../fuzz/seeds/sandbox_connections.txt")),
    ("sandbox_posts", sandbox_posts, include_str!("../../fuzz/seeds/sandbox_posts.txt")),
    ("tokens", tokens, include_str!("../../fuzz/seeds/tokens.txt")),
];

fn unescape(line: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = line.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next().expect("something behind the backslash") {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => panic!("{} is no escape", char::from(other)),
        });
    }
    octets
}

#[test]
fn seeds_are_borne() {
    for (name, target, seeds) in TARGETS {
        assert!(seeds.lines().count() >= 3, "{name}");
        for seed in seeds.lines() {
            let seed = unescape(seed);
            target(&seed);
            // And what is left when a connection breaks.
            for end in 0..seed.len() {
                target(&seed[..end]);
            }
        }
    }
}
