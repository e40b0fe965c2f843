//! Tokens that callers hold for us: positions of streams and of lists, and names of events. Each carries a MAC under a
//! secret of the store's own, so that it is good on every server of the store and nobody can make one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use prost::Message as _;
use sha2::Sha256;

use super::access::{Grant, Principal, Scope as CallerScope};
use super::callers::{CREDENTIALS_OCTETS_MAX, SUBSCRIBER_TOKEN_PREFIX};
use super::status::ApiError;
use crate::domain::{Application, ApplicationId, MessageId, ReceiptKind, Roles, SubscriptionId, Timestamp};
use crate::engine::feed::{Position, Scope};
use crate::store::{Store, StoreError};

/// Longest token that is looked at, in octets.
const TOKEN_OCTETS_MAX: usize = 1_024;
/// First octet of every token: what follows is laid out as this file says.
const VERSION: u8 = 1;
const MAC_OCTETS: usize = 16;
/// Octets of an event's name; base64url makes 24 of them.
const EVENT_ID_OCTETS: usize = 18;
const MESSAGE_SCOPE: u8 = 0;
const ALL_SCOPE: u8 = 1;
const CHANGES_SCOPE: u8 = 2;

type HmacSha256 = Hmac<Sha256>;

/// Makes and reads tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    resume: HmacSha256,
    page: HmacSha256,
    event: HmacSha256,
    subscriber: HmacSha256,
}

/// What a subscriber token says.
#[derive(Clone, PartialEq, prost::Message)]
struct SubscriberClaims {
    #[prost(string, tag = "1")]
    application: String,
    #[prost(string, tag = "2")]
    user_id: String,
    #[prost(string, repeated, tag = "3")]
    topics: Vec<String>,
    /// In microseconds since 1970.
    #[prost(uint64, tag = "4")]
    expires: u64,
    /// The application's number: its name may be another one's later. Tokens of earlier versions have none.
    #[prost(uint32, optional, tag = "5")]
    application_id: Option<u32>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(<redacted>)")
    }
}

/// Which list a page token belongs to. The other fields of the request are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum List {
    Subscriptions = 1,
    Messages = 2,
    Deliveries = 3,
    Origins = 4,
    ApiTokens = 5,
    Applications = 6,
    VapidKeys = 7,
    Decisions = 8,
    AuditEntries = 9,
}

impl Tokens {
    /// With the secrets of this store.
    pub(crate) async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        Self::new(
            store.secret("resume").await?,
            store.secret("page").await?,
            store.secret("event").await?,
            store.secret("subscriber").await?,
        )
    }

    /// With these secrets.
    pub(crate) fn new(
        resume: [u8; 32],
        page: [u8; 32],
        event: [u8; 32],
        subscriber: [u8; 32],
    ) -> Result<Self, StoreError> {
        Ok(Self {
            resume: keyed(resume)?,
            page: keyed(page)?,
            event: keyed(event)?,
            subscriber: keyed(subscriber)?,
        })
    }

    /// The token of a stream's position.
    pub(crate) fn resume(&self, application: ApplicationId, scope: Scope, position: Position) -> String {
        let mut token = resume_head(application, scope);
        token.extend(position.seq.to_be_bytes());
        token.extend(position.index.to_be_bytes());
        seal(&self.resume, &[], token)
    }

    /// The position in a token of this very scope.
    pub(crate) fn read_resume(
        &self,
        application: ApplicationId,
        scope: Scope,
        token: &str,
    ) -> Result<Position, ApiError> {
        let content = open(&self.resume, &[], token).ok_or(ApiError::ResumeTokenInvalid)?;
        let position = content.strip_prefix(resume_head(application, scope).as_slice());
        let (seq, index) =
            position.and_then(|position| position.split_first_chunk()).ok_or(ApiError::ResumeTokenInvalid)?;
        let index = index.try_into().map_err(|_| ApiError::ResumeTokenInvalid)?;
        Ok(Position { seq: u64::from_be_bytes(*seq), index: u32::from_be_bytes(index) })
    }

    /// The token of a position in the change feed.
    pub(crate) fn changes(&self, application: ApplicationId, position: u64) -> String {
        let mut token = changes_head(application);
        token.extend(position.to_be_bytes());
        seal(&self.resume, &[], token)
    }

    /// The position in a token of the application's change feed.
    pub(crate) fn read_changes(&self, application: ApplicationId, token: &str) -> Result<u64, ApiError> {
        let content = open(&self.resume, &[], token).ok_or(ApiError::ResumeTokenInvalid)?;
        let position = content.strip_prefix(changes_head(application).as_slice());
        let position = position.and_then(|position| position.try_into().ok());
        position.map(u64::from_be_bytes).ok_or(ApiError::ResumeTokenInvalid)
    }

    /// The token of a list's position. `filter` is whatever else of the request decides what the list shows.
    pub(crate) fn page(
        &self,
        application: ApplicationId,
        list: List,
        filter: &[u8],
        position: &[u8],
    ) -> String {
        let mut token = vec![VERSION];
        token.extend(position);
        seal(&self.page, &page_context(application, list, filter), token)
    }

    /// The position in a token of this very list; `None` for no token.
    pub(crate) fn read_page(
        &self,
        application: ApplicationId,
        list: List,
        filter: &[u8],
        token: &str,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        if token.is_empty() {
            return Ok(None);
        }
        let content = open(&self.page, &page_context(application, list, filter), token);
        match content.as_deref() {
            Some([VERSION, position @ ..]) => Ok(Some(position.to_vec())),
            Some(_) | None => Err(ApiError::PageTokenInvalid),
        }
    }

    /// The token of a page that may act for this user until `expires`.
    pub(crate) fn subscriber(&self, application: &Application, grant: Grant, expires: Timestamp) -> String {
        let claims = SubscriberClaims {
            application: application.name.clone(),
            application_id: Some(application.id.0),
            user_id: grant.user_id,
            topics: grant.topics.into_iter().collect(),
            expires: expires.as_micros(),
        };
        let mut content = vec![VERSION];
        content.extend(claims.encode_to_vec());
        format!("{SUBSCRIBER_TOKEN_PREFIX}{}", seal(&self.subscriber, &[], content))
    }

    /// Who holds a subscriber token. One that does not say the number of its application is an earlier version's, and has
    /// ended: its page asks for another, as it does every few minutes.
    pub(crate) fn read_subscriber(&self, text: &str, now: Timestamp) -> Result<Principal, ApiError> {
        let token = text.strip_prefix(SUBSCRIBER_TOKEN_PREFIX).ok_or(ApiError::CredentialsInvalid)?;
        let content = open_up_to(CREDENTIALS_OCTETS_MAX, &self.subscriber, &[], token);
        let claims = match content.as_deref() {
            Some([VERSION, claims @ ..]) => SubscriberClaims::decode(claims).ok(),
            Some(_) | None => None,
        };
        let SubscriberClaims { application, user_id, topics, expires, application_id } =
            claims.ok_or(ApiError::CredentialsInvalid)?;
        let expires = Timestamp::from_micros(expires);
        let id = application_id.filter(|_| expires > now).ok_or(ApiError::CredentialsExpired)?;
        Ok(Principal {
            application: Some(ApplicationId(id)),
            grant: Some(Grant { user_id, topics: topics.into_iter().collect() }),
            expires: Some(expires),
            ..Principal::new("subscriber token", CallerScope::Application(application), Roles::default())
        })
    }

    /// The name of a delivery's receipt of this kind, of which there is one at most. Inline deliveries have no name that
    /// callers know: `None` stands for the one of its message.
    pub(crate) fn receipt_id(
        &self,
        message: MessageId,
        delivery: Option<SubscriptionId>,
        kind: ReceiptKind,
    ) -> String {
        let mut mac = self.event.clone();
        mac.update(b"receipt");
        mac.update(&message.0);
        mac.update(&delivery.map_or([0; 16], |delivery| delivery.0));
        mac.update(&[kind.number()]);
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..EVENT_ID_OCTETS])
    }

    /// The name of the event at a place of its message's log. It tells nothing of the place.
    pub(crate) fn event_id(&self, message: MessageId, seq: u64, index: u32) -> String {
        let mut mac = self.event.clone();
        mac.update(&message.0);
        mac.update(&seq.to_be_bytes());
        mac.update(&index.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..EVENT_ID_OCTETS])
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Tokens {
    /// A resume token and a page token (of an application's list without a filter) with this content, as only somebody with
    /// the secrets could make them: what reads them must bear any content all the same.
    pub(crate) fn forge(&self, application: ApplicationId, list: List, content: &[u8]) -> [String; 2] {
        let page = page_context(application, list, &[]);
        [seal(&self.resume, &[], content.to_vec()), seal(&self.page, &page, content.to_vec())]
    }
}

fn keyed(secret: [u8; 32]) -> Result<HmacSha256, StoreError> {
    HmacSha256::new_from_slice(&secret).map_err(|_| StoreError::Corrupt("secret"))
}

fn resume_head(application: ApplicationId, scope: Scope) -> Vec<u8> {
    let mut head = vec![VERSION];
    head.extend(application.0.to_be_bytes());
    match scope {
        Scope::Message(message) => {
            head.push(MESSAGE_SCOPE);
            head.extend(message.0);
        }
        Scope::All => head.push(ALL_SCOPE),
    }
    head
}

fn changes_head(application: ApplicationId) -> Vec<u8> {
    let mut head = vec![VERSION];
    head.extend(application.0.to_be_bytes());
    head.push(CHANGES_SCOPE);
    head
}

fn page_context(application: ApplicationId, list: List, filter: &[u8]) -> Vec<u8> {
    let mut context = application.0.to_be_bytes().to_vec();
    context.push(list as u8);
    context.extend(filter);
    context
}

/// base64url of the content and a MAC over `bound_to` and content.
fn seal(key: &HmacSha256, bound_to: &[u8], mut content: Vec<u8>) -> String {
    let mac = mac(key, bound_to, &content).finalize().into_bytes();
    content.extend_from_slice(&mac[..MAC_OCTETS]);
    URL_SAFE_NO_PAD.encode(content)
}

/// The content of a token whose MAC is right.
fn open(key: &HmacSha256, bound_to: &[u8], token: &str) -> Option<Vec<u8>> {
    open_up_to(TOKEN_OCTETS_MAX, key, bound_to, token)
}

fn open_up_to(octets_max: usize, key: &HmacSha256, bound_to: &[u8], token: &str) -> Option<Vec<u8>> {
    if token.len() > octets_max {
        return None;
    }
    let mut content = URL_SAFE_NO_PAD.decode(token).ok()?;
    let tag = content.split_off(content.len().checked_sub(MAC_OCTETS)?);
    mac(key, bound_to, &content).verify_truncated_left(&tag).ok()?;
    Some(content)
}

/// The length of `bound_to` goes first: without it, octets could move from one to the other.
fn mac(key: &HmacSha256, bound_to: &[u8], content: &[u8]) -> HmacSha256 {
    let mut mac = key.clone();
    mac.update(&(bound_to.len() as u64).to_be_bytes());
    mac.update(bound_to);
    mac.update(content);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: ApplicationId = ApplicationId(3);
    const MESSAGE: MessageId = MessageId([0xab; 16]);
    const PLACE: Position = Position { seq: 9_000_000_000, index: 77 };

    fn tokens(secret: u8) -> Tokens {
        Tokens {
            resume: keyed([secret; 32]).unwrap(),
            page: keyed([secret ^ 0xff; 32]).unwrap(),
            event: keyed([secret ^ 0x0f; 32]).unwrap(),
            subscriber: keyed([secret ^ 0xf0; 32]).unwrap(),
        }
    }

    #[test]
    fn positions_round_trip() {
        let tokens = tokens(1);
        for scope in [Scope::Message(MESSAGE), Scope::All] {
            for position in [Position::default(), PLACE, Position::after(u64::MAX)] {
                let token = tokens.resume(SHOP, scope, position);
                assert!(token.len() <= TOKEN_OCTETS_MAX);
                assert_eq!(tokens.read_resume(SHOP, scope, &token).unwrap(), position);
            }
        }
    }

    #[test]
    fn a_resume_token_is_good_for_its_parent_only() {
        let tokens = tokens(1);
        let token = tokens.resume(SHOP, Scope::Message(MESSAGE), PLACE);
        let other = Scope::Message(MessageId([0xac; 16]));
        assert!(tokens.read_resume(SHOP, other, &token).is_err());
        assert!(tokens.read_resume(SHOP, Scope::All, &token).is_err());
        assert!(tokens.read_resume(ApplicationId(4), Scope::Message(MESSAGE), &token).is_err());
        assert!(self::tokens(2).read_resume(SHOP, Scope::Message(MESSAGE), &token).is_err());
        let changes = tokens.changes(SHOP, 7);
        assert_eq!(tokens.read_changes(SHOP, &changes).unwrap(), 7);
        assert!(tokens.read_changes(ApplicationId(4), &changes).is_err());
        assert!(tokens.read_changes(SHOP, &token).is_err());
        assert!(tokens.read_resume(SHOP, Scope::All, &changes).is_err());
        let page = tokens.page(SHOP, List::Messages, b"", b"x");
        assert!(tokens.read_resume(SHOP, Scope::All, &page).is_err());
    }

    #[test]
    fn every_changed_octet_is_noticed() {
        let tokens = tokens(1);
        let token = tokens.resume(SHOP, Scope::All, PLACE);
        let octets = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for place in 0..octets.len() {
            let mut changed = octets.clone();
            changed[place] ^= 1;
            assert!(
                tokens.read_resume(SHOP, Scope::All, &URL_SAFE_NO_PAD.encode(&changed)).is_err(),
                "{place}"
            );
            assert!(tokens.read_resume(SHOP, Scope::All, &URL_SAFE_NO_PAD.encode(&octets[..place])).is_err());
        }
        for bad in ["", "*", &"A".repeat(2_000)] {
            assert!(tokens.read_resume(SHOP, Scope::All, bad).is_err());
        }
    }

    #[test]
    fn a_page_token_is_good_for_its_list_only() {
        let tokens = tokens(1);
        let token = tokens.page(SHOP, List::Subscriptions, b"user anna", b"position");
        let read = |application, list, filter: &[u8]| tokens.read_page(application, list, filter, &token);
        assert_eq!(read(SHOP, List::Subscriptions, b"user anna").unwrap().as_deref(), Some(&b"position"[..]));
        assert!(read(SHOP, List::Subscriptions, b"user ann").is_err());
        assert!(read(SHOP, List::Deliveries, b"user anna").is_err());
        assert!(read(ApplicationId(1), List::Subscriptions, b"user anna").is_err());
        assert_eq!(tokens.read_page(SHOP, List::Messages, b"", "").unwrap(), None);
    }

    #[test]
    fn a_subscriber_token_says_what_its_page_may_do_until_it_ends() {
        let now = Timestamp::from_secs(1_800_000_000);
        let end = now.plus(std::time::Duration::from_secs(60));
        let grant = Grant { user_id: "anna".to_owned(), topics: ["news".to_owned()].into() };
        let shop = Application { id: SHOP, name: "shop".to_owned(), ..Application::default() };
        let token = tokens(1).subscriber(&shop, grant.clone(), end);
        let read = tokens(1).read_subscriber(&token, now).unwrap();
        assert_eq!((read.grant, read.expires), (Some(grant), Some(end)));
        assert_eq!(read.scope, CallerScope::Application("shop".to_owned()));
        assert_eq!(read.application, Some(SHOP));
        assert_eq!(read.roles, Roles::default());
        assert!(matches!(tokens(1).read_subscriber(&token, end), Err(ApiError::CredentialsExpired)));
        assert!(matches!(tokens(2).read_subscriber(&token, now), Err(ApiError::CredentialsInvalid)));
        for place in SUBSCRIBER_TOKEN_PREFIX.len()..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(tokens(1).read_subscriber(&changed, now).is_err(), "{place}");
        }
    }

    /// As they were made before they said the application's number.
    #[test]
    fn a_subscriber_token_without_its_applications_number_has_ended() {
        let claims = SubscriberClaims {
            application: "shop".to_owned(),
            user_id: "anna".to_owned(),
            expires: u64::MAX,
            ..SubscriberClaims::default()
        };
        let content = [&[VERSION][..], &claims.encode_to_vec()].concat();
        let token = format!("{SUBSCRIBER_TOKEN_PREFIX}{}", seal(&tokens(1).subscriber, &[], content));
        let read = tokens(1).read_subscriber(&token, Timestamp::from_secs(1_800_000_000));
        assert!(matches!(read, Err(ApiError::CredentialsExpired)));
    }

    #[test]
    fn event_names_are_short_stable_and_of_one_event() {
        let tokens = tokens(1);
        let name = tokens.event_id(MESSAGE, 5, 1);
        assert!(name.len() <= 32);
        assert_eq!(name, tokens.event_id(MESSAGE, 5, 1));
        for other in [
            tokens.event_id(MESSAGE, 5, 2),
            tokens.event_id(MESSAGE, 6, 1),
            tokens.event_id(MessageId([1; 16]), 5, 1),
        ] {
            assert_ne!(name, other);
        }
    }
}
