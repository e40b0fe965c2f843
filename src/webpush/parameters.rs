//! Header values that are lists of parameters: `Authorization: vapid t=…, k=…`, `Crypto-Key: dh=…;p256ecdsa=…`,
//! `Encryption: keyid="p"; salt="…"`. Their values hold neither commas, semicolons nor escaped quotes.

/// The parameters in their order; quotes around values are taken off, pieces without `=` are skipped.
pub(super) fn parameters(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split([',', ';']).filter_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        Some((name.trim(), unquoted.unwrap_or(value)))
    })
}

/// A parameter that may stand once at most: `Err` when it is repeated.
pub(super) fn parameter<'a>(value: &'a str, name: &str) -> Result<Option<&'a str>, Repeated> {
    let mut found = parameters(value).filter(|(found, _)| found.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| value);
    if found.next().is_some() { Err(Repeated) } else { Ok(first) }
}

/// A parameter stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_senders_write() {
        for (value, name, found) in [
            ("t=a.b.c, k=BA", "k", Ok(Some("BA"))),
            ("t=a.b.c,k=BA", "t", Ok(Some("a.b.c"))),
            ("dh=x;p256ecdsa=y", "p256ecdsa", Ok(Some("y"))),
            ("keyid=\"dhkey\"; dh=\"x=\"", "dh", Ok(Some("x="))),
            ("SALT = x ", "salt", Ok(Some("x"))),
            ("dh=x,dh=y", "dh", Err(Repeated)),
            ("dh", "dh", Ok(None)),
            ("", "dh", Ok(None)),
        ] {
            assert_eq!(parameter(value, name), found, "{value}");
        }
    }
}
