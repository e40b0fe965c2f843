//! Every limit of the contract, by name and unit. Limits of the machinery (queues, connections, timeouts) are settings:
//! `src/config/default.toml`.

use std::time::Duration;

/// Longest endpoint URL, in octets.
pub const ENDPOINT_OCTETS_MAX: usize = 2_048;
/// Longest `user_id`, in octets.
pub const USER_ID_OCTETS_MAX: usize = 128;
/// Topics of one subscription.
pub const TOPICS_MAX: usize = 100;
/// Longest topic, in characters.
pub const TOPIC_CHARS_MAX: usize = 64;
/// Labels of a subscription or message.
pub const LABELS_MAX: usize = 32;
/// Longest label key, in octets.
pub const LABEL_KEY_OCTETS_MAX: usize = 64;
/// Longest label value, in octets.
pub const LABEL_VALUE_OCTETS_MAX: usize = 256;
/// Longest locale (BCP 47), in octets.
pub const LOCALE_OCTETS_MAX: usize = 35;
/// Longest time zone name, in octets.
pub const TIME_ZONE_OCTETS_MAX: usize = 64;
/// Body of a push message, in octets (RFC 8030 section 7.2).
pub const BODY_OCTETS_MAX: usize = 4_096;
/// Plaintext of a push message, in octets: 4,096 less header, delimiter and tag (RFC 8291 section 4).
pub const PAYLOAD_OCTETS_MAX: usize = 3_993;
/// Longest time to live.
pub const TTL_MAX: Duration = Duration::from_secs(28 * 24 * 3_600);
/// How far ahead a `send_time` may lie.
pub const SEND_TIME_AHEAD_MAX: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Lowest rate that a broadcast may be given, in attempts a second; 0 means no limit.
pub const BROADCAST_RATE_MIN: f64 = 0.001;
/// How long a message with ttl 0 may wait for its one attempt.
pub const TTL_ZERO_GRACE: Duration = Duration::from_secs(60);
/// Longest collapse key, in octets.
pub const COLLAPSE_KEY_OCTETS_MAX: usize = 256;
/// Longest note, in octets.
pub const NOTE_OCTETS_MAX: usize = 256;
/// Names of an audience's list that are kept with its message, for lists.
pub const ADDRESSED_NAMES_MAX: usize = 8;
/// Fields of one change that the audit log tells of.
pub const AUDIT_CHANGES_MAX: usize = 64;
/// A text of an entry of the audit log, in octets: what is longer is cut.
pub const AUDIT_TEXT_OCTETS_MAX: usize = 512;
/// Longest name of a caller that a list is asked for, in octets.
pub const CALLER_NAME_OCTETS_MAX: usize = 256;
/// Longest action that a receipt names, in octets: what is longer is cut.
pub const RECEIPT_ACTION_OCTETS_MAX: usize = 128;
/// Characters of a receipt token in a payload.
pub const RECEIPT_TOKEN_CHARS: usize = 104;
/// Longest `request_id`, in octets.
pub const REQUEST_ID_OCTETS_MAX: usize = 128;
/// Entries of a list of subscriptions or users.
pub const AUDIENCE_LIST_MAX: usize = 10_000;
/// Topics of an audience.
pub const AUDIENCE_TOPICS_MAX: usize = 100;
/// Deliveries of a page.
pub const PAGE_DELIVERIES_MAX: usize = 512;
/// Attempts that an event repeats and a page state keeps for a delivery.
pub const ATTEMPTS_KEPT_MAX: usize = 7;
/// Distinct days on which a subscription was refused without proof, none accepted in between, after which it is disabled.
pub const REFUSED_DAYS_MAX: u32 = 7;
/// How often it is noted at most that a subscription was accepted.
pub const ACCEPTED_NOTED_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Longest detail of an event, in characters.
pub const DETAIL_CHARS_MAX: usize = 200;
/// Field violations that one error lists; their number is always told.
pub const VIOLATIONS_LISTED_MAX: usize = 50;
/// Applications that there may be at once.
pub const APPLICATIONS_MAX: usize = 10_000;
/// VAPID keys of one application, retired ones included.
pub const VAPID_KEYS_MAX: usize = 256;
/// Hosts, and exceptions, that an application may list.
pub const EXTRA_HOSTS_MAX: usize = 100;
/// The largest weight of an application; the smallest is 1.
pub const APPLICATION_WEIGHT_MAX: u32 = 1_000;
/// Longest display name of an application or API token, in octets.
pub const DISPLAY_NAME_OCTETS_MAX: usize = 128;
/// How long a subscriber token is good unless its caller says otherwise.
pub const SUBSCRIBER_TOKEN_TTL_DEFAULT: Duration = Duration::from_secs(5 * 60);
/// How long it may be good.
pub const SUBSCRIBER_TOKEN_TTL_MAX: Duration = Duration::from_secs(3_600);
/// Entries of a list page when the caller asks for none, and at most.
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// See [`PAGE_SIZE_DEFAULT`].
pub const PAGE_SIZE_MAX: usize = 1_000;
/// Events of one frame of a status stream.
pub const FRAME_EVENTS_MAX: usize = 500;
/// Entries of a request of an import.
pub const IMPORT_ENTRIES_MAX: usize = 1_000;
/// A request, in octets.
pub const REQUEST_OCTETS_MAX: usize = 64 * 1024;
/// A Broadcast or import request, in octets.
pub const LIST_REQUEST_OCTETS_MAX: usize = 2 * 1024 * 1024;
/// A value in the store, in octets: what is longer is divided.
pub const RECORD_OCTETS_MAX: usize = 64 * 1024;
/// How long a `request_id` is remembered at least.
pub const REQUEST_ID_MEMORY: Duration = Duration::from_secs(24 * 3_600);
