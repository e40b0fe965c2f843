//! The words of Fanfare as types: plain data and the rules that hold for it, without gRPC, storage or HTTP.

pub mod addressed;
pub mod application;
pub mod audit;
pub mod caller;
pub mod clock;
pub mod delivery;
pub mod endpoint;
pub mod ids;
pub mod limits;
pub mod load;
pub mod message;
pub mod receipt;
pub mod subscription;
pub mod text;
pub mod violation;

pub use addressed::{Addressed, Listed};
pub use application::{
    Application, ApplicationSettings, HostChoice, HostProfile, MessageDefaults, Quotas, VapidKey,
};
pub use audit::{AuditEntry, AuditFilter, FieldChange};
pub use caller::{ApiToken, CalledBy, Role, Roles};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use delivery::{DeliveryCounts, DeliveryEvent, DeliveryState, Outcome, ReportLevel};
pub use endpoint::{Endpoint, EndpointPolicy, ExceptionId, Origin, PassedBy, Refusal};
pub use ids::{ApiTokenId, ApplicationId, MessageId, OriginId, SubscriptionId, VapidKeyId};
pub use load::EngineLoad;
pub use message::{
    Audience, MessageKind, MessageSpec, MessageState, MessageStatus, Padding, Payload, Stop, Urgency,
};
pub use receipt::{Receipt, ReceiptCounts, ReceiptKind, Report};
pub use subscription::{ContentEncoding, Subscription, SubscriptionKeys, SubscriptionState, Target};
pub use violation::{Violation, Violations};
