//! Messages of RFC 8291, RFC 8188 and other senders, and what no receiver may take.

use bytes::Bytes;
use fanfare::domain::limits::{BODY_OCTETS_MAX, PAYLOAD_OCTETS_MAX};
use fanfare::domain::{ContentEncoding, Padding, SubscriptionKeys};
use fanfare::webpush::agreement::SharedSecret;
use fanfare::webpush::{
    AgreementError, AgreementKey, AwsLcKey, DecryptError, Encrypted, Ephemeral, P256Key, aes128gcm, aesgcm,
    encrypt, encrypted_len, fits,
};
use proptest::prelude::*;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{VECTORS, array, base64url, hex, list, text};

/// A receiver whose private key is not known, but the sender's is: both agree on the same secret.
#[derive(Debug)]
struct SeenFromSender {
    sender: P256Key,
    receiver: [u8; 65],
}

impl AgreementKey for SeenFromSender {
    fn generate() -> Result<Self, AgreementError> {
        unreachable!("only made from vectors")
    }

    fn from_private(_: &[u8; 32]) -> Result<Self, AgreementError> {
        unreachable!("only made from vectors")
    }

    fn private(&self) -> Result<Zeroizing<[u8; 32]>, AgreementError> {
        unreachable!("nobody knows it")
    }

    fn public(&self) -> &[u8; 65] {
        &self.receiver
    }

    fn agree(&self, peer: &[u8; 65]) -> Result<SharedSecret, AgreementError> {
        assert_eq!(peer, self.sender.public());
        self.sender.agree(&self.receiver)
    }
}

fn given<K: AgreementKey>(private: &[u8], salt: &[u8]) -> Ephemeral<K> {
    Ephemeral::given(K::from_private(&array(private)).unwrap(), array(salt))
}

#[test]
fn rfc_8291_appendix_a() {
    fn check<K: AgreementKey>() {
        let vector = &VECTORS["rfc8291"];
        let octets = |name| base64url(vector, name);
        let keys =
            SubscriptionKeys { p256dh: array(&octets("ua_public")), auth: array(&octets("auth_secret")) };
        let plaintext = text(vector, "plaintext_utf8").as_bytes();
        let ephemeral = given::<K>(&octets("as_private"), &octets("salt"));
        let encoding = ContentEncoding::Aes128Gcm;
        let encrypted = encrypt(&keys, encoding, plaintext, Padding::None, 4_096, ephemeral).unwrap();
        assert_eq!(encrypted.body, octets("body"));
        assert_eq!(encrypted.body[..aes128gcm::HEADER_OCTETS], octets("header_86"));
        assert_eq!(encrypted.body.len(), 144);
        let receiver = K::from_private(&array(&octets("ua_private"))).unwrap();
        assert_eq!(aes128gcm::decrypt(&receiver, &keys.auth, &encrypted.body).unwrap(), plaintext);
    }
    check::<AwsLcKey>();
    check::<P256Key>();
}

#[test]
fn rfc_8188_section_3() {
    for vector in list("/rfc8188") {
        let opened = aes128gcm::decrypt_with_key(&base64url(vector, "ikm"), &base64url(vector, "body"));
        assert_eq!(opened.unwrap(), text(vector, "plaintext_utf8").as_bytes(), "{}", text(vector, "name"));
    }
}

fn sender_side(vector: &Value) -> SeenFromSender {
    SeenFromSender {
        sender: P256Key::from_private(&array(&hex(vector, "sender_private"))).unwrap(),
        receiver: array(&hex(vector, "recv_public")),
    }
}

#[test]
fn ecec_aes128gcm_messages_made_from_given_keys() {
    for vector in list("/ecec/aes128gcm_encrypt_ok") {
        let (auth, payload) = (array(&hex(vector, "auth")), hex(vector, "payload"));
        let plaintext = text(vector, "plaintext_utf8").as_bytes();
        let receiver = sender_side(vector);
        assert_eq!(aes128gcm::decrypt(&receiver, &auth, &payload).unwrap(), plaintext);
        // Ours are always one record of 4,096: only that vector can be made again.
        if vector["rs"] == 4_096 {
            let keys = SubscriptionKeys { p256dh: receiver.receiver, auth };
            let ephemeral = given::<AwsLcKey>(&hex(vector, "sender_private"), &hex(vector, "salt"));
            let made = encrypt(&keys, ContentEncoding::Aes128Gcm, plaintext, Padding::None, 4_096, ephemeral);
            assert_eq!(made.unwrap().body, payload);
        }
    }
}

#[test]
fn ecec_aes128gcm_messages_to_given_keys() {
    for vector in list("/ecec/aes128gcm_decrypt_ok") {
        let receiver = AwsLcKey::from_private(&array(&hex(vector, "recv_private"))).unwrap();
        let auth = array(&hex(vector, "auth"));
        let opened = aes128gcm::decrypt(&receiver, &auth, &hex(vector, "payload"));
        assert_eq!(opened.unwrap(), text(vector, "plaintext_utf8").as_bytes(), "{}", text(vector, "name"));
    }
}

/// What ecec calls the faults, and two that we call by another name: their last record has no room for its parts.
fn error(name: &str, ecec: &str) -> DecryptError {
    match (name, ecec) {
        ("Truncated ciphertext, rs = 18" | "Pad size > last block length", _) => DecryptError::ShortRecord,
        ("Padding length > last block length" | "Non-zero padding", _) => DecryptError::Padding,
        (_, "ECE_ERROR_SHORT_HEADER") => DecryptError::ShortHeader,
        (_, "ECE_ERROR_COMPUTE_SECRET") => DecryptError::SenderKey,
        (_, "ECE_ERROR_DECRYPT") => DecryptError::Authentication,
        (_, "ECE_ERROR_DECRYPT_PADDING") => DecryptError::Delimiter,
        (_, "ECE_ERROR_DECRYPT_TRUNCATED") => DecryptError::Truncated,
        (_, "ECE_ERROR_INVALID_RS") => DecryptError::RecordSize,
        (_, "ECE_ERROR_ZERO_PLAINTEXT") => DecryptError::NoDelimiter,
        (_, "ECE_ERROR_SHORT_BLOCK") => DecryptError::ShortRecord,
        _ => panic!("{name}: {ecec}"),
    }
}

fn compare(vector: &Value, opened: Result<Vec<u8>, DecryptError>) {
    let name = text(vector, "name");
    match vector["error"].as_str() {
        None => assert_eq!(opened.unwrap(), text(vector, "plaintext_utf8").as_bytes(), "{name}"),
        Some(ecec) => assert_eq!(opened.unwrap_err(), error(name, ecec), "{name}"),
    }
}

#[test]
fn ecec_aes128gcm_faults() {
    for vector in list("/ecec/aes128gcm_decrypt_err") {
        let receiver = AwsLcKey::from_private(&array(&hex(vector, "recv_private"))).unwrap();
        let auth = array(&hex(vector, "auth"));
        compare(vector, aes128gcm::decrypt(&receiver, &auth, &hex(vector, "payload")));
    }
}

#[test]
fn ecec_rfc_8188() {
    for vector in list("/ecec/rfc8188_decrypt") {
        compare(vector, aes128gcm::decrypt_with_key(&hex(vector, "ikm"), &hex(vector, "payload")));
    }
}

#[test]
fn ecec_aesgcm_messages_made_from_given_keys() {
    for vector in list("/ecec/aesgcm_encrypt_ok") {
        let (auth, ciphertext) = (array(&hex(vector, "auth")), hex(vector, "ciphertext"));
        let plaintext = text(vector, "plaintext_utf8").as_bytes();
        let receiver = sender_side(vector);
        let parameters = aesgcm::Parameters {
            salt: array(&hex(vector, "salt")),
            sender: array(&hex(vector, "sender_public")),
            record_size: vector["rs"].as_u64().unwrap() as usize,
        };
        assert_eq!(aesgcm::decrypt(&receiver, &auth, &parameters, &ciphertext).unwrap(), plaintext);
        if parameters.record_size == aesgcm::RECORD_SIZE {
            let keys = SubscriptionKeys { p256dh: receiver.receiver, auth };
            let ephemeral = given::<AwsLcKey>(&hex(vector, "sender_private"), &hex(vector, "salt"));
            let made = encrypt(&keys, ContentEncoding::AesGcm, plaintext, Padding::None, 4_096, ephemeral);
            let expected = Encrypted { body: Bytes::from(ciphertext), parameters: Some(parameters) };
            assert_eq!(made.unwrap(), expected);
        }
    }
}

#[test]
fn ecec_aesgcm_messages_and_faults() {
    let all = ["/ecec/webpush_aesgcm_decrypt_ok_tests", "/ecec/webpush_aesgcm_decrypt_err_tests"]
        .map(list)
        .concat();
    for vector in &all {
        let parameters =
            aesgcm::Parameters::parse(text(vector, "encryption"), text(vector, "crypto_key")).unwrap();
        let receiver = AwsLcKey::from_private(&array(&hex(vector, "recv_private"))).unwrap();
        let auth = array(&hex(vector, "auth"));
        compare(vector, aesgcm::decrypt(&receiver, &auth, &parameters, &hex(vector, "ciphertext")));
    }
}

#[test]
fn pywebpush_aesgcm() {
    let group = &VECTORS["pywebpush_aesgcm"];
    let receiver = P256Key::from_private(&array(&base64url(group, "recv_private"))).unwrap();
    assert_eq!(receiver.public().as_slice(), base64url(group, "recv_public"));
    for vector in list("/pywebpush_aesgcm/messages") {
        let (encryption, crypto_key) =
            (format!("salt={}", text(vector, "salt")), format!("dh={}", text(vector, "dh")));
        let parameters = aesgcm::Parameters::parse(&encryption, &crypto_key).unwrap();
        assert_eq!((parameters.encryption(), parameters.crypto_key()), (encryption, crypto_key));
        let auth = array(&base64url(group, "auth"));
        let opened = aesgcm::decrypt(&receiver, &auth, &parameters, &base64url(vector, "body")).unwrap();
        assert_eq!(opened, text(vector, "plaintext_utf8").as_bytes());
    }
}

#[test]
fn aesgcm_parameters_are_read_strictly() {
    let vector = &list("/pywebpush_aesgcm/messages")[0];
    let (salt, dh) = (text(vector, "salt"), text(vector, "dh"));
    for (encryption, crypto_key, error) in [
        (String::new(), format!("dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt}"), String::new(), DecryptError::Parameters),
        (format!("salt={salt}=="), format!("dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt}"), format!("dh={dh}="), DecryptError::Parameters),
        (format!("salt={salt},salt={salt}"), format!("dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt}"), format!("dh={dh},dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt};rs=x"), format!("dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt};rs=2"), format!("dh={dh}"), DecryptError::RecordSize),
        ("salt=AAAA".to_owned(), format!("dh={dh}"), DecryptError::Parameters),
        (format!("salt={salt}"), "dh=BAAA".to_owned(), DecryptError::SenderKey),
    ] {
        assert_eq!(
            aesgcm::Parameters::parse(&encryption, &crypto_key),
            Err(error),
            "{encryption} {crypto_key}"
        );
    }
}

#[test]
fn sizes_at_their_limits() {
    use ContentEncoding::{Aes128Gcm, AesGcm};
    for (encoding, payload, padding, limit, body) in [
        (Aes128Gcm, 0, Padding::None, 4_096, Some(103)),
        (Aes128Gcm, PAYLOAD_OCTETS_MAX, Padding::None, 4_096, Some(BODY_OCTETS_MAX)),
        (Aes128Gcm, PAYLOAD_OCTETS_MAX, Padding::None, 1_000_000, Some(BODY_OCTETS_MAX)),
        (Aes128Gcm, PAYLOAD_OCTETS_MAX + 1, Padding::None, 4_096, None),
        (Aes128Gcm, PAYLOAD_OCTETS_MAX + 1, Padding::Maximum, 1_000_000, None),
        (Aes128Gcm, 0, Padding::PowerOfTwo, 4_096, Some(103 + 128)),
        (Aes128Gcm, 128, Padding::PowerOfTwo, 4_096, Some(103 + 128)),
        (Aes128Gcm, 129, Padding::PowerOfTwo, 4_096, Some(103 + 256)),
        (Aes128Gcm, 2_049, Padding::PowerOfTwo, 4_096, Some(4_096)),
        (Aes128Gcm, 2_049, Padding::PowerOfTwo, 3_015, Some(3_015)),
        (Aes128Gcm, 1, Padding::Maximum, 4_096, Some(4_096)),
        (Aes128Gcm, 1, Padding::Maximum, 3_015, Some(3_015)),
        (Aes128Gcm, 2_912, Padding::None, 3_015, Some(3_015)),
        (Aes128Gcm, 2_913, Padding::None, 3_015, None),
        (Aes128Gcm, 0, Padding::None, 0, None),
        (AesGcm, 0, Padding::None, 4_096, Some(18)),
        (AesGcm, 4_078, Padding::None, 4_096, Some(4_096)),
        (AesGcm, 4_079, Padding::None, 4_096, None),
        (AesGcm, 0, Padding::Maximum, 4_096, Some(4_096)),
    ] {
        let case = format!("{encoding:?} {payload} {padding:?} {limit}");
        assert_eq!(encrypted_len(encoding, payload, padding, limit).ok(), body, "{case}");
        assert_eq!(fits(encoding, payload, limit), body.is_some(), "{case}");
    }
}

fn any_encoding() -> impl Strategy<Value = ContentEncoding> {
    prop_oneof![Just(ContentEncoding::Aes128Gcm), Just(ContentEncoding::AesGcm)]
}

fn any_padding() -> impl Strategy<Value = Padding> {
    prop_oneof![Just(Padding::None), Just(Padding::PowerOfTwo), Just(Padding::Maximum)]
}

/// Every class of sizes: the edges of padding and of the body, and anything between.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![
        0..=2_usize,
        126..=130_usize,
        2_040..=2_060_usize,
        3_980..=PAYLOAD_OCTETS_MAX,
        0..=PAYLOAD_OCTETS_MAX
    ];
    size.prop_flat_map(|size| proptest::collection::vec(any::<u8>(), size))
}

struct Receiver {
    key: AwsLcKey,
    auth: [u8; 16],
}

impl Receiver {
    fn new() -> Self {
        Self { key: AwsLcKey::generate().unwrap(), auth: [7; 16] }
    }

    fn keys(&self) -> SubscriptionKeys {
        SubscriptionKeys { p256dh: *self.key.public(), auth: self.auth }
    }

    fn open(&self, encrypted: &Encrypted) -> Result<Vec<u8>, DecryptError> {
        match &encrypted.parameters {
            None => aes128gcm::decrypt(&self.key, &self.auth, &encrypted.body),
            Some(parameters) => aesgcm::decrypt(&self.key, &self.auth, parameters, &encrypted.body),
        }
    }
}

proptest! {
    #[test]
    fn what_is_encrypted_decrypts(
        payload in any_payload(),
        padding in any_padding(),
        encoding in any_encoding(),
        limit in prop_oneof![Just(4_096_usize), 103..=5_000_usize],
    ) {
        let receiver = Receiver::new();
        let expected = encrypted_len(encoding, payload.len(), padding, limit);
        let ephemeral = Ephemeral::fresh().unwrap();
        match encrypt(&receiver.keys(), encoding, &payload, padding, limit, ephemeral) {
            Ok(encrypted) => {
                prop_assert_eq!(Ok(encrypted.body.len()), expected);
                prop_assert!(encrypted.body.len() <= limit.min(BODY_OCTETS_MAX));
                prop_assert_eq!(encrypted.encoding(), encoding);
                prop_assert_eq!(receiver.open(&encrypted).unwrap(), payload);
            }
            Err(error) => prop_assert_eq!(error, expected.unwrap_err().into()),
        }
    }

    #[test]
    fn what_was_changed_or_cut_does_not_decrypt(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        encoding in any_encoding(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        cut in any::<bool>(),
    ) {
        let receiver = Receiver::new();
        let ephemeral = Ephemeral::fresh().unwrap();
        let encrypted =
            encrypt(&receiver.keys(), encoding, &payload, Padding::None, 4_096, ephemeral).unwrap();
        let mut body = encrypted.body.to_vec();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] ^= 1 << bit;
        }
        let opened = receiver.open(&Encrypted { body: body.into(), ..encrypted });
        // The record size is not authenticated: another one that still makes it one record changes nothing.
        let in_record_size = encoding == ContentEncoding::Aes128Gcm && (16..20).contains(&at) && !cut;
        prop_assert!(opened.is_err() || in_record_size);
    }

    #[test]
    fn strange_bodies_are_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let receiver = Receiver::new();
        prop_assert!(aes128gcm::decrypt(&receiver.key, &receiver.auth, &body).is_err());
    }
}

#[test]
fn no_key_and_no_salt_serves_twice() {
    let receiver = Receiver::new();
    let bodies: std::collections::HashSet<Vec<u8>> = (0..100)
        .map(|_| {
            let ephemeral = Ephemeral::fresh().unwrap();
            let encoding = ContentEncoding::Aes128Gcm;
            let body =
                encrypt(&receiver.keys(), encoding, b"x", Padding::None, 4_096, ephemeral).unwrap().body;
            body[..16].to_vec()
        })
        .collect();
    assert_eq!(bodies.len(), 100);
}
