//! What an error of reqwest, hyper, h2, rustls or the system means: found by the types along its chain of sources, told
//! in fixed words. What a peer wrote (names in certificates, debug data) does not get in.

use std::error::Error;
use std::io;

use super::dial::DialError;
use crate::open_files::exhausted;
use crate::transport::TransportError;
use crate::transport::resolver::ResolveError;

const NO_DESCRIPTORS: TransportError =
    TransportError::Exhausted("this server has no more descriptors for connections");
const NO_LOOKUPS: TransportError = TransportError::Exhausted("this server looks up too many names at once");

/// What one error of the chain says.
enum Finding {
    /// Everything.
    Certain(TransportError),
    /// Something, unless an error further down says more.
    Words(&'static str),
    /// Nothing.
    Nothing,
}

/// The error of a request or of a connection attempt. `sent`: whether its first octet may have left.
pub(super) fn classify(error: &(dyn Error + 'static), sent: bool) -> TransportError {
    let mut words = "the request failed";
    let mut next = Some(error);
    while let Some(error) = next {
        match inspect(error, sent) {
            Finding::Certain(certain) => return certain,
            Finding::Words(better) => words = better,
            Finding::Nothing => {}
        }
        next = inner(error);
    }
    TransportError::Unreachable { detail: words.to_owned(), sent }
}

/// The next error of the chain. An [`io::Error`] passes over what it wraps when it is asked for its source.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(wrapped);
    }
    error.source()
}

/// Whether no further request goes over the connection of a request that failed so.
pub(super) fn ends_connection(error: &(dyn Error + 'static)) -> bool {
    let chain = || std::iter::successors(Some(error), |error| inner(*error));
    match chain().find_map(|error| error.downcast_ref::<h2::Error>()) {
        // A reset is the end of one stream only.
        Some(error) => !error.is_reset(),
        None => chain().any(|error| error.is::<hyper::Error>() || error.is::<io::Error>()),
    }
}

fn inspect(error: &(dyn Error + 'static), sent: bool) -> Finding {
    if let Some(error) = error.downcast_ref::<DialError>() {
        return match error {
            DialError::Failed(failure) => Finding::Certain(failure.clone()),
            DialError::TimedOut => Finding::Certain(unreachable("no connection in time", false)),
            DialError::Http1Only => Finding::Certain(unreachable("HTTP/2 was not agreed on", false)),
        };
    }
    if let Some(error) = error.downcast_ref::<ResolveError>() {
        return Finding::Certain(match error {
            ResolveError::Refused(refusal) => TransportError::Blocked(*refusal),
            ResolveError::NoAddress => unreachable("the host's name has no address", false),
            ResolveError::Failed(error) if exhausted(error) => NO_DESCRIPTORS,
            ResolveError::Failed(error) if error.kind() == io::ErrorKind::ResourceBusy => NO_LOOKUPS,
            ResolveError::Failed(error) if error.kind() == io::ErrorKind::NotFound => {
                unreachable("the host's name does not exist", false)
            }
            ResolveError::Failed(_) => unreachable("the host's name could not be looked up", false),
        });
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return of_h2(error, sent);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Finding::Certain(unreachable(of_tls(error), sent));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        if !sent && exhausted(error) {
            return Finding::Certain(NO_DESCRIPTORS);
        }
        return Finding::Words(of_io(error.kind()));
    }
    match of_tunnel(&error.to_string()) {
        Some(words) => Finding::Certain(unreachable(words, false)),
        None => Finding::Nothing,
    }
}

/// What the egress proxy answered to CONNECT. The client's error has a type that it does not name, so its words are read, a
/// test sees to it that they stay: `tests/transport/guard.rs`.
fn of_tunnel(words: &str) -> Option<&'static str> {
    Some(match words.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => {
            "a proxy on the way answered 407: it wants a user name and password"
        }
        "unsuccessful" => "a proxy on the way refused the connection (no 200 to CONNECT)",
        "unexpected end of file" => {
            "a proxy on the way closed the connection instead of an answer to CONNECT"
        }
        "proxy response headers too long" => "a proxy on the way answered CONNECT with too long a header",
        _ => "a proxy on the way can not be reached",
    })
}

fn unreachable(detail: &str, sent: bool) -> TransportError {
    TransportError::Unreachable { detail: detail.to_owned(), sent }
}

/// RFC 9113 section 8.7: a refused stream, and one beyond the last that a GOAWAY names, was not processed. h2 gives the
/// error of a GOAWAY to no other streams.
fn of_h2(error: &h2::Error, sent: bool) -> Finding {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    if error.is_remote() && (refused || error.is_go_away()) {
        return Finding::Certain(TransportError::StreamRefused);
    }
    if let Some(error) = error.get_io() {
        return Finding::Words(of_io(error.kind()));
    }
    match error.reason() {
        Some(reason) => {
            let by = if error.is_remote() { "the push service" } else { "this side" };
            let detail = format!("HTTP/2 error of {by}: {}", reason.description());
            Finding::Certain(TransportError::Unreachable { detail, sent })
        }
        None => Finding::Words("HTTP/2 failed"),
    }
}

fn of_hyper(error: &hyper::Error) -> Finding {
    if error.is_timeout() {
        return Finding::Words("the connection is dead: no answer to PING");
    }
    if error.is_parse_too_large() {
        return Finding::Words("the answer's header fields are too large");
    }
    if error.is_parse() {
        return Finding::Words("the answer is no HTTP");
    }
    // A user's error is what hyper says of a request that waited for a stream when the connection ended.
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() || error.is_user() {
        return Finding::Words("the connection was closed before the answer");
    }
    Finding::Nothing
}

fn of_tls(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    use rustls::Error as Tls;
    // rustls marks both enums as growing, so the rest can't be listed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum")]
    match error {
        Tls::InvalidCertificate(Certificate::UnknownIssuer) => "TLS: the certificate's issuer is not trusted",
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "TLS: the certificate has expired"
        }
        Tls::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "TLS: the certificate is for another name",
        Tls::InvalidCertificate(_) => "TLS: the certificate is not valid",
        Tls::AlertReceived(_) => "TLS: the push service refused the handshake",
        _ => "TLS: the handshake failed",
    }
}

fn of_io(kind: io::ErrorKind) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum")]
    match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "the connection was closed before the answer"
        }
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "the connection timed out",
        _ => "the connection failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Refusal;

    #[test]
    fn looks_into_what_io_errors_wrap() {
        let wrapped = io::Error::other(io::Error::other(ResolveError::Refused(Refusal::AddressNotAllowed)));
        assert_eq!(classify(&wrapped, false), TransportError::Blocked(Refusal::AddressNotAllowed));
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete);
        assert_eq!(classify(&tls, false), unreachable("TLS: the handshake failed", false));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(classify(&reset, true), unreachable("connection reset", true));
    }

    #[test]
    fn what_this_machine_lacks_is_not_the_push_services() {
        let none = || io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert_eq!(classify(&io::Error::other(none()), false), NO_DESCRIPTORS);
        assert_eq!(classify(&ResolveError::Failed(none()), false), NO_DESCRIPTORS);
        assert_eq!(classify(&ResolveError::Failed(io::ErrorKind::ResourceBusy.into()), false), NO_LOOKUPS);
        // It may have got it.
        assert!(matches!(classify(&none(), true), TransportError::Unreachable { sent: true, .. }));
    }

    #[test]
    fn a_reset_of_our_own_is_no_refusal() {
        let ours = h2::Error::from(h2::Reason::REFUSED_STREAM);
        assert!(matches!(classify(&ours, true), TransportError::Unreachable { sent: true, .. }));
    }
}
