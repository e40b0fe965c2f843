//! The endpoint: the URL of the push resource (RFC 8030 section 4). Whoever has it can send, so it is a secret: it shows
//! itself in no `Debug` and has no `Display`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{HostChoice, Violations, limits};

/// A push resource's URL as a URL parser writes it, which is what is posted to: so all spellings of one (the case of the host,
/// its default port, characters that names pass over) are one endpoint. What a browser gives is written so already.
#[derive(Clone)]
pub struct Endpoint {
    url: Arc<str>,
    /// As it was given, if that is another spelling.
    spelled: Option<Arc<str>>,
    origin: Origin,
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.url.hash(state);
    }
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// There is none.
    #[error("is required")]
    Missing,
    /// See [`limits::ENDPOINT_OCTETS_MAX`].
    #[error("must have at most {} octets", limits::ENDPOINT_OCTETS_MAX)]
    TooLong,
    /// No URL parser takes it.
    #[error("must be an absolute https URL")]
    NotAUrl,
    /// RFC 8030 section 8.
    #[error("must be an https URL")]
    NotHttps,
    /// It carries a user name or password.
    #[error("must not have a user name or password")]
    UserInfo,
    /// It carries a fragment.
    #[error("must not have a fragment")]
    Fragment,
}

impl Endpoint {
    /// Reads a URL. `http` passes only where the caller says so, which is for configured exceptions on loopback.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it.
    pub fn parse(url: &str, allow_http: bool) -> Result<Self, EndpointError> {
        if url.is_empty() {
            return Err(EndpointError::Missing);
        }
        if url.len() > limits::ENDPOINT_OCTETS_MAX {
            return Err(EndpointError::TooLong);
        }
        let parsed = url::Url::parse(url).map_err(|_| EndpointError::NotAUrl)?;
        // A URL parser repairs more than a browser ever gives. What other readers of the URL could see otherwise is refused:
        // space that is passed over, `\` that becomes `/`, slashes that are missing or too many.
        let strange = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        let rest = url.get(parsed.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
        let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let Some(authority) = authority.filter(|it| !it.is_empty() && !url.contains(strange)) else {
            return Err(EndpointError::NotAUrl);
        };
        match parsed.scheme() {
            "https" => {}
            "http" if allow_http => {}
            _ => return Err(EndpointError::NotHttps),
        }
        // Also an empty one, of which the parser does not tell.
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if parsed.fragment().is_some() {
            return Err(EndpointError::Fragment);
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(EndpointError::NotAUrl)?;
        let port = parsed.port_or_known_default().ok_or(EndpointError::NotAUrl)?;
        let origin = Origin::new(parsed.scheme(), host, port);
        let spelled = (parsed.as_str() != url).then(|| url.into());
        if parsed.as_str().len() > limits::ENDPOINT_OCTETS_MAX {
            return Err(EndpointError::TooLong);
        }
        Ok(Self { url: String::from(parsed).into(), spelled, origin })
    }

    /// Reads what [`Self::parse`] took when it was stored, http included. Most URLs are written so plainly that their origin
    /// can be read off, at a small part of what a URL parser takes.
    ///
    /// # Errors
    /// Like [`Self::parse`].
    pub fn restore(url: &str) -> Result<Self, EndpointError> {
        match plain_origin(url) {
            Some(origin) => Ok(Self { url: url.into(), spelled: None, origin }),
            None => Self::parse(url, true),
        }
    }

    /// The spelling that it was read from, if it was another one. Earlier versions stored endpoints as they were given.
    #[must_use]
    pub fn spelling(&self) -> Option<&str> {
        self.spelled.as_deref()
    }

    /// The text that it was read from.
    #[must_use]
    pub fn as_given(&self) -> &str {
        self.spelling().unwrap_or(&self.url)
    }

    /// The same, as if it had been given in its one spelling.
    #[must_use]
    pub fn normal(&self) -> Self {
        Self { spelled: None, ..self.clone() }
    }

    /// The URL itself, for the request that goes to it and for the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// What may be shown of it.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path with the leading `/`, and its query, as they stand in the URL. A secret as all of it.
    #[must_use]
    pub fn path_and_query(&self) -> (&str, Option<&str>) {
        let after_scheme = self.url.find("://").map_or(0, |at| at + "://".len());
        let rest = self.url.get(after_scheme..).unwrap_or_default();
        let local = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default();
        match local.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (local, None),
        }
    }
}

/// Whether a URL parser leaves a path, with a query or without, as it is; `false` where one is needed to tell.
fn is_plain_path(path: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_~!$&()*+,;=:@/?%.".contains(&octet);
    // Segments of dots are dissolved, however they are written.
    path.bytes().all(plain) && !["/.", "/%2e", "/%2E"].iter().any(|dots| path.contains(dots))
}

/// The origin of an https URL that is spelled as a URL parser does; `None` where one is needed to tell.
fn plain_origin(url: &str) -> Option<Origin> {
    const SCHEME: &str = "https://";
    let rest = url.strip_prefix(SCHEME)?;
    let authority = &rest[..rest.find('/')?];
    if !is_plain_path(&rest[authority.len()..]) {
        return None;
    }
    let (host, port) = match authority.split_once(':') {
        None => (authority, 443),
        // Without leading zeros or a sign, and never the default port.
        Some((host, digits)) if digits.starts_with(|first: char| matches!(first, '1'..='9')) => {
            (host, digits.parse().ok().filter(|port| *port != 443)?)
        }
        Some(_) => return None,
    };
    let plain =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.');
    // The last label of a number is an IPv4 address, in one of many notations. Punycode may be wrong.
    let last_label = host.rsplit('.').next()?;
    let is_name = last_label.starts_with(|first: char| first.is_ascii_lowercase()) && !host.contains("xn--");
    (is_name && host.bytes().all(plain)).then(|| {
        let text = &url[..SCHEME.len() + authority.len()];
        Origin { text: text.into(), host: host.into(), port, https: true }
    })
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}/…)", self.origin)
    }
}

/// Scheme, host and port of a push service (RFC 6454); the port is written only where it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    text: Arc<str>,
    host: Arc<str>,
    port: u16,
    https: bool,
}

impl Origin {
    fn new(scheme: &str, host: &str, port: u16) -> Self {
        let https = scheme == "https";
        let default_port = if https { 443 } else { 80 };
        let text = if port == default_port {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        Self { text: text.into(), host: host.into(), port, https }
    }

    /// Reads `scheme://host[:port]`; `None` when it is not an http or https origin.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(Self::new(url.scheme(), url.host_str()?, url.port_or_known_default()?))
    }

    /// `scheme://host[:port]`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host as a URL parser normalises it: lower case, punycode, addresses in their one notation.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether its scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which endpoints may be posted to. The API asks it before anything is stored, the transport again before each POST.
pub trait EndpointPolicy: Send + Sync + fmt::Debug {
    /// Whether an http URL may name this host and port: for configured exceptions on loopback.
    fn allows_http(&self, host: &str, port: u16) -> bool;

    /// Whether this server may post to the endpoint, as far as can be told without looking its host up, and by which rule:
    /// so it must be dialled, and by no other.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, endpoint: &Endpoint) -> Result<PassedBy, Refusal>;

    /// The exception that [`Self::check`] would let the endpoints of this origin pass by, if it lets them. Cheap.
    fn exception(&self, origin: &Origin) -> Option<ExceptionId>;

    /// This server's policy as one application has chosen it: other hosts, never other networks.
    ///
    /// # Errors
    /// What of the choice cannot be: its field, and why.
    fn chosen(&self, choice: &HostChoice) -> Result<Arc<dyn EndpointPolicy>, Violations>;
}

/// Which rule of an [`EndpointPolicy`] lets an endpoint pass. It decides how the endpoint is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassedBy {
    /// The profile or the list of hosts: to public addresses, by the system's root certificates, without a client
    /// certificate, and through the egress proxy if there is one.
    Hosts,
    /// An exception: to its addresses, by its root certificates and with its client certificate.
    Exception(ExceptionId),
}

/// The place of an exception in the server's configuration, from 0 on. The policy of a server and those that its
/// applications have chosen of it have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExceptionId(pub u32);

/// Why an endpoint may not be posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none of the known push services, and none that the operator listed.
    #[error("the endpoint's host is no push service that this server may post to")]
    HostNotAllowed,
    /// Only 443, unless the operator listed another with the host.
    #[error("the endpoint's port is none that this server may post to")]
    PortNotAllowed,
    /// It lies in a private or special range.
    #[error("the endpoint's address is none that this server may post to")]
    AddressNotAllowed,
    /// Only configured exceptions on loopback speak http.
    #[error("this server posts to the endpoint's host by https only")]
    HttpNotAllowed,
    /// A known push service has other things at such a path than push resources: those that it has.
    #[error("the endpoint's path is none that its push service gives: {0}")]
    PathNotKnown(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_url_and_tells_the_origin() {
        let url = "https://push.example.net/p/aB%2f?token=x%3D";
        let endpoint = Endpoint::parse(url, false).unwrap();
        assert_eq!((endpoint.expose(), endpoint.spelling()), (url, None));
        assert_eq!(endpoint.origin().as_str(), "https://push.example.net");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://push.example.net/…)");
        let other = Endpoint::parse("https://push.example.net:8443/p", false).unwrap();
        assert_eq!(other.origin().as_str(), "https://push.example.net:8443");
    }

    #[test]
    fn all_spellings_of_one_are_one() {
        let one = Endpoint::parse("https://push.example.net/p/aB%2f?t=x", false).unwrap();
        for spelled in [
            "https://Push.Example.net/p/aB%2f?t=x",
            "HTTPS://push.example.net/p/aB%2f?t=x",
            "https://push.example.net:443/p/aB%2f?t=x",
            "https://push.example.net:0443/p/aB%2f?t=x",
            "https://push.example.net:/p/aB%2f?t=x",
            "https://pu\u{ad}sh.example.net/p/aB%2f?t=x",
            "https://push.exam\u{200b}ple.net/p/aB%2f?t=x",
            "https://push\u{3002}example\u{ff0e}net/p/aB%2f?t=x",
            "https://\u{ff50}ush.example.net/p/aB%2f?t=x",
            "https://push.example.net/q/../p/aB%2f?t=x",
            "https://push.example.net/./p/aB%2f?t=x",
        ] {
            let other = Endpoint::parse(spelled, false).unwrap();
            assert_eq!(other, one, "{spelled}");
            assert_eq!((other.expose(), other.origin()), (one.expose(), one.origin()), "{spelled}");
            assert_eq!((other.spelling(), other.as_given()), (Some(spelled), spelled));
            assert_eq!(other.normal().spelling(), None);
            assert_eq!(other.expose(), url::Url::parse(other.expose()).unwrap().as_str(), "what is posted");
            assert_eq!(Endpoint::restore(spelled).unwrap().as_given(), spelled);
        }
        // What a push service tells apart stays apart.
        for other in ["/p/aB%2F?t=x", "/p/ab%2f?t=x", "/p/aB/?t=x", "/p/aB%2f?t=x&", "/p//aB%2f?t=x"] {
            assert_ne!(Endpoint::parse(&format!("https://push.example.net{other}"), false).unwrap(), one);
        }
        assert_eq!(Origin::parse("https://Push.example.net:443"), Some(one.origin().clone()));
    }

    #[test]
    fn path_and_query_stand_as_they_were_given() {
        for (url, expected) in [
            ("https://push.example.net/p/aB%2f?token=x%3D/?y", ("/p/aB%2f", Some("token=x%3D/?y"))),
            ("https://push.example.net:8443/p", ("/p", None)),
            ("https://push.example.net/", ("/", None)),
            ("https://push.example.net?t", ("/", Some("t"))),
            ("https://push.example.net", ("/", None)),
            ("HTTPS://push.example.net/a://b", ("/a://b", None)),
        ] {
            assert_eq!(Endpoint::parse(url, false).unwrap().path_and_query(), expected, "{url}");
        }
    }

    #[test]
    fn what_was_stored_is_read_as_it_was_parsed() {
        for url in [
            "https://fcm.googleapis.com/fcm/send/cxYz:APA91b-_",
            "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d%3d",
            "https://push.example.net?token",
            "https://push.example.net",
            "https://push.example.net./p",
            "https://push.example.net/a/../p",
            "https://push.example.net/a/%2e%2E/p",
            "https://push.example.net/.well",
            "https://push.example.net/a/.",
            "https://push.example.net/a.b/c..d?e=/../f",
            "https://push.example.net/a'b?c'd",
            "https://push.example.net/a|b^c`d{e}",
            "https://push.example.net/%zz?%",
            "https://a..b/p",
            "https://-a-.b-/p",
            "https://Push.Example.net/p",
            "https://push.example.net:443/p",
            "https://push.example.net:8443/p",
            "https://push.example.net:08443/p",
            "https://push.example.net:+8443/p",
            "https://push.example.net:65536/p",
            "https://push.example.net:80?p",
            "https://push.example.net:/p",
            "https://push:1:2/p",
            "https://xn--mnchen-3ya.example/p",
            "https://m\u{fc}nchen.example/p",
            "https://127.0.0.1/p",
            "https://127.1/p",
            "https://0x7f.1/p",
            "https://127.0.0.0x1/p",
            "https://push.0xe/p",
            "https://[::1]/p",
            "http://127.0.0.1:8080/p",
            "http://push.example.net/p",
        ] {
            let (restored, parsed) = (Endpoint::restore(url), Endpoint::parse(url, true));
            assert_eq!(restored, parsed, "{url}");
            let (restored, parsed) = (restored.ok(), parsed.ok());
            assert_eq!(
                restored.as_ref().map(|of| (of.origin(), of.spelling())),
                parsed.as_ref().map(|of| (of.origin(), of.spelling())),
                "{url}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_endpoint() {
        let long = format!("https://push.example.net/{}", "x".repeat(2_048));
        for (url, error) in [
            ("", EndpointError::Missing),
            (long.as_str(), EndpointError::TooLong),
            ("push.example.net/p", EndpointError::NotAUrl),
            ("https://", EndpointError::NotAUrl),
            ("https://push.example.net/a b", EndpointError::NotAUrl),
            ("https:push.example.net/p", EndpointError::NotAUrl),
            ("https:me@push.example.net/://push.example.net/p", EndpointError::NotAUrl),
            ("https:///push.example.net/p", EndpointError::NotAUrl),
            ("https:\\\\push.example.net/p", EndpointError::NotAUrl),
            ("https://push.example.net\\@127.0.0.1/p", EndpointError::NotAUrl),
            ("https://push.example.net\t/p", EndpointError::NotAUrl),
            ("http://push.example.net/p", EndpointError::NotHttps),
            ("ftp://push.example.net/p", EndpointError::NotHttps),
            ("https://me@push.example.net/p", EndpointError::UserInfo),
            ("https://me:secret@push.example.net/p", EndpointError::UserInfo),
            ("https://@push.example.net/p", EndpointError::UserInfo),
            ("https://push.example.net%40@127.0.0.1/p", EndpointError::UserInfo),
            ("https://push.example.net/p#f", EndpointError::Fragment),
        ] {
            assert_eq!(Endpoint::parse(url, false), Err(error), "{url}");
        }
        assert!(Endpoint::parse("http://127.0.0.1:8080/p", true).is_ok());
    }
}
