//! The contract's messages to the domain's types and back, without judging limits: that is `validate`'s part.

pub(crate) mod api_token;
pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod change;
pub(crate) mod delivery;
pub(crate) mod frame;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod notification;
pub(crate) mod origin;
pub(crate) mod receipt;
pub(crate) mod subscription;
pub(crate) mod time;
