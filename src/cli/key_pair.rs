//! Finds a VAPID key pair in what people have: PEM, DER, JWK, JSON, hexadecimal, lists of octets, and text with other things in
//! it, such as an `.env`. Where there are several keys, the pair is the one whose halves belong together.

use std::io::Cursor;

use anyhow::{anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::import::{hex_octets, text_of};
use crate::webpush::keys::{KeyError, VapidKeyPair, decode_base64, parse_point};

/// Largest file that is looked through, in octets.
const FILE_OCTETS_MAX: usize = 256 * 1024;
/// Most keys of any kind in it.
const CANDIDATES_MAX: usize = 64;
/// Octets of a private key.
const SCALAR_OCTETS: usize = 32;
/// Octets of a private key whose leading zeros were lost, at least. Only a public key beside it proves that they were.
const SHORT_OCTETS_MIN: usize = 24;
/// Octets of a public key in a `SubjectPublicKeyInfo`, and of what stands before the point there.
const SPKI_OCTETS: usize = 91;
/// See [`SPKI_OCTETS`].
const SPKI_HEAD_OCTETS: usize = 26;
/// DER's SEQUENCE, with which every key begins.
const SEQUENCE: u8 = 0x30;

/// Reads a pair in any of the forms that `fanfare vapid import` takes. Errors do not repeat what was read.
pub(super) fn parse_pair(octets: &[u8]) -> anyhow::Result<VapidKeyPair> {
    ensure!(
        octets.len() <= FILE_OCTETS_MAX,
        "has more than {FILE_OCTETS_MAX} octets, so it is no file of keys"
    );
    // DER, or the bare number.
    let binary = octets.first() == Some(&SEQUENCE) || octets.len() == SCALAR_OCTETS;
    let of_text = |octet: &u8| octet.is_ascii_graphic() || octet.is_ascii_whitespace();
    if binary && !octets.iter().all(of_text) {
        return Ok(VapidKeyPair::from_octets(octets)?);
    }
    let text = text_of(Box::new(Cursor::new(octets.to_vec())))?;
    let text = text.trim();
    let mut found = Found::default();
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => found.json("", &value)?,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_)) | Err(_) => found.text(text)?,
    }
    found.pair(text)
}

/// A key that may be the private one.
struct Private {
    /// What it is called, in small letters without `_` and the like.
    name: String,
    pair: VapidKeyPair,
    /// Zeros were put before it.
    padded: Option<usize>,
}

/// What was found.
#[derive(Default)]
struct Found {
    privates: Vec<Private>,
    publics: Vec<[u8; 65]>,
    /// There is a PEM block that does not read.
    bad_pem: bool,
    /// There is a JWK for another curve, or of another kind.
    other_jwk: bool,
}

impl Found {
    /// Looks through JSON.
    fn json(&mut self, name: &str, value: &Value) -> anyhow::Result<()> {
        match value {
            Value::Object(object) if object.contains_key("kty") => self.jwk(name, object),
            Value::Object(object) => {
                if let Some(Value::Array(data)) = object.get("data") {
                    self.numbers(name, data);
                }
                object.iter().try_for_each(|(of, value)| self.json(&format!("{name}{}", plain(of)), value))
            }
            Value::Array(values) if values.iter().any(Value::is_number) => {
                self.numbers(name, values);
                Ok(())
            }
            Value::Array(values) => values.iter().try_for_each(|value| self.json(name, value)),
            Value::String(text) => {
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    return self.json(name, &inner);
                }
                let rest = self.pem(text);
                rest.split_whitespace().try_for_each(|word| self.word(name, word))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    /// A JSON Web Key (RFC 7517).
    fn jwk(&mut self, name: &str, jwk: &Map<String, Value>) -> anyhow::Result<()> {
        let text = |member: &str| jwk.get(member).and_then(Value::as_str);
        if text("kty") != Some("EC") || text("crv") != Some("P-256") {
            self.other_jwk = true;
            return Ok(());
        }
        let number = |member: &str| {
            let octets = decode_base64(text(member)?).ok()?;
            (octets.len() <= SCALAR_OCTETS)
                .then(|| [&vec![0; SCALAR_OCTETS - octets.len()], &octets[..]].concat())
        };
        if let (Some(x), Some(y)) = (number("x"), number("y")) {
            self.octets("", &[&[4], &x[..], &y].concat())?;
        }
        match text("d") {
            Some(d) => self.word(&format!("{name}private"), d),
            None => Ok(()),
        }
    }

    /// Looks through text: line by line, with what stands before a key as its name.
    fn text(&mut self, text: &str) -> anyhow::Result<()> {
        let rest = self.pem(text);
        let only_numbers =
            rest.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "|,[]-".contains(c));
        if only_numbers && rest.contains(['|', ',', ' ']) {
            let words = rest.split(|c: char| !c.is_ascii_digit() && c != '-').filter(|word| !word.is_empty());
            let numbers: Vec<Value> =
                words.filter_map(|word| word.parse::<i64>().ok()).map(Value::from).collect();
            self.numbers("", &numbers);
            return Ok(());
        }
        let mut name = String::new();
        for line in rest.lines() {
            let (before, value) = match line.split_once(['=', ':']) {
                // Padding is no sign of a name.
                Some((before, value)) if !value.trim_matches(['=', '"', '\'', ' ', ',']).is_empty() => {
                    (Some(before), value)
                }
                Some((before, _)) if line.trim_end().ends_with(':') => (Some(before), ""),
                Some(_) | None => (None, line),
            };
            if let Some(before) = before {
                name = plain(before);
            }
            let candidates = self.privates.len() + self.publics.len();
            let words = value.split(|c: char| c.is_whitespace() || "\"'`,;<>()[]{}".contains(c));
            words.filter(|word| !word.is_empty()).try_for_each(|word| self.word(&name, word))?;
            if self.privates.len() + self.publics.len() > candidates {
                name.clear();
            }
        }
        Ok(())
    }

    /// Takes PEM blocks out of a text, also those whose lines were joined.
    fn pem(&mut self, text: &str) -> String {
        let (mut rest, mut text) = (String::new(), text);
        while let Some((before, block)) = text.split_once("-----BEGIN ") {
            rest.push_str(before);
            let Some((label, block)) = block.split_once("-----") else { break };
            let Some((body, behind)) = block.split_once("-----END ") else {
                self.bad_pem = true;
                break;
            };
            text = behind.split_once("-----").map_or("", |(_, behind)| behind);
            let body = body.replace("\\n", "").replace("\\r", "");
            let body: String = body.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect();
            match (label, decode_base64(&body)) {
                ("PRIVATE KEY" | "EC PRIVATE KEY", Ok(der)) if der.first() == Some(&SEQUENCE) => {
                    match VapidKeyPair::from_octets(&der) {
                        Ok(pair) => self.private("private", pair, None),
                        Err(_) => self.bad_pem = true,
                    }
                }
                ("PUBLIC KEY", Ok(der)) => self.public(&der),
                ("EC PARAMETERS", _) => {}
                _ => self.bad_pem = true,
            }
        }
        rest.push_str(text);
        rest
    }

    fn numbers(&mut self, name: &str, values: &[Value]) {
        // Java's octets have a sign.
        let octet = |value: &Value| {
            let number = value.as_i64()?;
            u8::try_from(number).ok().or_else(|| i8::try_from(number).ok().map(i8::cast_unsigned))
        };
        if let Some(octets) = values.iter().map(octet).collect::<Option<Vec<u8>>>() {
            // What is no key is passed over.
            let _ = self.octets(name, &octets);
        }
    }

    /// A word, if it is a key.
    fn word(&mut self, name: &str, word: &str) -> anyhow::Result<()> {
        let word = word.strip_prefix("base64:").unwrap_or(word);
        if word.contains('|') {
            let numbers: Option<Vec<Value>> =
                word.split('|').map(|number| number.parse::<i64>().ok().map(Value::from)).collect();
            self.numbers(name, &numbers.unwrap_or_default());
            return Ok(());
        }
        let digits = word.strip_prefix("0x").unwrap_or(word);
        if matches!(digits.len(), 64 | 66 | 130)
            && let Some(octets) = hex_octets(digits.as_bytes())
        {
            return self.octets(name, &octets);
        }
        match decode_base64(&word.replace("\\n", "")) {
            Ok(octets) => self.octets(name, &octets),
            Err(_) => Ok(()),
        }
    }

    fn octets(&mut self, name: &str, octets: &[u8]) -> anyhow::Result<()> {
        ensure!(
            self.privates.len() + self.publics.len() < CANDIDATES_MAX,
            "has more than {CANDIDATES_MAX} keys: leave the two of one pair"
        );
        match octets.len() {
            SHORT_OCTETS_MIN..SCALAR_OCTETS => {
                let mut scalar = [0; SCALAR_OCTETS];
                scalar[SCALAR_OCTETS - octets.len()..].copy_from_slice(octets);
                if let Ok(pair) = VapidKeyPair::from_private(&scalar) {
                    self.private(name, pair, Some(octets.len()));
                }
            }
            65 | SPKI_OCTETS => self.public(octets),
            _ => {
                if let Ok(pair) = VapidKeyPair::from_octets(octets) {
                    self.private(name, pair, None);
                }
            }
        }
        Ok(())
    }

    fn private(&mut self, name: &str, pair: VapidKeyPair, padded: Option<usize>) {
        self.privates.push(Private { name: name.to_owned(), pair, padded });
    }

    /// A point, also in a `SubjectPublicKeyInfo`.
    fn public(&mut self, octets: &[u8]) {
        let point = if octets.len() == SPKI_OCTETS { &octets[SPKI_HEAD_OCTETS..] } else { octets };
        if let Ok(point) = parse_point(point) {
            self.publics.push(point);
        }
    }

    /// The one pair among them.
    fn pair(self, text: &str) -> anyhow::Result<VapidKeyPair> {
        let Self { mut privates, publics, bad_pem, other_jwk } = self;
        let mut proven: Vec<VapidKeyPair> = Vec::new();
        for Private { pair, .. } in &privates {
            if publics.contains(pair.public()) && !proven.contains(pair) {
                proven.push(pair.clone());
            }
        }
        match proven.len() {
            0 => {}
            1 => return proven.pop().ok_or_else(|| anyhow!("has no key")),
            count => bail!("has {count} key pairs: leave the one that is meant"),
        }
        let short = privates.iter().find_map(|of| of.padded);
        privates.retain(|of| of.padded.is_none());
        // What a file calls otherwise is another program's.
        let meant: Vec<_> = ["private", "vapid", ""]
            .into_iter()
            .map(|part| {
                let called =
                    |of: &&Private| if part.is_empty() { of.name.is_empty() } else { of.name.contains(part) };
                privates.iter().filter(called).collect::<Vec<_>>()
            })
            .find(|meant| !meant.is_empty())
            .unwrap_or_default();
        match meant[..] {
            [_] if !publics.is_empty() => Err(KeyError::Mismatch.into()),
            [one] => Ok(one.pair.clone()),
            [first, ..] if meant.iter().all(|of| of.pair == first.pair) => Ok(first.pair.clone()),
            [_, _, ..] => bail!("has {} private keys: leave the one that is meant", meant.len()),
            [] if bad_pem => Err(KeyError::NotPem.into()),
            [] if other_jwk => {
                bail!("has a JWK that is no P-256 key: \"kty\":\"EC\" and \"crv\":\"P-256\" are right")
            }
            [] if short.is_some() && publics.is_empty() => bail!(
                "must be a P-256 private key of {SCALAR_OCTETS} octets, not {}: if zeros were lost at its beginning, put the \
                 public key beside it, which proves it",
                short.unwrap_or_default()
            ),
            [] if short.is_some() => Err(KeyError::Mismatch.into()),
            [] if !privates.is_empty() => bail!(
                "has keys, but none that it calls a VAPID or private key: give its line the name VAPID_PRIVATE_KEY"
            ),
            [] if !publics.is_empty() => {
                bail!("has a public key only: the private one, which signs, is needed")
            }
            [] => match VapidKeyPair::import(text, None) {
                Ok(pair) => Ok(pair),
                Err(error) => Err(anyhow!(error).context("has no key in it that reads as one")),
            },
        }
    }
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::webpush::keys::encode_base64url;

    fn hex(octets: &[u8]) -> String {
        octets.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"))
    }

    fn jwk(pair: &VapidKeyPair) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": encode_base64url(&pair.public()[1..33]),
            "y": encode_base64url(&pair.public()[33..]), "d": pair.private_base64url().as_str()})
    }

    /// Every form that a pair is printed in, here or by others.
    #[test]
    fn pairs_are_read_in_the_forms_that_libraries_print() {
        let pair = VapidKeyPair::generate().unwrap();
        let other = VapidKeyPair::generate().unwrap();
        let (public, private) = (pair.public_base64url(), pair.private_base64url());
        let (public, private) = (public.as_str(), private.as_str());
        let ruler = "=".repeat(39);
        let pem = pair.to_pem().unwrap();
        let literal = pem.trim().replace('\n', "\\n");
        let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let leading_zero = encode_base64url(&[&[0], &pair.private()[..]].concat());
        let numbers: Vec<String> = pair.private().iter().map(u8::to_string).collect();
        let signed: Vec<String> =
            pair.private().iter().map(|octet| octet.cast_signed().to_string()).collect();
        let mut public_jwk = jwk(&pair);
        public_jwk.as_object_mut().unwrap().remove("d");
        let app_key = encode_base64url(other.private());
        let forms = [
            ("PEM", pem.to_string()),
            ("PEM with literal \\n", literal.clone()),
            ("PEM with blanks", pem.replace('\n', " ")),
            ("PEM in an environment", format!("A=b\nVAPID_PRIVATE_KEY=\"{literal}\"\nAPP_KEY={app_key}\n")),
            ("PEM in JSON", json!({"private_key": pem.as_str()}).to_string()),
            ("npm web-push --json", format!("{{\"publicKey\":\"{public}\",\"privateKey\":\"{private}\"}}\n")),
            (
                "npm web-push",
                format!("\n{ruler}\n\nPublic Key:\n{public}\n\nPrivate Key:\n{private}\n\n{ruler}\n\n"),
            ),
            (
                "nested",
                json!({"vapid": {"subject": "mailto:x", "public_key": public, "private_key": private}})
                    .to_string(),
            ),
            ("two words", format!("{private} {public}")),
            ("environment", format!("VAPID_PUBLIC_KEY={public}\nVAPID_PRIVATE_KEY=\"{private}\"\n")),
            (
                "environment with other keys",
                format!(
                    "APP_KEY=base64:{app_key}=\nVAPID_PUBLIC_KEY={public}\nVAPID_PRIVATE_KEY={private}\n"
                ),
            ),
            (
                "no public key beside other keys",
                format!("APP_KEY=base64:{app_key}=\nVAPID_PRIVATE_KEY={private}\n"),
            ),
            ("PHP", format!("return ['publicKey' => '{public}',\n 'privateKey' => '{private}',\n];")),
            ("YAML", format!("vapid:\n  public_key: {public}\n  private_key: {private}\n")),
            ("the private key alone", format!("{private}\n")),
            ("with a name", format!("private: {private}")),
            ("padded", format!("{private}=\n{public}=")),
            ("33 octets", leading_zero),
            ("DER in base64", der),
            ("hexadecimal", hex(pair.private())),
            (
                "hexadecimal with its public half",
                format!("{}\n{}\n", hex(pair.private()), hex(pair.public())),
            ),
            ("Discourse", numbers.join("|")),
            ("list", format!("[{}]", numbers.join(", "))),
            ("signed", signed.join(",")),
            ("JWK", jwk(&pair).to_string()),
            ("pair of JWKs", json!({"publicKey": public_jwk, "privateKey": jwk(&pair)}).to_string()),
            ("JWK set", json!({"keys": [jwk(&pair)]}).to_string()),
            ("JSON in JSON", json!(jwk(&pair).to_string()).to_string()),
        ];
        for (form, text) in forms {
            assert_eq!(parse_pair(text.as_bytes()).unwrap(), pair, "{form}");
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(parse_pair(&[&b"\xff\xfe"[..], &utf16].concat()).unwrap(), pair, "{form} in UTF-16");
        }
        let der = decode_base64(&pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>());
        assert_eq!(parse_pair(&der.unwrap()).unwrap(), pair);
    }

    #[test]
    fn a_lost_zero_is_put_back_where_the_public_key_proves_it() {
        let mut scalar = [7; SCALAR_OCTETS];
        scalar[0] = 0;
        let pair = VapidKeyPair::from_private(&scalar).unwrap();
        let short = encode_base64url(&scalar[1..]);
        let json = json!({"publicKey": pair.public_base64url(), "privateKey": short}).to_string();
        assert_eq!(parse_pair(json.as_bytes()).unwrap(), pair);
        let mut jwk = jwk(&pair);
        jwk["d"] = json!(short);
        assert_eq!(parse_pair(jwk.to_string().as_bytes()).unwrap(), pair);
        let error = parse_pair(short.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("put the public key beside it") && !error.contains(&short), "{error}");
    }

    #[test]
    fn what_is_no_pair_is_refused_without_repeating_it() {
        let pair = VapidKeyPair::generate().unwrap();
        let other = VapidKeyPair::generate().unwrap();
        let private = pair.private_base64url().to_string();
        let mismatched = format!("{} {private}", other.public_base64url());
        let several = format!("{private}\n{}\n", other.private_base64url().as_str());
        let pairs = format!("{several}{}\n{}", pair.public_base64url(), other.public_base64url());
        let foreign = format!("APP_KEY={private}\n");
        let mut p384 = jwk(&pair);
        p384["crv"] = json!("P-384");
        let cut = &pair.to_pem().unwrap()[..100];
        for (text, says) in [
            ("", "is required"),
            ("hello", "no key"),
            (&mismatched, "does not belong"),
            (&private[..20], "no key"),
            (&pair.public_base64url(), "public key only"),
            (&several, "2 private keys"),
            (&pairs, "2 key pairs"),
            (&foreign, "VAPID_PRIVATE_KEY"),
            (&p384.to_string(), "P-256"),
            (cut, "must be a PEM file"),
            (&"x".repeat(FILE_OCTETS_MAX + 1), "no file of keys"),
        ] {
            let error = format!("{:#}", parse_pair(text.as_bytes()).unwrap_err());
            assert!(error.contains(says), "{says}: {error}");
            assert!(!error.contains(&private), "{error}");
        }
    }
}
