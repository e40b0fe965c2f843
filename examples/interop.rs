//! What `tests/interop/run` gives to libraries that nobody here wrote, as lines of JSON:
//!
//! - `interop messages N`: N messages in each content encoding, with the receiver's keys
//! - `interop headers N`: N pairs of VAPID headers, in both schemes, each by a new key pair
//! - `interop import`: reads key pairs `{"publicKey":…,"privateKey":…}` from standard input and signs with each

use std::error::Error;
use std::io::{BufRead, Write};

use fanfare::domain::{
    Clock, ContentEncoding, Origin, Padding, SubscriptionKeys, SystemClock, Timestamp, VapidKeyId, limits,
};
use fanfare::webpush::keys::encode_base64url;
use fanfare::webpush::vapid::{self, TokenTimes};
use fanfare::webpush::{
    AgreementKey, AwsLcKey, Ephemeral, VapidKeyPair, aes128gcm, aesgcm, encrypt, encryption,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const AUDIENCE: &str = "https://push.example.net";
const CONTACT: &str = "mailto:push@example.com";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["messages", count] => {
            for number in 0..count.parse()? {
                for encoding in [ContentEncoding::Aes128Gcm, ContentEncoding::AesGcm] {
                    writeln!(out, "{}", message(number, encoding)?)?;
                }
            }
        }
        ["headers", count] => {
            for _ in 0..count.parse::<usize>()? {
                writeln!(out, "{}", headers(VapidKeyPair::generate()?)?)?;
            }
        }
        ["import"] => {
            for line in std::io::stdin().lock().lines() {
                let pair: Value = serde_json::from_str(&line?)?;
                let text = |name: &str| pair[name].as_str().ok_or("a key is missing");
                let pair = VapidKeyPair::import(text("privateKey")?, Some(text("publicKey")?))?;
                writeln!(out, "{}", headers(pair)?)?;
            }
        }
        _ => return Err("usage: interop messages N | headers N | import".into()),
    }
    Ok(out.flush()?)
}

/// Payloads of many sizes, the smallest and the largest among them, padded in every way.
fn message(number: usize, encoding: ContentEncoding) -> Result<Value, Box<dyn Error>> {
    let octets = match number {
        0 => 0,
        1 => limits::PAYLOAD_OCTETS_MAX,
        number => (number * 397) % limits::PAYLOAD_OCTETS_MAX,
    };
    let payload: Vec<u8> = (0..octets).map(|at| (at * 31 + number) as u8).collect();
    let padding = [Padding::None, Padding::PowerOfTwo, Padding::Maximum][number % 3];
    let receiver = AwsLcKey::generate()?;
    let mut auth = [0; 16];
    aws_lc_rs::rand::fill(&mut auth).map_err(|_| "no randomness")?;
    let keys = SubscriptionKeys { p256dh: *receiver.public(), auth };
    let limit = encryption::body_octets_max(0);
    let encrypted = encrypt(&keys, encoding, &payload, padding, limit, Ephemeral::fresh()?)?;
    let opened = match &encrypted.parameters {
        None => aes128gcm::decrypt(&receiver, &auth, &encrypted.body)?,
        Some(parameters) => aesgcm::decrypt(&receiver, &auth, parameters, &encrypted.body)?,
    };
    if opened != payload {
        return Err("what was encrypted does not decrypt".into());
    }
    let parameters = encrypted.parameters.as_ref();
    Ok(json!({
        "encoding": encoding.as_str(),
        "private": encode_base64url(&*receiver.private()?),
        "public": encode_base64url(receiver.public()),
        "auth": encode_base64url(&auth),
        "encryption": parameters.map(aesgcm::Parameters::encryption),
        "crypto_key": parameters.map(aesgcm::Parameters::crypto_key),
        "body": encode_base64url(&encrypted.body),
        "sha256": encode_base64url(&Sha256::digest(&payload)),
    }))
}

fn headers(pair: VapidKeyPair) -> Result<Value, Box<dyn Error>> {
    let key = pair.into_vapid_key(VapidKeyId(1), Timestamp::default());
    let audience = Origin::parse(AUDIENCE).ok_or("no origin")?;
    let token = vapid::sign(&key, &audience, CONTACT, TokenTimes::signed(SystemClock.now()))?;
    Ok(json!({
        "authorization": token.authorization().to_str()?,
        "authorization_webpush": token.authorization_webpush().to_str()?,
        "crypto_key": token.p256ecdsa(),
        "public": encode_base64url(token.public()),
        "aud": AUDIENCE,
        "sub": CONTACT,
        "exp": token.times().expires.as_secs(),
    }))
}
