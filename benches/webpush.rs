//! The protocol's pure parts beside their limits: encryption, key agreement, VAPID, what answers mean, Retry-After.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, dead_code, reason = "a program of its own")]

mod limits;
mod paths;

use std::hint::black_box;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use criterion::{Criterion, criterion_group, criterion_main};
use fanfare::webpush::{AgreementKey, AwsLcKey, Ephemeral, P256Key};

use limits::{Limit, beside, beside_run};
use paths::PAYLOAD_OCTETS;
use paths::webpush::{PURE, Signer, seal, subscription_keys};

/// Payloads: none, a usual one, the largest.
const PAYLOADS: [(&str, usize); 3] = [
    ("encrypt 0 octets", 0),
    ("encrypt 1,000 octets", PAYLOAD_OCTETS),
    ("encrypt 3,993 octets", fanfare::domain::limits::PAYLOAD_OCTETS_MAX),
];

/// The curve as the library has it: a new key pair, and its agreement with a subscription's key.
fn curve() -> Limit {
    let peer = subscription_keys().p256dh;
    Limit::new("aws-lc-rs: key pair and ECDH", move || {
        let private = PrivateKey::generate(&ECDH_P256).unwrap();
        black_box(private.compute_public_key().unwrap());
        let peer = UnparsedPublicKey::new(&ECDH_P256, &peer);
        black_box(agree(&private, peer, (), |secret| Ok(secret.to_vec())).unwrap());
    })
}

/// The cipher as the library has it.
fn cipher(octets: usize) -> Limit {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[1; 16]).unwrap());
    let mut text = vec![b'x'; octets + 1];
    Limit::new("aws-lc-rs: AES-128-GCM", move || {
        let nonce = Nonce::assume_unique_for_key([2; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), black_box(&mut text));
        let _ = black_box(tag.unwrap());
    })
}

fn encryption(criterion: &mut Criterion) {
    for (name, octets) in PAYLOADS {
        let (keys, payload) = (subscription_keys(), vec![b'x'; octets]);
        let run = move || {
            black_box(seal(&keys, black_box(&payload), Ephemeral::fresh().unwrap()));
        };
        beside_run(criterion, name, 1, run, vec![curve(), cipher(octets), Limit::copy(octets)]);
    }
}

fn agrees<K: AgreementKey>(criterion: &mut Criterion, name: &str) {
    let peer = subscription_keys().p256dh;
    let run = || {
        black_box(K::generate().unwrap().agree(&peer).unwrap());
    };
    beside_run(criterion, name, 1, run, vec![curve()]);
}

fn agreement(criterion: &mut Criterion) {
    agrees::<AwsLcKey>(criterion, "key pair and agreement, aws-lc-rs");
    agrees::<P256Key>(criterion, "key pair and agreement, p256");
}

fn authorization(criterion: &mut Criterion) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let raw = Limit::new("aws-lc-rs: ES256", move || {
        black_box(pair.sign(&random, black_box(&[b'x'; 180])).unwrap());
    });
    let signer = Signer::new();
    let sign = || {
        black_box(signer.sign());
    };
    beside_run(criterion, "sign a VAPID token, once an hour", 1, sign, vec![raw]);
    let token = signer.sign();
    let clone = || {
        black_box(token.authorization().clone());
    };
    let octets = token.authorization().len();
    beside_run(criterion, "VAPID header of a request", 1, clone, vec![Limit::copy(octets)]);
}

fn plain(criterion: &mut Criterion) {
    for path in &PURE {
        beside(criterion, path, vec![Limit::copy(PAYLOAD_OCTETS)]);
    }
}

criterion_group!(benches, encryption, agreement, authorization, plain);
criterion_main!(benches);
