//! Frames of status streams.

use super::{delivery, message, receipt};
use crate::api::tokens::Tokens;
use crate::domain::Application;
use crate::engine::feed::{Frame, FrameKind, Scope};
use crate::proto::v1;
use v1::delivery_frame::Kind;

/// A frame of a stream of this scope. `replayed` is told with `accepted`.
pub(crate) fn frame(
    tokens: &Tokens,
    application: &Application,
    scope: Scope,
    replayed: bool,
    frame: &Frame,
) -> v1::DeliveryFrame {
    let status = |status| message::status(&application.name, status);
    let kind = match &frame.kind {
        FrameKind::Accepted(record) => {
            Kind::Accepted(v1::MessageAccepted { message: Some(status(record)), replayed })
        }
        FrameKind::Events(events) => Kind::Events(v1::DeliveryEvents {
            events: events.iter().map(|event| delivery::placed(tokens, event)).collect(),
        }),
        FrameKind::Receipts(receipts) => Kind::Receipts(v1::ReceiptEvents {
            events: receipts.iter().map(|placed| receipt::placed(tokens, placed)).collect(),
        }),
        FrameKind::Progress(record) => Kind::Progress(record.as_ref().map(status).unwrap_or_default()),
        FrameKind::Summary(record) => Kind::Summary(status(record)),
    };
    let resume_token = tokens.resume(application.id, scope, frame.position);
    v1::DeliveryFrame { resume_token, kind: Some(kind) }
}

/// The only frame after validate_only: nothing was stored, so there is nothing to resume.
pub(crate) fn dry_run(application: &Application, targets: u32, estimated: bool) -> v1::DeliveryFrame {
    let message = Some(message::dry_run(&application.name, targets, estimated));
    let accepted = v1::MessageAccepted { message, replayed: false };
    v1::DeliveryFrame { resume_token: String::new(), kind: Some(Kind::Accepted(accepted)) }
}
