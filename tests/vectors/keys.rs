//! Keys of real subscriptions and libraries.

use fanfare::webpush::keys::{self, KeyError, VapidKeyPair};
use fanfare::webpush::{AgreementKey, AwsLcKey, P256Key};

use super::{VECTORS, list, text};

#[test]
fn subscription_keys_are_taken_or_refused() {
    for vector in list("/subscription_keys") {
        let parsed = keys::parse_p256dh(text(vector, "p256dh"));
        let source = text(vector, "source");
        match text(vector, "verdict") {
            "ok" => assert!(parsed.is_ok(), "{source}: {parsed:?}"),
            "not_on_curve" => assert_eq!(parsed, Err(KeyError::NotOnCurve), "{source}"),
            "not_uncompressed" => assert_eq!(parsed, Err(KeyError::NotUncompressed), "{source}"),
            "length" => {
                assert!(matches!(parsed, Err(KeyError::PointLength(33 | 45))), "{source}: {parsed:?}");
            }
            verdict => panic!("{verdict}"),
        }
        if let Some(auth) = vector["auth"].as_str() {
            assert!(keys::parse_auth(auth).is_ok(), "{source}");
        }
    }
}

#[test]
fn one_key_in_two_alphabets_is_one_key() {
    let [_, _, url_safe, standard, ..] = list("/subscription_keys") else { panic!("too few") };
    let parse = |vector| keys::parse_p256dh(text(vector, "p256dh")).unwrap();
    assert_ne!(text(url_safe, "p256dh"), text(standard, "p256dh"));
    assert_eq!(parse(url_safe), parse(standard));
}

#[test]
fn vapid_keys_import_in_every_form() {
    let vectors = &VECTORS["vapid_keys"];
    let public = text(vectors, "public");
    let raw = VapidKeyPair::import(text(vectors, "raw"), Some(public)).unwrap();
    assert_eq!(raw.public_base64url(), public);
    assert_eq!(VapidKeyPair::import(text(vectors, "sec1_der"), Some(public)).unwrap(), raw);
    for name in ["leading_zero", "web_push_php"] {
        let pair = &vectors[name];
        let imported = VapidKeyPair::import(text(pair, "private"), Some(text(pair, "public"))).unwrap();
        assert_eq!(VapidKeyPair::import(&imported.to_pem().unwrap(), None).unwrap(), imported);
    }
}

#[test]
fn a_public_key_of_another_pair_is_refused() {
    let vector = &VECTORS["vapid_keys"]["mismatched"];
    let (private, public) = (text(vector, "private"), text(vector, "public"));
    assert!(keys::parse_p256dh(public).is_ok());
    assert_eq!(VapidKeyPair::import(private, Some(public)), Err(KeyError::Mismatch));
    assert_eq!(VapidKeyPair::import(private, None).unwrap().public_base64url(), text(vector, "real_public"));
}

#[test]
fn rfc_8291_agreement() {
    fn check<K: AgreementKey>() {
        let vector = &VECTORS["rfc8291"];
        let octets = |name| keys::decode_base64(text(vector, name)).unwrap();
        let sender = K::from_private(octets("as_private").as_slice().try_into().unwrap()).unwrap();
        let receiver = K::from_private(octets("ua_private").as_slice().try_into().unwrap()).unwrap();
        assert_eq!(sender.public().as_slice(), octets("as_public").as_slice());
        assert_eq!(receiver.public().as_slice(), octets("ua_public").as_slice());
        let secret = octets("ecdh_secret");
        assert_eq!(sender.agree(receiver.public()).unwrap().as_slice(), secret.as_slice());
        assert_eq!(receiver.agree(sender.public()).unwrap().as_slice(), secret.as_slice());
    }
    check::<AwsLcKey>();
    check::<P256Key>();
}
