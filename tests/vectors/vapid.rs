//! Tokens of RFC 8292 and of other senders, and ours as a push service reads them.

use std::time::Duration;

use fanfare::domain::{Origin, Timestamp, VapidKeyId};
use fanfare::webpush::VapidKeyPair;
use fanfare::webpush::vapid::{self, Scheme, TokenTimes, VerifyError};

use super::{VECTORS, list, text};

fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

fn header(t: &str, k: &str) -> String {
    format!("vapid t={t}, k={k}")
}

/// An hour before the token ends.
fn before(exp: u64) -> Timestamp {
    Timestamp::from_secs(exp - 3_600)
}

#[test]
fn rfc_8292_section_2_4() {
    let vector = &VECTORS["rfc8292"];
    let (t, k) = (text(vector, "t"), text(vector, "k"));
    let audience = origin(text(&vector["claims"], "aud"));
    let exp = vector["claims"]["exp"].as_u64().unwrap();
    let verified = vapid::verify(&header(t, k), None, &audience, before(exp)).unwrap();
    assert_eq!(verified.scheme, Scheme::Vapid);
    assert_eq!(verified.expires, Timestamp::from_secs(exp));
    assert_eq!(verified.subject.as_deref(), vector["claims"]["sub"].as_str());

    let at = |now| vapid::verify(&header(t, k), None, &audience, now).map(|_| ());
    let exp = Timestamp::from_secs(exp);
    assert_eq!(at(exp.plus(vapid::EXPIRY_LEEWAY)), Ok(()));
    assert_eq!(at(exp.plus(vapid::EXPIRY_LEEWAY + Duration::from_micros(1))), Err(VerifyError::Expired));
    assert_eq!(at(exp.minus(vapid::TOKEN_LIFETIME_MAX)), Ok(()));
    let early = exp.minus(vapid::TOKEN_LIFETIME_MAX + Duration::from_micros(1));
    assert_eq!(at(early), Err(VerifyError::ExpiryTooFar));
}

/// Whichever character of the token is changed, it fails.
#[test]
fn rfc_8292_tampered() {
    let vector = &VECTORS["rfc8292"];
    let (t, k) = (text(vector, "t"), text(vector, "k"));
    let audience = origin(text(&vector["claims"], "aud"));
    let now = before(vector["claims"]["exp"].as_u64().unwrap());
    // The last character holds four unused bits, so that a change of it may be none of the signature.
    for at in (0..t.len() - 1).filter(|at| t.as_bytes()[*at] != b'.') {
        let mut changed = t.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let error = vapid::verify(&header(&changed, k), None, &audience, now).unwrap_err();
        let expected = [VerifyError::Signature, VerifyError::Malformed, VerifyError::Algorithm];
        assert!(expected.contains(&error), "{at}: {error:?}");
    }
}

#[test]
fn tokens_of_other_senders() {
    for vector in list("/vapid_tokens") {
        let source = text(vector, "source");
        let (t, k) = (text(vector, "t"), text(vector, "k"));
        let audience = origin(text(vector, "aud"));
        let now = before(vector["exp"].as_u64().unwrap());
        let forms = [
            (header(t, k), None),
            (format!("VAPID k={k},t={t}"), None),
            (format!("vapid t=\"{t}\", k=\"{k}=\", x=y"), None),
            (format!("WebPush {t}"), Some(format!("p256ecdsa={k}"))),
            (format!("bearer {t}"), Some(format!("dh=BAAA;p256ecdsa={k}"))),
        ];
        for (authorization, crypto_key) in forms {
            let verified = vapid::verify(&authorization, crypto_key.as_deref(), &audience, now);
            match text(vector, "verdict") {
                "ok" => {
                    let verified = verified.unwrap_or_else(|error| panic!("{source}: {error}"));
                    assert_eq!(verified.subject.as_deref(), vector["sub"].as_str(), "{source}");
                }
                "signature" => assert_eq!(verified, Err(VerifyError::Signature), "{source}"),
                "expiry_not_integer" => assert_eq!(verified, Err(VerifyError::MissingExpiry), "{source}"),
                verdict => panic!("{verdict}"),
            }
        }
    }
}

#[test]
fn our_tokens_verify() {
    let pair = VapidKeyPair::generate().unwrap();
    let public = *pair.public();
    let key = pair.into_vapid_key(VapidKeyId(1), Timestamp::default());
    let now = Timestamp::from_secs(1_800_000_000);
    let contact = "mailto:push@example.com";
    let audience = origin("https://push.example.net:8443");
    let token = vapid::sign(&key, &audience, contact, TokenTimes::signed(now)).unwrap();
    assert!(token.authorization().is_sensitive() && token.authorization_webpush().is_sensitive());

    let verify = |origin: &Origin| vapid::verify(token.authorization().to_str().unwrap(), None, origin, now);
    let verified = verify(&audience).unwrap();
    assert_eq!(verified.public, public);
    assert_eq!(verified.expires, token.times().expires);
    assert_eq!(verified.subject.as_deref(), Some(contact));
    assert_eq!(verify(&origin("https://push.example.net")), Err(VerifyError::Audience));
    let older = token.authorization_webpush().to_str().unwrap();
    let crypto_key = format!("dh=BAAA;{}", token.p256ecdsa());
    let verified = vapid::verify(older, Some(&crypto_key), &audience, now).unwrap();
    assert_eq!((verified.scheme, verified.public), (Scheme::WebPush, public));

    let restored =
        vapid::VapidToken::restore(token.expose().to_owned(), *token.public(), token.times()).unwrap();
    assert_eq!(restored.authorization(), token.authorization());
    assert!(!format!("{token:?}").contains(token.expose().split('.').next().unwrap()));
}

#[test]
fn a_malformed_authorization_says_what_is_wrong() {
    let vector = &VECTORS["rfc8292"];
    let (t, k) = (text(vector, "t"), text(vector, "k"));
    let audience = origin(text(&vector["claims"], "aud"));
    let now = before(vector["claims"]["exp"].as_u64().unwrap());
    let none = "eyJhbGciOiJub25lIn0.e30.";
    for (authorization, crypto_key, error) in [
        (String::new(), None, VerifyError::Scheme),
        (format!("Basic {t}"), None, VerifyError::Scheme),
        (format!("vapid k={k}"), None, VerifyError::MissingToken),
        (format!("vapid t={t}, t={t}, k={k}"), None, VerifyError::MissingToken),
        (format!("vapid t={t}"), None, VerifyError::MissingKey),
        (format!("WebPush {t}"), None, VerifyError::MissingCryptoKey),
        (format!("WebPush {t}"), Some("dh=BAAA"), VerifyError::MissingCryptoKey),
        (format!("vapid t={t}, k=BAAA"), None, VerifyError::Key),
        (format!("vapid t=a.b, k={k}"), None, VerifyError::Malformed),
        (format!("vapid t=, k={k}"), None, VerifyError::Malformed),
        (format!("vapid t={}, k={k}", "a".repeat(5_000)), None, VerifyError::Malformed),
        (format!("vapid t={none}, k={k}"), None, VerifyError::Algorithm),
    ] {
        assert_eq!(vapid::verify(&authorization, crypto_key, &audience, now), Err(error), "{authorization}");
    }
}
