//! Tokens that callers hold for this server: of streams, of lists, of receipts, and VAPID's.

use std::sync::LazyLock;

use super::NOW;
use crate::api::tokens::{List, Tokens};
use crate::domain::{ApplicationId, MessageId, Origin};
use crate::engine::feed::Scope;
use crate::engine::receipt_token::ReceiptTokens;
use crate::webpush::vapid;

static TOKENS: LazyLock<Option<Tokens>> =
    LazyLock::new(|| Tokens::new([1; 32], [2; 32], [3; 32], [6; 32]).ok());
static RECEIPTS: LazyLock<ReceiptTokens> = LazyLock::new(|| ReceiptTokens::new([4; 32], [5; 32]));

const APPLICATION: ApplicationId = ApplicationId(1);

/// Text that is taken for a token, and octets that a token is made of.
///
/// # Panics
/// When a promise does not hold.
pub fn tokens(data: &[u8]) {
    let (Some(tokens), receipts) = (TOKENS.as_ref(), &*RECEIPTS) else { return };
    let scopes = [Scope::All, Scope::Message(MessageId([6; 16]))];
    if let Ok(text) = std::str::from_utf8(data) {
        for scope in scopes {
            if let Ok(position) = tokens.read_resume(APPLICATION, scope, text) {
                assert_eq!(tokens.resume(APPLICATION, scope, position), text);
            }
        }
        if let Ok(position) = tokens.read_changes(APPLICATION, text) {
            assert_eq!(tokens.changes(APPLICATION, position), text);
        }
        if let Ok(Some(position)) = tokens.read_page(APPLICATION, List::Messages, &[], text) {
            assert_eq!(tokens.page(APPLICATION, List::Messages, &[], &position), text);
        }
        if let Some(ticket) = receipts.read(text) {
            assert_eq!(receipts.make(&ticket).as_deref(), Some(text));
        }
        if let Some(origin) = Origin::parse("https://localhost:8032") {
            let (header, key) = text.split_once('\n').unwrap_or((text, ""));
            let _ = vapid::verify(header, Some(key), &origin, NOW);
        }
    }
    let [resume, page] = tokens.forge(APPLICATION, List::Messages, data);
    for scope in scopes {
        if let Ok(position) = tokens.read_resume(APPLICATION, scope, &resume) {
            assert_eq!(tokens.resume(APPLICATION, scope, position), resume);
        }
        // Of another application it is none.
        assert!(
            tokens.read_resume(ApplicationId(2), scope, &resume).is_err()
                || data.get(1..5) == Some(&[0, 0, 0, 2])
        );
    }
    let _ = tokens.read_changes(APPLICATION, &resume);
    if let Ok(Some(position)) = tokens.read_page(APPLICATION, List::Messages, &[], &page) {
        assert_eq!(tokens.page(APPLICATION, List::Messages, &[], &position), page);
    }
    assert!(
        tokens.read_page(APPLICATION, List::Subscriptions, &[], &page).is_err(),
        "a page of another list"
    );
}
