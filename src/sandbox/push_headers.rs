//! The header fields of a push message, read as the profile says.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::Profile;
use super::refusal::{Reason, Refusal};
use crate::domain::{ContentEncoding, Urgency};
use crate::webpush::aesgcm;

/// Longest time to live that is granted, in seconds: 30 days, as Mozilla.
pub(crate) const TTL_SECONDS_MAX: u32 = 2_592_000;
/// RFC 8030 section 5.4, in characters.
const TOPIC_CHARS_MAX: usize = 32;

/// What the header fields say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushHeaders {
    /// What is granted, in seconds.
    pub(crate) ttl_seconds: u32,
    /// Where the profile reads it.
    pub(crate) urgency: Option<Urgency>,
    pub(crate) topic: Option<Box<str>>,
    /// How the body is encrypted; none without a body.
    pub(crate) encryption: Option<Encryption>,
}

/// How a body is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// All it takes is in the body.
    Aes128Gcm,
    /// It takes `Encryption: salt=` and `Crypto-Key: dh=` too.
    AesGcm(aesgcm::Parameters),
    /// The same without what decrypting takes, which autopush hands on all the same.
    AesGcmAsSent {
        /// `Encryption`, without quotes and padding.
        encryption: Box<str>,
        /// `Crypto-Key`, likewise.
        crypto_key: Option<Box<str>>,
    },
}

impl Encryption {
    pub(crate) const fn encoding(&self) -> ContentEncoding {
        match self {
            Self::Aes128Gcm => ContentEncoding::Aes128Gcm,
            Self::AesGcm(_) | Self::AesGcmAsSent { .. } => ContentEncoding::AesGcm,
        }
    }
}

impl PushHeaders {
    /// Reads them in autopush's order, so that the same fault hides the same others.
    pub(crate) fn read(headers: &HeaderMap, has_body: bool, profile: Profile) -> Result<Self, Refusal> {
        let ttl = ttl(headers, profile)?;
        let encryption = if has_body { Some(encryption(headers, profile)?) } else { None };
        let topic = topic(headers, profile)?;
        if ttl < 0 {
            return Err(Refusal::new(Reason::TtlNegative, "TTL must not be negative"));
        }
        let ttl_seconds = u32::try_from(ttl).unwrap_or(u32::MAX).min(TTL_SECONDS_MAX);
        Ok(Self { ttl_seconds, urgency: urgency(headers, profile)?, topic, encryption })
    }
}

/// The value of a field; the first of several where the profile is lenient. An inner error is a value that is no text or,
/// where the profile is strict, not the only one.
fn single<'a>(headers: &'a HeaderMap, name: &str, profile: Profile) -> Option<Result<&'a str, ()>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if profile == Profile::Strict && values.next().is_some() {
        return Some(Err(()));
    }
    Some(first.to_str().map_err(|_| ()))
}

/// RFC 8030 section 5.2.
fn ttl(headers: &HeaderMap, profile: Profile) -> Result<i64, Refusal> {
    let invalid = Refusal::new(Reason::TtlInvalid, "TTL must be one integer number of seconds");
    let Some(value) = single(headers, "ttl", profile) else {
        return Err(Refusal::new(Reason::TtlInvalid, "Missing TTL value"));
    };
    let value = value.map_err(|()| invalid.clone())?;
    if profile == Profile::Mozilla {
        return value.parse().map_err(|_| invalid);
    }
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(invalid);
    }
    // So many digits that they do not fit are a long time, which is shortened.
    let seconds = digits.parse().unwrap_or(i64::MAX);
    Ok(if negative { -seconds } else { seconds })
}

/// RFC 8291 section 4 and, for `aesgcm`, draft-ietf-webpush-encryption-04 section 3.
fn encryption(headers: &HeaderMap, profile: Profile) -> Result<Encryption, Refusal> {
    let refuse = |message| Err(Refusal::new(Reason::EncodingInvalid, message));
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return refuse("Missing Content-Encoding header");
    };
    if encodings.next().is_some() {
        return refuse("Content-Encoding must not be repeated");
    }
    match encoding.to_str().ok().and_then(ContentEncoding::parse) {
        None => refuse("Unknown Content-Encoding"),
        Some(ContentEncoding::Aes128Gcm) => {
            if parameter(headers, "encryption", "salt").is_some() {
                return refuse("Do not include 'salt' in the Encryption header of an aes128gcm message");
            }
            if parameter(headers, "crypto-key", "dh").is_some() {
                return refuse("Do not include 'dh' in the Crypto-Key header of an aes128gcm message");
            }
            Ok(Encryption::Aes128Gcm)
        }
        Some(ContentEncoding::AesGcm) => {
            match aesgcm::Parameters::parse(&joined(headers, "encryption"), &joined(headers, "crypto-key")) {
                Ok(parameters) => Ok(Encryption::AesGcm(parameters)),
                Err(_) if profile == Profile::Mozilla => aesgcm_as_sent(headers),
                Err(_) => refuse("Missing or invalid 'salt' in Encryption or 'dh' in Crypto-Key"),
            }
        }
    }
}

/// autopush wants a salt, and a `dh` if there is a `Crypto-Key` at all; both of base64url, of any length.
fn aesgcm_as_sent(headers: &HeaderMap) -> Result<Encryption, Refusal> {
    let refuse = |message| Err(Refusal::new(Reason::EncodingInvalid, message));
    let of_alphabet = |value: &str| {
        let value = value.trim_end_matches('=');
        !value.is_empty()
            && value.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    if !parameter(headers, "encryption", "salt").is_some_and(of_alphabet) {
        return refuse("Missing salt value in Encryption header");
    }
    let has_key = headers.contains_key("crypto-key");
    if has_key && !parameter(headers, "crypto-key", "dh").is_some_and(of_alphabet) {
        return refuse("Missing dh value in Crypto-Key header");
    }
    // Without quotes and padding, which browsers do not take.
    let bare = |name| -> Box<str> {
        let text = joined(headers, name).replace('"', "");
        let stripped: Vec<String> = text
            .split_inclusive([',', ';'])
            .map(|part| {
                let (value, end) = match part.strip_suffix([',', ';']) {
                    Some(value) => (value, &part[value.len()..]),
                    None => (part, ""),
                };
                format!("{}{end}", value.trim_end_matches('='))
            })
            .collect();
        stripped.concat().into()
    };
    Ok(Encryption::AesGcmAsSent {
        encryption: bare("encryption"),
        crypto_key: has_key.then(|| bare("crypto-key")),
    })
}

/// All values of a field that are text, as the one list that they are (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap, field: &str) -> String {
    let values: Vec<&str> = headers.get_all(field).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// A parameter of a list of parameters, the first of that name in any of its fields.
pub(crate) fn parameter<'a>(headers: &'a HeaderMap, field: &str, name: &str) -> Option<&'a str> {
    headers
        .get_all(field)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([';', ',']))
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// RFC 8030 section 5.4; autopush lets padding pass.
fn topic(headers: &HeaderMap, profile: Profile) -> Result<Option<Box<str>>, Refusal> {
    let invalid = Refusal::new(Reason::TopicInvalid, "Topic must be one of 1 to 32 base64url characters");
    let Some(value) = single(headers, "topic", profile) else { return Ok(None) };
    let value = value.map_err(|()| invalid.clone())?;
    let characters = match profile {
        Profile::Strict => value,
        Profile::Mozilla => value.trim_end_matches('='),
    };
    let in_alphabet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    if characters.is_empty() || value.len() > TOPIC_CHARS_MAX || !characters.bytes().all(in_alphabet) {
        return Err(invalid);
    }
    Ok(Some(value.into()))
}

/// RFC 8030 section 5.3; autopush does not read it.
fn urgency(headers: &HeaderMap, profile: Profile) -> Result<Option<Urgency>, Refusal> {
    if profile == Profile::Mozilla {
        return Ok(None);
    }
    let Some(value) = single(headers, "urgency", profile) else {
        return Ok(Some(Urgency::default()));
    };
    [Urgency::VeryLow, Urgency::Low, Urgency::Normal, Urgency::High]
        .into_iter()
        .find(|urgency| value == Ok(urgency.as_str()))
        .map(Some)
        .ok_or(Refusal::new(Reason::UrgencyInvalid, "Urgency must be one of very-low, low, normal, high"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::webpush::keys;

    fn read(profile: Profile, fields: &[(&str, &str)]) -> Result<PushHeaders, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        let has_body = headers.remove("x-no-body").is_none();
        PushHeaders::read(&headers, has_body, profile).map_err(|refusal| refusal.reason)
    }

    const ENCODED: (&str, &str) = ("Content-Encoding", "aes128gcm");

    #[test]
    fn ttl_as_each_profile_reads_it() {
        let granted = |profile, value: &str| {
            read(profile, &[("TTL", value), ENCODED]).map(|headers| headers.ttl_seconds)
        };
        for (value, strict, mozilla) in [
            ("0", Ok(0), Ok(0)),
            ("60", Ok(60), Ok(60)),
            ("2592001", Ok(TTL_SECONDS_MAX), Ok(TTL_SECONDS_MAX)),
            ("99999999999999999999", Ok(TTL_SECONDS_MAX), Err(Reason::TtlInvalid)),
            ("+60", Err(Reason::TtlInvalid), Ok(60)),
            ("-1", Err(Reason::TtlNegative), Err(Reason::TtlNegative)),
            ("", Err(Reason::TtlInvalid), Err(Reason::TtlInvalid)),
            ("1.5", Err(Reason::TtlInvalid), Err(Reason::TtlInvalid)),
            ("-", Err(Reason::TtlInvalid), Err(Reason::TtlInvalid)),
        ] {
            assert_eq!(granted(Profile::Strict, value), strict, "strict {value:?}");
            assert_eq!(granted(Profile::Mozilla, value), mozilla, "mozilla {value:?}");
        }
        for profile in [Profile::Strict, Profile::Mozilla] {
            assert_eq!(read(profile, &[ENCODED]), Err(Reason::TtlInvalid));
        }
        let twice = [("TTL", "1"), ("TTL", "2"), ENCODED];
        assert_eq!(read(Profile::Strict, &twice), Err(Reason::TtlInvalid));
        assert_eq!(read(Profile::Mozilla, &twice).unwrap().ttl_seconds, 1);
    }

    #[test]
    fn topic_and_urgency_as_each_profile_reads_them() {
        let long = "a".repeat(32);
        let longer = "a".repeat(33);
        for (topic, strict, mozilla) in [
            ("a", true, true),
            ("Az-_09", true, true),
            (long.as_str(), true, true),
            (longer.as_str(), false, false),
            ("", false, false),
            ("a b", false, false),
            ("a+b", false, false),
            ("ab==", false, true),
            ("==", false, false),
        ] {
            for (profile, passes) in [(Profile::Strict, strict), (Profile::Mozilla, mozilla)] {
                let read = read(profile, &[("TTL", "1"), ENCODED, ("Topic", topic)]);
                let expected = if passes { Ok(Some(topic.into())) } else { Err(Reason::TopicInvalid) };
                assert_eq!(read.map(|headers| headers.topic), expected, "{profile:?} {topic:?}");
            }
        }
        for (urgency, strict) in [
            ("very-low", Ok(Some(Urgency::VeryLow))),
            ("low", Ok(Some(Urgency::Low))),
            ("normal", Ok(Some(Urgency::Normal))),
            ("high", Ok(Some(Urgency::High))),
            ("High", Err(Reason::UrgencyInvalid)),
            ("urgent", Err(Reason::UrgencyInvalid)),
            ("low, high", Err(Reason::UrgencyInvalid)),
            ("", Err(Reason::UrgencyInvalid)),
        ] {
            let fields = [("TTL", "1"), ENCODED, ("Urgency", urgency)];
            assert_eq!(read(Profile::Strict, &fields).map(|headers| headers.urgency), strict, "{urgency:?}");
            assert_eq!(read(Profile::Mozilla, &fields).map(|headers| headers.urgency), Ok(None));
        }
        let twice = [("TTL", "1"), ENCODED, ("Urgency", "low"), ("Urgency", "low")];
        assert_eq!(read(Profile::Strict, &twice), Err(Reason::UrgencyInvalid));
        let twice = [("TTL", "1"), ENCODED, ("Topic", "a"), ("Topic", "a")];
        assert_eq!(read(Profile::Strict, &twice), Err(Reason::TopicInvalid));
        assert_eq!(read(Profile::Strict, &[("TTL", "1"), ENCODED]).unwrap().urgency, Some(Urgency::Normal));
    }

    #[test]
    fn encoding_headers_must_fit_together() {
        const SALT: &str = "keyid=p; salt=AAECAwQFBgcICQoLDA0ODw";
        let dh = format!("dh={};p256ecdsa=BAUG", keys::encode_base64url(&[4; 65]));
        let aesgcm = [("Content-Encoding", "aesgcm"), ("Encryption", SALT), ("Crypto-Key", dh.as_str())];
        let with_ttl = |fields: &[(&str, &str)]| {
            let mut all = vec![("TTL", "1")];
            all.extend_from_slice(fields);
            read(Profile::Strict, &all).map(|headers| headers.encryption)
        };
        assert_eq!(with_ttl(&[ENCODED]), Ok(Some(Encryption::Aes128Gcm)));
        assert_eq!(with_ttl(&[ENCODED, ("Crypto-Key", "p256ecdsa=BAUG")]), Ok(Some(Encryption::Aes128Gcm)));
        let Ok(Some(Encryption::AesGcm(parameters))) = with_ttl(&aesgcm) else { panic!("refused") };
        assert_eq!(parameters.sender, [4; 65]);
        assert_eq!(parameters.salt[..3], [0, 1, 2]);
        assert_eq!(with_ttl(&[("X-No-Body", "")]), Ok(None));
        for fields in [
            &[][..],
            &[("Content-Encoding", "gzip")],
            &[ENCODED, ENCODED],
            &[ENCODED, ("Encryption", "salt=AAEC")],
            &[ENCODED, ("Crypto-Key", "dh=BAUG")],
            &aesgcm[..2],
            &[aesgcm[0], aesgcm[2]],
            &[aesgcm[0], ("Encryption", "salt=!"), aesgcm[2]],
        ] {
            assert_eq!(with_ttl(fields), Err(Reason::EncodingInvalid), "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_answered(
            fields in vec((select(FIELDS), "[ -~é]{0,40}"), 0..8),
            has_body: bool,
            strict: bool,
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let profile = if strict { Profile::Strict } else { Profile::Mozilla };
            match PushHeaders::read(&headers, has_body, profile) {
                Ok(read) => {
                    prop_assert!(read.ttl_seconds <= TTL_SECONDS_MAX);
                    prop_assert_eq!(read.encryption.is_some(), has_body);
                }
                Err(refusal) => prop_assert_eq!(refusal.reason.status(), 400),
            }
        }
    }

    const FIELDS: &[&str] = &["ttl", "topic", "urgency", "content-encoding", "encryption", "crypto-key"];
}
