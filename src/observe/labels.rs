//! The labels of metrics and their values, in snake case. All are bounded: by an enum, by names in the code, or, for the names
//! of applications, by number. Nothing that callers or push services choose (endpoints, origins, users, topics) becomes a label.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::domain::{DeliveryState, MessageKind, Outcome, ReceiptKind};
use crate::webpush::push_service::PushService;

/// How a subscription changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionChange {
    /// It is new.
    Added,
    /// It was there and is different now.
    Updated,
    /// It is not sent to any more.
    Disabled,
    /// A caller removed it.
    Unsubscribed,
    /// Its push service or its own expiry ended it.
    Gone,
    /// It is not sent to until an operator decides.
    SetAside,
    /// It was gone and an operator brought it back.
    Restored,
}

impl SubscriptionChange {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Added,
        Self::Updated,
        Self::Disabled,
        Self::Unsubscribed,
        Self::Gone,
        Self::SetAside,
        Self::Restored,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Disabled => "disabled",
            Self::Unsubscribed => "unsubscribed",
            Self::Gone => "gone",
            Self::SetAside => "set_aside",
            Self::Restored => "restored",
        }
    }
}

const fn kind_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Send => "send",
        MessageKind::Broadcast => "broadcast",
    }
}

const fn code_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// A label value that has its name in the code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(&'static str);

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.0)
    }
}

macro_rules! names {
    ($($type:ty => $name:expr),* $(,)?) => {
        $(impl From<$type> for Name {
            fn from(value: $type) -> Self {
                Self($name(value))
            }
        })*
    };
}

names! {
    &'static str => std::convert::identity,
    DeliveryState => DeliveryState::as_str,
    MessageKind => kind_name,
    Outcome => Outcome::as_str,
    PushService => PushService::as_str,
    ReceiptKind => ReceiptKind::as_str,
    SubscriptionChange => SubscriptionChange::as_str,
    tonic::Code => code_name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct DeliveryLabels {
    pub(super) state: Name,
    pub(super) outcome: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub(super) outcome: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AttemptLabels {
    pub(super) outcome: Name,
    pub(super) push_service: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ServiceLabels {
    pub(super) push_service: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ChangeLabels {
    pub(super) change: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabels {
    pub(super) result: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReceiptLabels {
    pub(super) kind: Name,
    pub(super) result: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct MethodLabels {
    pub(super) method: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RpcLabels {
    pub(super) method: Name,
    pub(super) code: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BuildLabels {
    pub(super) version: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PoolLabels {
    pub(super) pool: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RefusalLabels {
    pub(super) pool: Name,
    pub(super) cause: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CauseLabels {
    pub(super) cause: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LaneLabels {
    pub(super) push_service: Name,
    pub(super) state: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SettingLabels {
    pub(super) setting: Name,
}

/// An application has its name from an administrator: see [`super::limits::APPLICATIONS_SHOWN_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct QuotaLabels {
    pub(super) application: String,
    pub(super) quota: Name,
}
