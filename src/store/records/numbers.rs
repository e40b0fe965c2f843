//! The numbers that stand for our enums in records. They are never given again.

use crate::domain::{
    ContentEncoding, DeliveryState, HostProfile, MessageKind, MessageState, Outcome, Padding, ReceiptKind,
    Stop, Urgency,
};
use crate::store::ChangeKind;

macro_rules! numbered {
    ($type:ident, $to:ident, $from:ident: $($variant:ident = $number:literal),+) => {
        pub(crate) fn $to(value: $type) -> u32 {
            match value { $($type::$variant => $number),+ }
        }
        pub(crate) fn $from(number: u32) -> Option<$type> {
            match number { $($number => Some($type::$variant),)+ _ => None }
        }
    };
}

numbered!(MessageKind, of_kind, kind: Send = 1, Broadcast = 2);
numbered!(ContentEncoding, of_encoding, encoding: Aes128Gcm = 1, AesGcm = 2);
numbered!(Urgency, of_urgency, urgency: VeryLow = 1, Low = 2, Normal = 3, High = 4);
numbered!(Padding, of_padding, padding: None = 1, PowerOfTwo = 2, Maximum = 3);
numbered!(HostProfile, of_host_profile, host_profile: KnownPushServices = 1, AnyPublicHost = 2, ListedOnly = 3);
numbered!(MessageState, of_message_state, message_state:
    Scheduled = 1, Sending = 2, Cancelling = 3, Done = 4, Cancelled = 5);
numbered!(ChangeKind, of_change_kind, change_kind:
    Added = 1, Updated = 2, Replaced = 3, Disabled = 4, RemovedByCaller = 5, RemovedGone = 6, RemovedExpired = 7,
    SetAside = 8);
numbered!(Stop, of_stop, stop: Cancelled = 1, Superseded = 2);
numbered!(DeliveryState, of_delivery_state, delivery_state:
    Pending = 1, Retrying = 2, Accepted = 3, Failed = 4, Expired = 5, Cancelled = 6);

pub(crate) fn outcome(number: u32) -> Option<Outcome> {
    u8::try_from(number).ok().and_then(Outcome::from_number)
}

pub(crate) fn receipt_kind(number: u32) -> Option<ReceiptKind> {
    u8::try_from(number).ok().and_then(ReceiptKind::from_number)
}
