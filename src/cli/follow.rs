//! Following a status stream to its end, over lost connections and restarts of the server.

use super::failure::Failure;
use crate::client::Client;
use crate::proto::v1::{BroadcastRequest, DeliveryFrame, SendRequest, WatchDeliveriesRequest};

/// The call that a stream begins with.
#[derive(Clone, Debug)]
pub(crate) enum Opening {
    /// A message to one recipient.
    Send(SendRequest),
    /// A message to an audience.
    Broadcast(BroadcastRequest),
    /// A message that was accepted earlier, or all.
    Watch(WatchDeliveriesRequest),
}

/// Opens the stream and hands out its frames until the server ends it.
///
/// # Errors
/// The call was refused, could not be taken up again, or `on_frame` failed.
pub(crate) async fn follow(
    client: &Client,
    opening: Opening,
    mut on_frame: impl FnMut(&DeliveryFrame) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let mut stream = match opening {
        Opening::Send(request) => client.send(request).await?,
        Opening::Broadcast(request) => client.broadcast(request).await?,
        Opening::Watch(request) => client.watch(request).await?,
    };
    while let Some(frame) = stream.next().await? {
        on_frame(&frame)?;
    }
    Ok(())
}
