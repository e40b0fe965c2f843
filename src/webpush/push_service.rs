//! Whose push service an endpoint belongs to, and which hosts are known at all. Recognised by the parsed host alone:
//! exactly, or as a name below a domain; never by a pattern over the URL.

use crate::domain::{Endpoint, Origin};

/// A push service with manners of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PushService {
    /// Firebase Cloud Messaging: Chrome and most browsers built on Chromium.
    Fcm,
    /// Its predecessor, `https://android.googleapis.com/gcm/send/…`: ended, and sent to with an API key.
    Gcm,
    /// Mozilla's autopush: Firefox.
    Mozilla,
    /// Apple: Safari.
    Apple,
    /// Windows Notification Service: Edge on Windows.
    Wns,
    /// Any other, UnifiedPush servers among them: nothing is assumed beyond RFC 8030.
    Other,
}

impl PushService {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Fcm, Self::Gcm, Self::Mozilla, Self::Apple, Self::Wns, Self::Other];

    /// Its name in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::Gcm => "gcm",
            Self::Mozilla => "mozilla",
            Self::Apple => "apple",
            Self::Wns => "wns",
            Self::Other => "other",
        }
    }

    /// The one that an origin belongs to.
    #[must_use]
    pub fn of_origin(origin: &Origin) -> Self {
        SERVICES
            .iter()
            .find(|(hosts, _)| hosts.matches(origin.host()))
            .map_or(Self::Other, |(_, service)| *service)
    }

    /// The one that an endpoint belongs to.
    #[must_use]
    pub fn of(endpoint: &Endpoint) -> Self {
        Self::of_origin(endpoint.origin())
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.as_str() == name)
    }

    /// Whether the endpoint, which is at one of its hosts, looks like those that it gives to browsers. At other paths those
    /// hosts have other things (autopush's API for phones at `/v1/…`), whose answers would be taken for those of a push
    /// resource.
    #[must_use]
    pub fn gives(self, endpoint: &Endpoint) -> bool {
        let (path, query) = endpoint.path_and_query();
        // No service has more; what is behind the last makes that one no token.
        let mut segments = path.strip_prefix('/').unwrap_or_default().splitn(4, '/');
        let segments = [(); 4].map(|()| segments.next());
        match (self, segments) {
            (Self::Other, _) => true,
            (
                Self::Fcm,
                [Some("fcm"), Some("send"), Some(token), None] | [Some("wp"), Some(token), None, None],
            )
            | (Self::Gcm, [Some("gcm"), Some("send"), Some(token), None])
            | (Self::Mozilla, [Some("wpush"), Some(token), None, None])
            | (Self::Apple, [Some(token), None, None, None]) => is_token(token),
            (Self::Mozilla, [Some("wpush"), Some(version), Some(token), None]) => {
                is_token(version) && is_token(token)
            }
            // Older channels have no `/w`.
            (Self::Wns, [Some("w"), Some(""), None, None] | [Some("w" | ""), None, None, None]) => {
                query.is_some_and(|query| query.split('&').any(has_wns_token))
            }
            (Self::Fcm | Self::Gcm | Self::Mozilla | Self::Apple | Self::Wns, _) => false,
        }
    }

    /// What paths its endpoints have, in words.
    #[must_use]
    pub const fn paths(self) -> &'static str {
        match self {
            Self::Fcm => "FCM's are /fcm/send/… and /wp/…",
            Self::Gcm => "GCM's are /gcm/send/…",
            Self::Mozilla => "Mozilla's are /wpush/…",
            Self::Apple => "Apple's are / and one token",
            Self::Wns => "those of WNS are /w/?token=…",
            Self::Other => "any is",
        }
    }
}

/// One segment of a path that stays one, whoever reads it.
fn is_token(segment: &str) -> bool {
    let segment_lower = segment.to_ascii_lowercase();
    !segment.is_empty()
        && !matches!(segment, "." | "..")
        && segment.bytes().all(|octet| octet.is_ascii_graphic())
        && !["%2e", "%2f", "%5c"].iter().any(|escaped| segment_lower.contains(escaped))
}

fn has_wns_token(parameter: &str) -> bool {
    parameter.strip_prefix("token=").is_some_and(|token| !token.is_empty())
}

/// Host names: one, or all below a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPattern<'a> {
    /// This host.
    Exact(&'a str),
    /// Hosts whose name ends with this, which begins with a dot.
    Below(&'a str),
}

impl<'a> HostPattern<'a> {
    /// Reads `push.example.net` as one host, `.push.example.net` and `*.push.example.net` as all below it.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        match text.strip_prefix('*') {
            Some(suffix) if suffix.starts_with('.') => Self::Below(suffix),
            Some(_) | None if text.starts_with('.') => Self::Below(text),
            Some(_) | None => Self::Exact(text),
        }
    }

    /// Whether a host, as [`Origin::host`] gives it, is meant.
    #[must_use]
    pub fn matches(self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host.eq_ignore_ascii_case(name),
            Self::Below(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|start| *start > 0)
                .and_then(|start| host.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
        }
    }
}

const SERVICES: [(HostPattern<'static>, PushService); 8] = [
    (HostPattern::Exact("fcm.googleapis.com"), PushService::Fcm),
    // Browsers built on Chromium without Google's keys.
    (HostPattern::Exact("jmt17.google.com"), PushService::Fcm),
    (HostPattern::Exact("android.googleapis.com"), PushService::Gcm),
    (HostPattern::Exact("updates.push.services.mozilla.com"), PushService::Mozilla),
    (HostPattern::Below(".push.services.mozilla.com"), PushService::Mozilla),
    (HostPattern::Below(".mozaws.net"), PushService::Mozilla),
    (HostPattern::Below(".push.apple.com"), PushService::Apple),
    (HostPattern::Below(".notify.windows.com"), PushService::Wns),
];

/// Hosts that may be posted to unless the operator says otherwise, on port 443. Not among them although recognised:
/// `android.googleapis.com`, which is dead, and Mozilla's development servers.
pub const KNOWN_HOSTS: [HostPattern<'static>; 6] = [
    HostPattern::Exact("fcm.googleapis.com"),
    HostPattern::Exact("jmt17.google.com"),
    HostPattern::Exact("updates.push.services.mozilla.com"),
    HostPattern::Below(".push.services.mozilla.com"),
    HostPattern::Below(".push.apple.com"),
    HostPattern::Below(".notify.windows.com"),
];

/// Whether a host is one of [`KNOWN_HOSTS`].
#[must_use]
pub fn is_known_host(host: &str) -> bool {
    KNOWN_HOSTS.iter().any(|pattern| pattern.matches(host))
}

/// Whether a host may never be posted to, whatever is configured: `*.invalid` (RFC 2606), which browsers without a push
/// service register (`permanently-removed.invalid`).
#[must_use]
pub fn is_denied_host(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    HostPattern::Exact("invalid").matches(host) || HostPattern::Below(".invalid").matches(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_recognised_by_their_host() {
        for (url, service, known) in [
            ("https://fcm.googleapis.com/fcm/send/x", PushService::Fcm, true),
            ("https://FCM.GoogleAPIs.com/wp/x", PushService::Fcm, true),
            ("https://jmt17.google.com/fcm/send/x", PushService::Fcm, true),
            ("https://android.googleapis.com/gcm/send/x", PushService::Gcm, false),
            ("https://updates.push.services.mozilla.com/wpush/v2/x", PushService::Mozilla, true),
            ("https://updates2.push.services.mozilla.com/wpush/v2/x", PushService::Mozilla, true),
            ("https://updates-autopush.stage.mozaws.net/wpush/v1/x", PushService::Mozilla, false),
            ("https://web.push.apple.com/x", PushService::Apple, true),
            ("https://wns2-par02p.notify.windows.com/w/?token=x", PushService::Wns, true),
            ("https://db5.notify.windows.com/?token=x", PushService::Wns, true),
            ("https://ntfy.sh/up?up=1", PushService::Other, false),
            // What only looks like one.
            ("https://evilfcm.googleapis.com/x", PushService::Other, false),
            ("https://fcm.googleapis.com.evil.example/x", PushService::Other, false),
            ("https://evil.example/fcm.googleapis.com/x", PushService::Other, false),
            ("https://evil.example/x.push.apple.com/", PushService::Other, false),
            ("https://evilpush.apple.com/", PushService::Other, false),
            ("https://push.apple.com/", PushService::Other, false),
            ("https://notify.windows.com/", PushService::Other, false),
            ("https://fcm.googleapis.com./x", PushService::Other, false),
        ] {
            let endpoint = Endpoint::parse(url, false).unwrap();
            assert_eq!(PushService::of(&endpoint), service, "{url}");
            assert_eq!(is_known_host(endpoint.origin().host()), known, "{url}");
        }
    }

    #[test]
    fn known_hosts_give_endpoints_of_known_paths() {
        for (url, gives) in [
            ("https://fcm.googleapis.com/fcm/send/dK3x:APA91b-_", true),
            ("https://fcm.googleapis.com/wp/dK3x%3AAPA91b", true),
            ("https://jmt17.google.com/fcm/send/x", true),
            ("https://fcm.googleapis.com/fcm/send/", false),
            ("https://fcm.googleapis.com/fcm/send", false),
            ("https://fcm.googleapis.com/fcm/send/x/y", false),
            ("https://fcm.googleapis.com/fcm/send/..", false),
            ("https://fcm.googleapis.com/fcm/send/%2e%2E", false),
            ("https://fcm.googleapis.com/fcm/send/..%2fx", false),
            ("https://fcm.googleapis.com/fcm//send/x", false),
            ("https://fcm.googleapis.com//fcm/send/x", false),
            ("https://fcm.googleapis.com/FCM/send/x", false),
            ("https://fcm.googleapis.com/v1/projects/p/messages:send", false),
            ("https://fcm.googleapis.com/?/fcm/send/x", false),
            ("https://fcm.googleapis.com?x", false),
            ("https://fcm.googleapis.com", false),
            ("https://android.googleapis.com/gcm/send/x", true),
            ("https://android.googleapis.com/fcm/send/x", false),
            ("https://updates.push.services.mozilla.com/wpush/v1/gAAA", true),
            ("https://updates.push.services.mozilla.com/wpush/v2/gAAA==", true),
            ("https://updates.push.services.mozilla.com/wpush/gAAA", true),
            ("https://updates-autopush.stage.mozaws.net/wpush/v2/x", true),
            ("https://updates.push.services.mozilla.com/wpush/v2/", false),
            ("https://updates.push.services.mozilla.com/wpush/v2/x/y", false),
            ("https://updates.push.services.mozilla.com/wpush/../v1/x", false),
            ("https://updates.push.services.mozilla.com/push/v1/x", false),
            ("https://updates.push.services.mozilla.com/m/x", false),
            ("https://updates.push.services.mozilla.com/v1/fcm/x/registration/y/subscription", false),
            ("https://web.push.apple.com/QGuQyavXutnMH7q7mTu5Ze0", true),
            ("https://web.push.apple.com/", false),
            ("https://api.push.apple.com/3/device/abc", false),
            ("https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%2babc%3d", true),
            ("https://wns2-par02p.notify.windows.com/w?token=x", true),
            ("https://sg2p.notify.windows.com/?token=AgYAAA", true),
            ("https://wns2-par02p.notify.windows.com/w/", false),
            ("https://wns2-par02p.notify.windows.com/w/?token=", false),
            ("https://wns2-par02p.notify.windows.com/x/?token=x", false),
            ("https://ntfy.sh/whatever?up=1", true),
        ] {
            let endpoint = Endpoint::parse(url, false).unwrap();
            assert_eq!(PushService::of(&endpoint).gives(&endpoint), gives, "{url}");
        }
    }

    #[test]
    fn invalid_is_always_denied() {
        for host in ["permanently-removed.invalid", "invalid", "a.b.INVALID", "x.invalid."] {
            assert!(is_denied_host(host), "{host}");
        }
        for host in ["fcm.googleapis.com", "invalid.example", "notinvalid"] {
            assert!(!is_denied_host(host), "{host}");
        }
        assert!(KNOWN_HOSTS.iter().all(|pattern| match pattern {
            HostPattern::Exact(host) | HostPattern::Below(host) => !is_denied_host(host),
        }));
    }

    #[test]
    fn patterns_are_read_as_operators_write_them() {
        assert_eq!(HostPattern::parse("ntfy.sh"), HostPattern::Exact("ntfy.sh"));
        assert_eq!(HostPattern::parse(".mozaws.net"), HostPattern::Below(".mozaws.net"));
        assert_eq!(HostPattern::parse("*.mozaws.net"), HostPattern::Below(".mozaws.net"));
        assert_eq!(HostPattern::parse("*"), HostPattern::Exact("*"), "no wildcard for everything");
    }
}
