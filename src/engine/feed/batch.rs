//! A frame as it fills: events or receipts, never both.

use std::sync::Arc;

use super::{FrameKind, PlacedEvent, PlacedReceipt, Position};
use crate::domain::limits::FRAME_EVENTS_MAX;
use crate::domain::{DeliveryEvent, Receipt};

/// What a frame will hold.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<PlacedEvent>,
    receipts: Vec<PlacedReceipt>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.receipts.is_empty()
    }

    /// Takes the event at this index of its segment; `false` if it has to wait for the next frame.
    pub(super) fn takes_event(
        &mut self,
        place: Position,
        request_id: &Arc<str>,
        event: &Arc<DeliveryEvent>,
    ) -> bool {
        let takes = self.receipts.is_empty() && self.events.len() < FRAME_EVENTS_MAX;
        if takes {
            let (request_id, event) = (Arc::clone(request_id), Arc::clone(event));
            self.events.push(PlacedEvent { seq: place.seq, index: place.index, request_id, event });
        }
        takes
    }

    /// As [`Self::takes_event`], of a receipt.
    pub(super) fn takes_receipt(
        &mut self,
        place: Position,
        request_id: &Arc<str>,
        receipt: &Arc<Receipt>,
    ) -> bool {
        let takes = self.events.is_empty() && self.receipts.len() < FRAME_EVENTS_MAX;
        if takes {
            let (request_id, receipt) = (Arc::clone(request_id), Arc::clone(receipt));
            self.receipts.push(PlacedReceipt { seq: place.seq, index: place.index, request_id, receipt });
        }
        takes
    }

    /// The frame; `None` when nothing was taken.
    pub(super) fn into_frame(self) -> Option<FrameKind> {
        if !self.receipts.is_empty() {
            Some(FrameKind::Receipts(self.receipts))
        } else if !self.events.is_empty() {
            Some(FrameKind::Events(self.events))
        } else {
            None
        }
    }
}
