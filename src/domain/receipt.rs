//! Receipts: what a browser says that it did with a notification. They change nothing about the delivery, and are counted
//! apart from it.

use super::{MessageId, SubscriptionId, Timestamp};

/// What the browser did. The numbers are those of the contract and of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ReceiptKind {
    /// It showed the notification.
    Displayed = 1,
    /// The user clicked it.
    Clicked = 2,
    /// The user dismissed it.
    Closed = 3,
}

impl ReceiptKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Displayed, Self::Clicked, Self::Closed];

    /// By its number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in reports, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Displayed => "displayed",
            Self::Clicked => "clicked",
            Self::Closed => "closed",
        }
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a browser reported of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it did.
    pub kind: ReceiptKind,
    /// Which action was clicked; empty for the notification itself. At most
    /// [`super::limits::RECEIPT_ACTION_OCTETS_MAX`].
    pub action: String,
    /// When the report arrived here.
    pub time: Timestamp,
    /// When it happened, by the browser's clock.
    pub occurred: Option<Timestamp>,
}

/// A report, and of which delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Of which message.
    pub message: MessageId,
    /// To which subscription; for an inline one the identifier that only its delivery has.
    pub delivery: SubscriptionId,
    /// The subscription was given with the request: receipts name none.
    pub inline: bool,
    /// The caller's own user; empty for none.
    pub user_id: String,
    /// What was reported.
    pub report: Report,
}

impl Receipt {
    /// The subscription, as events name it.
    #[must_use]
    pub fn subscription(&self) -> Option<SubscriptionId> {
        (!self.inline).then_some(self.delivery)
    }
}

/// Receipts of a message by kind; each delivery counts once in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiptCounts {
    /// The notification was shown.
    pub displayed: u32,
    /// It, or an action of it, was clicked.
    pub clicked: u32,
    /// It was dismissed.
    pub closed: u32,
}
