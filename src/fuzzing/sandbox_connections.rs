//! The sandbox's connections of browsers: WebSocket (autopush) and MCS, from the first octet to the last.

use std::sync::Arc;

use tokio::io::{join, sink};
use tokio::runtime::Builder;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use super::NOW;
use crate::domain::{ManualClock, Origin};
use crate::sandbox::SandboxLimits;
use crate::sandbox::browsers::registry::Browsers;
use crate::sandbox::browsers::{autopush, mcs};

/// Which protocol (even: WebSocket after its handshake; odd: MCS); then what the browser sends before it leaves.
///
/// # Panics
/// When a promise does not hold.
pub fn sandbox_connections(data: &[u8]) {
    let Some((protocol, octets)) = super::choice(data) else { return };
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else { return };
    let browsers = Arc::new(Browsers::new(&SandboxLimits::default(), Arc::new(ManualClock::at(NOW))));
    let stream = join(octets, sink());
    let stop = CancellationToken::new();
    let session = browsers.next_session();
    runtime.block_on(async {
        if protocol % 2 == 0 {
            let Some(origin) = Origin::parse("https://localhost:8032") else { return };
            let limits = Some(autopush::limits());
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, limits).await;
            autopush::serve(socket, Arc::clone(&browsers), session, origin, stop).await;
        } else {
            // How it ended tells nothing.
            drop(mcs::serve(stream, Arc::clone(&browsers), session, stop).await);
        }
    });
    assert!(browsers.list().iter().all(|browser| !browser.connected), "who has left is still connected");
}
