//! `sub`: whom a push service's operator can reach (RFC 8292 section 2.1). RFC 8292 asks for little; Apple refuses
//! tokens whose contact could reach nobody, so that rule holds for all.

use url::{Host, Url};

/// Longest contact, in octets.
pub const CONTACT_OCTETS_MAX: usize = 512;

/// Why a text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Neither `mailto:` nor `https:`.
    #[error("must be a mailto: or https: URL")]
    Scheme,
    /// See [`CONTACT_OCTETS_MAX`].
    #[error("must have at most {CONTACT_OCTETS_MAX} octets")]
    TooLong,
    /// Not one address, without spaces, brackets or header fields.
    #[error("must be mailto: and one plain address, for example mailto:push@example.com")]
    Address,
    /// No URL parser takes it, or it has a user name or password.
    #[error("must be a well-formed https URL without a user name")]
    Url,
    /// The host is no public domain name: an address, a single word, or under localhost, local or invalid.
    #[error("must have a public domain name: push services refuse localhost, .local, .invalid and addresses")]
    Domain,
}

/// Checks a contact: `mailto:` and one address, or an `https:` URL, at a public domain name.
///
/// # Errors
/// What is wrong with it.
pub fn check_contact(contact: &str) -> Result<(), ContactError> {
    if contact.len() > CONTACT_OCTETS_MAX {
        return Err(ContactError::TooLong);
    }
    let (scheme, rest) = contact.split_once(':').ok_or(ContactError::Scheme)?;
    if scheme.eq_ignore_ascii_case("mailto") {
        check_address(rest)
    } else if scheme.eq_ignore_ascii_case("https") {
        check_url(contact)
    } else {
        Err(ContactError::Scheme)
    }
}

fn check_address(address: &str) -> Result<(), ContactError> {
    let (local, domain) = address.split_once('@').ok_or(ContactError::Address)?;
    // RFC 5322's atext and dots. Quoted local parts exist, but nobody's push contact is one.
    let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() || !local.chars().all(is_local) || local.starts_with('.') || local.ends_with('.') {
        return Err(ContactError::Address);
    }
    if !domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) {
        return Err(ContactError::Address);
    }
    check_domain(domain)
}

fn check_url(url: &str) -> Result<(), ContactError> {
    let parsed = Url::parse(url).map_err(|_| ContactError::Url)?;
    let clean = url.get(.."https://".len()).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
        && !url.chars().any(|c| c.is_whitespace() || c.is_control());
    if !clean || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(ContactError::Url);
    }
    match parsed.host() {
        Some(Host::Domain(domain)) => check_domain(domain),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Err(ContactError::Domain),
        None => Err(ContactError::Url),
    }
}

/// At least two labels of letters, digits and inner hyphens; the last is no number and none of the private ones.
fn check_domain(domain: &str) -> Result<(), ContactError> {
    const PRIVATE: [&str; 4] = ["localhost", "local", "invalid", "localdomain"];
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, last) = domain.rsplit_once('.').ok_or(ContactError::Domain)?;
    let public = domain.len() <= 253
        && domain.split('.').all(is_label)
        && last.bytes().any(|octet| octet.is_ascii_alphabetic())
        && !PRIVATE.iter().any(|name| last.eq_ignore_ascii_case(name));
    if public { Ok(()) } else { Err(ContactError::Domain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_a_push_service_takes() {
        for contact in [
            "mailto:push@example.com",
            "MAILTO:first.last+tag@mail.example.co.uk",
            "mailto:simple-push-demo@gauntface.co.uk",
            "https://example.com",
            "https://example.com/contact?about=push",
            "HTTPS://example.com:8443/",
            "https://bücher.example/",
        ] {
            assert_eq!(check_contact(contact), Ok(()), "{contact}");
        }
    }

    /// With py_vapid's cases: those that it refuses, and those that it takes but Apple refuses.
    #[test]
    fn refuses_what_a_push_service_refuses() {
        let long = format!("mailto:{}@example.com", "a".repeat(CONTACT_OCTETS_MAX));
        for (contact, error) in [
            ("", ContactError::Scheme),
            ("push@example.com", ContactError::Scheme),
            ("http://example.com", ContactError::Scheme),
            ("http://test.com", ContactError::Scheme),
            ("tel:+15551234", ContactError::Scheme),
            ("mailto:", ContactError::Address),
            ("mailto:@foobar.com", ContactError::Address),
            ("mailto:example.org", ContactError::Address),
            ("mailto:mailto:push@example.com", ContactError::Address),
            ("mailto: push@example.com", ContactError::Address),
            ("mailto:<push@example.com>", ContactError::Address),
            ("mailto:push@example.com?subject=x", ContactError::Address),
            ("mailto:a@example.com,b@example.com", ContactError::Address),
            ("mailto:me@localhost", ContactError::Domain),
            ("mailto:me@1.2.3.4", ContactError::Domain),
            ("mailto:me@host.local", ContactError::Domain),
            ("mailto:me@host.LOCAL", ContactError::Domain),
            ("mailto:me@example.invalid", ContactError::Domain),
            ("mailto:me@example..com", ContactError::Domain),
            ("mailto:me@-example.com", ContactError::Domain),
            ("https://localhost", ContactError::Domain),
            ("https://app.localhost", ContactError::Domain),
            ("https://1.2.3.4", ContactError::Domain),
            ("https://[::1]/", ContactError::Domain),
            ("https://somehost", ContactError::Domain),
            ("https://host.invalid", ContactError::Domain),
            ("https://xyz:123", ContactError::Domain),
            ("https:example.com", ContactError::Url),
            ("https://", ContactError::Url),
            ("https://me@example.com", ContactError::Url),
            ("https://exa mple.com", ContactError::Url),
            (long.as_str(), ContactError::TooLong),
        ] {
            assert_eq!(check_contact(contact), Err(error), "{contact}");
        }
    }
}
