//! What a push service says beside its status: each service says it elsewhere. Facts for the outcome table, and a detail
//! for people, in which nothing secret may stand: services quote endpoints and tokens.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::domain::limits::DETAIL_CHARS_MAX;
use crate::domain::text::is_control;
use crate::webpush::request::PushResponse;

/// How much of a body is looked at, in octets.
const BODY_OCTETS_READ: usize = 4_096;
/// A run of this many characters of base64, URLs and numbers may be a key, a token or a path.
const SECRET_CHARS: usize = 28;
/// With a digit in it, a run may be one from this length on.
const SECRET_CHARS_WITH_DIGIT: usize = 16;
/// Characters between the parts of a detail.
const SEPARATOR_CHARS: usize = 2;
/// What stands in the place of such a run.
const REDACTED: char = '…';

/// What proxies on a sender's own way out call themselves in `Server`; no push service does.
const PROXY_SERVERS: [&str; 10] = [
    "squid",
    "tinyproxy",
    "privoxy",
    "mitmproxy",
    "zscaler",
    "bluecoat",
    "fortiproxy",
    "netskope",
    "mcafee web gateway",
    "sophos",
];
/// Header fields that a proxy adds to an answer of its own: RFC 9110 section 11.7.1, and Squid's error pages.
const PROXY_HEADERS: [&str; 2] = ["proxy-authenticate", "x-squid-error"];
/// What the load balancer before Mozilla's and Google's services calls itself in `Via`.
const OWN_VIA: &str = "google";

/// An answer's words. What only some rules ask for is found out when they do: nearly all answers are plain successes.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    response: &'a PushResponse,
    text: String,
    json: Map<String, Value>,
    wns_status: String,
    wns_description: String,
}

impl<'a> Answer<'a> {
    pub(super) fn read(response: &'a PushResponse) -> Self {
        let body = response.body.get(..BODY_OCTETS_READ).unwrap_or(&response.body);
        Self {
            response,
            text: String::from_utf8_lossy(body).into_owned(),
            json: serde_json::from_slice(&response.body).unwrap_or_default(),
            wns_status: header(&response.headers, "x-wns-status"),
            wns_description: header(&response.headers, "x-wns-error-description"),
        }
    }

    /// Whether there is no word beside the status.
    pub(super) fn is_silent(&self) -> bool {
        let phrase = StatusCode::from_u16(self.response.status).ok().and_then(|it| it.canonical_reason());
        let said = self.text.trim();
        // Over HTTP/1.1 the transport puts the reason phrase where there is no body.
        said.is_empty() || said.eq_ignore_ascii_case(phrase.unwrap_or_default())
    }

    /// Whether its body is a page for people (HTML): of a proxy, a load balancer or a firewall, where the service sends
    /// none.
    pub(super) fn is_page(&self) -> bool {
        let said = self.text.trim_start();
        let is_html =
            || header(&self.response.headers, "content-type").to_ascii_lowercase().starts_with("text/html");
        said.starts_with('<') || (!said.is_empty() && is_html())
    }

    /// Whether it passed a proxy that no push service has before it (`Via`, RFC 9110 section 7.6.3), which may have made it.
    pub(super) fn is_via(&self) -> bool {
        went_via_others(&self.response.headers)
    }

    /// Whether a proxy made it, and not the push service.
    pub(super) fn is_of_proxy(&self) -> bool {
        is_of_proxy(&self.response.headers)
    }

    /// Whether the words stand anywhere in what was said, in capitals or not.
    pub(super) fn says(&self, words: &str) -> bool {
        let words = words.to_ascii_lowercase();
        [&self.text, &self.wns_description].iter().any(|text| text.to_ascii_lowercase().contains(&words))
    }

    /// Apple's `reason`.
    pub(super) fn reason(&self) -> &str {
        self.json.get("reason").and_then(Value::as_str).unwrap_or_default()
    }

    /// Mozilla's `errno`.
    pub(super) fn errno(&self) -> Option<u64> {
        self.json.get("errno").and_then(Value::as_u64)
    }

    /// ntfy's `code`.
    pub(super) fn code(&self) -> Option<u64> {
        self.json.get("code").and_then(Value::as_u64)
    }

    /// WNS's `X-WNS-Status`.
    pub(super) fn wns_status(&self) -> &str {
        &self.wns_status
    }

    /// By how many octets of its base64 the body is too long for a phone (`Converted buffer is too long by N bytes`).
    pub(super) fn too_long_by(&self) -> Option<u64> {
        let (_, rest) = self.text.split_once("too long by ")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    }

    /// What was said in one line, between these: [`DETAIL_CHARS_MAX`] characters at most, without URLs, tokens and control
    /// characters.
    pub(super) fn detail(&self, before: &str, after: &str) -> String {
        let said = ["message", "reason", "error"]
            .iter()
            .find_map(|name| self.json.get(*name).and_then(Value::as_str))
            .map(|text| match self.errno() {
                Some(errno) => format!("{text} (errno {errno})"),
                None => text.to_owned(),
            });
        let said = said.unwrap_or_else(|| match (&*self.wns_status, &*self.wns_description) {
            ("", "") if self.json.is_empty() => without_tags(&self.text),
            ("", description) => description.to_owned(),
            (status, "") => status.to_owned(),
            (status, description) => format!("{status}: {description}"),
        });
        let taken = [before, after].into_iter().filter(|text| !text.is_empty());
        let taken: usize = taken.map(|text| text.chars().count() + SEPARATOR_CHARS).sum();
        let mut line = before.to_owned();
        for (separator, text) in
            [(": ", &*clean(&said, DETAIL_CHARS_MAX.saturating_sub(taken))), ("; ", after)]
        {
            if !text.is_empty() {
                line.push_str(if line.is_empty() { "" } else { separator });
                line.push_str(text);
            }
        }
        line
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let text = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    text.unwrap_or_default().trim().to_owned()
}

/// Whether `Via` names anybody but [`OWN_VIA`].
fn went_via_others(headers: &HeaderMap) -> bool {
    let values = headers.get_all("via").iter().filter_map(|value| value.to_str().ok());
    let mut hops = values.flat_map(|value| value.split(',')).filter_map(|hop| hop.split_whitespace().nth(1));
    hops.any(|by| !by.eq_ignore_ascii_case(OWN_VIA))
}

fn is_of_proxy(headers: &HeaderMap) -> bool {
    if PROXY_HEADERS.iter().any(|name| headers.contains_key(*name)) {
        return true;
    }
    let Some(server) = headers.get("server") else { return false };
    let server = String::from_utf8_lossy(server.as_bytes()).to_ascii_lowercase();
    PROXY_SERVERS.iter().any(|name| server.contains(name))
}

/// The title of an HTML page, else its text.
fn without_tags(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    if let Some(start) = title {
        let end = lower[start..].find('<').map_or(text.len(), |length| start + length);
        return text[start..end].to_owned();
    }
    let mut in_tag = false;
    text.chars()
        .map(|c| {
            let shown = !in_tag && c != '<';
            in_tag = c == '<' || (in_tag && c != '>');
            if shown { c } else { ' ' }
        })
        .collect()
}

/// One line of at most so many characters without what may be secret.
fn clean(text: &str, chars_max: usize) -> String {
    let visible = text.replace(is_invisible, " ");
    let words: Vec<String> = visible.split_whitespace().map(clean_word).collect();
    let line = words.join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some(_) => line.chars().take(chars_max.saturating_sub(1)).chain(std::iter::once(REDACTED)).collect(),
    }
}

/// Control characters, and those that turn or hide text.
fn is_invisible(c: char) -> bool {
    is_control(c) || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn clean_word(word: &str) -> String {
    if let Some((before, _)) = word.split_once("://") {
        let scheme = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        return format!("{}{REDACTED}", clean_word(before.get(..scheme).unwrap_or_default()));
    }
    let mut cleaned = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_of_run(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(run);
        let digit = run.bytes().any(|octet| octet.is_ascii_digit());
        if run.len() >= SECRET_CHARS || (digit && run.len() >= SECRET_CHARS_WITH_DIGIT) {
            cleaned.push(REDACTED);
        } else {
            cleaned.push_str(run);
        }
        let other = after.find(is_of_run).unwrap_or(after.len());
        cleaned.push_str(&after[..other]);
        rest = &after[other..];
    }
    cleaned
}

/// Characters of base64, tokens, percent escapes and paths.
fn is_of_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_+/=%.~:&?".contains(c)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn detail(body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer::read(&PushResponse { status: 400, headers: HeaderMap::new(), body }).detail("", "")
    }

    #[test]
    fn the_detail_is_what_the_service_said() {
        for (body, expected) in [
            ("", ""),
            (
                "push subscription has unsubscribed or expired.\n",
                "push subscription has unsubscribed or expired.",
            ),
            ("{\"reason\":\"VapidPkHashMismatch\"}", "VapidPkHashMismatch"),
            (
                "{\"code\":401,\"errno\":109,\"error\":\"Unauthorized\",\"message\":\"VAPID public key mismatch\"}",
                "VAPID public key mismatch (errno 109)",
            ),
            ("{\"code\":42908,\"http\":429,\"error\":\"limit reached\"}", "limit reached"),
            ("{\"x\":1}", ""),
            (
                "<HTML>\n<HEAD><TITLE>UnauthorizedRegistration</TITLE></HEAD><BODY>Error 400</BODY></HTML>",
                "UnauthorizedRegistration",
            ),
            ("<p>No\u{7}pe</p>", "No pe"),
            ("<title>", ""),
            ("a\u{202e}b\u{200b}c", "a b c"),
        ] {
            assert_eq!(detail(body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_added_has_room() {
        let said = |body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            Answer::read(&PushResponse { status: 403, headers: HeaderMap::new(), body })
                .detail("a proxy answered", "late")
        };
        assert_eq!(said("<title>Denied</title>"), "a proxy answered: Denied; late");
        assert_eq!(said(""), "a proxy answered; late");
        assert_eq!(said(&"no ".repeat(200)).chars().count(), DETAIL_CHARS_MAX);
    }

    #[test]
    fn who_answered_is_told_by_header_fields_and_pages() {
        let read = |name: &'static str, value: &'static str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            let body = Bytes::from_static(body.as_bytes());
            let response = PushResponse { status: 404, headers, body };
            let read = Answer::read(&response);
            (read.is_of_proxy(), read.is_via(), read.is_page(), read.is_silent())
        };
        for (name, value, body, expected) in [
            ("server", "nginx", "", (false, false, false, true)),
            ("server", "squid/6.6", "x", (true, false, false, false)),
            ("x-squid-error", "ERR_ACCESS_DENIED 0", "", (true, false, false, true)),
            ("proxy-authenticate", "Basic", "", (true, false, false, true)),
            ("via", "1.1 google", "Not Found", (false, false, false, true)),
            ("via", "1.1 google, 1.1 gate.example (squid)", "", (false, true, false, true)),
            ("via", "HTTP/1.1 varnish", "", (false, true, false, true)),
            ("content-type", "text/html; charset=utf-8", "Not here", (false, false, true, false)),
            ("content-type", "text/html", " ", (false, false, false, true)),
            ("x", "y", "\n<!DOCTYPE html><p>", (false, false, true, false)),
        ] {
            assert_eq!(read(name, value, body), expected, "{name}: {value} {body}");
        }
    }

    #[test]
    fn nothing_secret_is_repeated() {
        for (body, expected) in [
            (
                "URL as such: https://fcm.googleapis.com/wp/dGhpcyBpcyBzZWNyZXQ is stale",
                "URL as such: … is stale",
            ),
            ("(see \"http://a/b\")", "(see \"…"),
            ("token eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.e30.sig refused", "token … refused"),
            ("uaid 3f0c1de2a4b59687 is gone", "uaid … is gone"),
            ("path /wpush/v2/gAAAAABh is gone", "path … is gone"),
            ("auth=BTBZMqHH6r4Tts7J_aSIgg", "…"),
            ("<x>BTBZMqHH6r4Tts7J_aSIgg</x>", "…"),
            ("%42TBZMqHH6r4Tts7J%5FaSIgg!", "…!"),
        ] {
            assert_eq!(detail(body), expected, "{body}");
        }
    }

    #[test]
    fn it_is_cut_by_characters() {
        let long = detail(&"wörd ".repeat(100));
        assert_eq!(long.chars().count(), DETAIL_CHARS_MAX);
        assert!(long.ends_with('…'));
        assert_eq!(detail(&"ä".repeat(DETAIL_CHARS_MAX)).chars().count(), DETAIL_CHARS_MAX);
    }

    proptest! {
        #[test]
        fn any_body_becomes_a_short_line_without_secrets(before in ".{0,80}", after in ".{0,80}") {
            let secret = "BTBZMqHH6r4Tts7JaSIgg";
            let line = detail(&format!("{before}{secret}{after}"));
            prop_assert!(!line.contains(secret));
            prop_assert!(line.chars().count() <= DETAIL_CHARS_MAX);
            prop_assert!(!line.chars().any(char::is_control));
        }

        #[test]
        fn any_octets_are_read(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let response = PushResponse { status: 400, headers: HeaderMap::new(), body: body.into() };
            let line = Answer::read(&response).detail("", "");
            prop_assert!(!line.chars().any(is_invisible));
        }
    }
}
