//! One connection of a Firefox: autopush's WebSocket protocol, subprotocol `push-notification`.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::autopush_frames::{BroadcastAnswer, ClientFrame, ServerFrame, channel_id};
use super::registry::{BrowserError, Browsers, Connected};
use super::user_agent::End;
use crate::domain::Origin;
use crate::sandbox::control_json::BrowserProtocol;
use crate::sandbox::push_resource::PUSH_PATH;
use crate::sandbox::subscriber::key_digest;

/// The subprotocol that Firefox asks for.
pub(crate) const SUBPROTOCOL: &str = "push-notification";
/// Largest frame of a browser, in octets.
const FRAME_OCTETS_MAX: usize = 64 * 1_024;
/// Time for the first frame, as autopush has it.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a browser is asked for a sign of life, as autopush has it.
const PING_INTERVAL: Duration = Duration::from_secs(300);
/// Time for the sign of life, as autopush has it.
const PONG_TIMEOUT: Duration = Duration::from_secs(4);
/// A browser that pings more often is cut off, as by autopush.
const PINGS_APART: Duration = Duration::from_secs(45);
/// Time for a frame to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits of the WebSocket.
pub(crate) fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(FRAME_OCTETS_MAX)).max_frame_size(Some(FRAME_OCTETS_MAX))
}

/// Why a connection ends.
enum Closing {
    /// It is closed already, or no word of it is to be said.
    Silent,
    /// With a close frame.
    Frame(CloseCode, &'static str),
}

type Step<T = ()> = ControlFlow<Closing, T>;

/// A connection.
struct Autopush<S> {
    socket: WebSocketStream<S>,
    browsers: Arc<Browsers>,
    /// Of the endpoints.
    origin: Origin,
    last_ping: Option<Instant>,
}

/// Serves a connection to its end, or until `stop`. Its number is from [`Browsers::next_session`].
pub(crate) async fn serve<S>(
    socket: WebSocketStream<S>,
    browsers: Arc<Browsers>,
    session: u64,
    origin: Origin,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut autopush = Autopush { socket, browsers, origin, last_ping: None };
    let closing = match autopush.hello(session).await {
        ControlFlow::Break(closing) => closing,
        ControlFlow::Continue(connected) => {
            let (browser, session) = (connected.user_agent, connected.session);
            let closing = autopush.converse(connected, &stop).await;
            autopush.browsers.disconnect(browser, session);
            closing
        }
    };
    if let Closing::Frame(code, reason) = closing {
        let frame = CloseFrame { code, reason: reason.into() };
        // It may be gone already.
        let _ = timeout(SEND_TIMEOUT, autopush.socket.close(Some(frame))).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Autopush<S> {
    /// The first frame and its answer.
    async fn hello(&mut self, session: u64) -> Step<Connected> {
        let wrong = Closing::Frame(CloseCode::Error, "Expected hello");
        let frame = match timeout(HELLO_TIMEOUT, self.frame()).await {
            Ok(frame) => frame?,
            Err(_) => return Step::Break(Closing::Frame(CloseCode::Error, "HandshakeTimeout")),
        };
        let ClientFrame::Hello { uaid, broadcasts } = frame else { return Step::Break(wrong) };
        // One that cannot be read is none.
        let known = uaid.and_then(|uaid| Uuid::try_parse(&uaid).ok());
        let connected = match self.browsers.connect(session, known, BrowserProtocol::Autopush) {
            Ok(connected) => connected,
            Err(BrowserError::Unreachable) => return Step::Break(Closing::Silent),
            Err(BrowserError::Replaced) => return Step::Break(End::Replaced.into()),
            Err(BrowserError::TooMany | BrowserError::TooManyChannels) => {
                return Step::Break(Closing::Frame(CloseCode::Again, "Too many browsers"));
            }
        };
        let hello = ServerFrame::Hello {
            uaid: connected.user_agent.simple().to_string(),
            status: 200,
            use_webpush: true,
            broadcasts: BroadcastAnswer::to(broadcasts.unwrap_or_default()),
        };
        if let Step::Break(closing) = self.send(&hello).await {
            self.browsers.disconnect(connected.user_agent, session);
            return Step::Break(closing);
        }
        Step::Continue(connected)
    }

    /// Everything after the first frame.
    async fn converse(&mut self, mut connected: Connected, stop: &CancellationToken) -> Closing {
        let mut ping_at = Instant::now() + PING_INTERVAL;
        let mut is_pinged = false;
        loop {
            while let Some(message) = self.browsers.next(connected.user_agent, connected.session) {
                if let Step::Break(closing) = self.send(&ServerFrame::notification(&message)).await {
                    return closing;
                }
            }
            let step = tokio::select! {
                why = &mut connected.end => Step::Break(why.map_or(Closing::Silent, Closing::from)),
                () = stop.cancelled() => Step::Break(Closing::Frame(CloseCode::Away, "The sandbox stops")),
                frame = self.socket.next() => {
                    (ping_at, is_pinged) = (Instant::now() + PING_INTERVAL, false);
                    self.take(frame, connected.user_agent).await
                }
                () = connected.wake.notified() => Step::Continue(()),
                () = sleep_until(ping_at) => {
                    if is_pinged {
                        Step::Break(Closing::Silent)
                    } else {
                        (ping_at, is_pinged) = (Instant::now() + PONG_TIMEOUT, true);
                        self.write(Message::Ping(bytes::Bytes::new())).await
                    }
                }
            };
            if let Step::Break(closing) = step {
                return closing;
            }
        }
    }

    /// The next frame with JSON in it.
    async fn frame(&mut self) -> Step<ClientFrame> {
        loop {
            let read = self.socket.next().await;
            if let Some(frame) = read_frame(read)? {
                return Step::Continue(frame);
            }
        }
    }

    async fn take(&mut self, read: Option<Result<Message, Error>>, browser: Uuid) -> Step {
        match read_frame(read)? {
            None => Step::Continue(()),
            Some(frame) => self.answer(frame, browser).await,
        }
    }

    async fn answer(&mut self, frame: ClientFrame, browser: Uuid) -> Step {
        match frame {
            ClientFrame::Hello { .. } => Step::Break(Closing::Frame(CloseCode::Error, "A second hello")),
            ClientFrame::Register { channel, key } => self.register(browser, &channel, key.as_deref()).await,
            ClientFrame::Unregister { channel, code } => {
                let id = known_channel(&channel)?;
                self.browsers.unregister(browser, id, code);
                self.send(&ServerFrame::Unregister { channel: &channel, status: 200 }).await
            }
            ClientFrame::BroadcastSubscribe { broadcasts } => {
                self.send(&ServerFrame::Broadcast { broadcasts: BroadcastAnswer::to(broadcasts) }).await
            }
            ClientFrame::Ack { updates } => {
                for update in updates {
                    let channel = known_channel(&update.channel)?;
                    let code = update.code.or(Some(100));
                    self.browsers.acknowledge(browser, Some(channel), &update.version, code);
                }
                Step::Continue(())
            }
            ClientFrame::Nack { version, code } => {
                self.browsers.complain(browser, &version, code);
                Step::Continue(())
            }
            ClientFrame::Ping => {
                let now = Instant::now();
                if self.last_ping.replace(now).is_some_and(|last| now - last < PINGS_APART) {
                    return Step::Break(Closing::Frame(CloseCode::Error, "ExcessivePing"));
                }
                self.write(Message::text("{}")).await
            }
        }
    }

    async fn register(&mut self, browser: Uuid, channel: &str, key: Option<&str>) -> Step {
        let id = known_channel(channel)?;
        // Whatever can be decoded is taken for a key: nobody can ever sign with what is none.
        let Ok(key) = key.map(|key| URL_SAFE_NO_PAD.decode(key.trim_end_matches('='))).transpose() else {
            let push_endpoint = "Failed to generate endpoint";
            return self.send(&ServerFrame::Register { channel, status: 400, push_endpoint }).await;
        };
        let (status, endpoint) = match self.browsers.register(browser, id, key.as_deref().map(key_digest)) {
            Ok(token) => (200, format!("{}{PUSH_PATH}{token}", self.origin)),
            Err(_) => (500, String::new()),
        };
        self.send(&ServerFrame::Register { channel, status, push_endpoint: &endpoint }).await
    }

    async fn send(&mut self, frame: &ServerFrame<'_>) -> Step {
        let Ok(text) = serde_json::to_string(frame) else { return Step::Break(Closing::Silent) };
        self.write(Message::text(text)).await
    }

    async fn write(&mut self, message: Message) -> Step {
        match timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Step::Continue(()),
            Ok(Err(_)) | Err(_) => Step::Break(Closing::Silent),
        }
    }
}

/// A frame; none where it has no JSON (pings and pongs, which the library answers).
fn read_frame(read: Option<Result<Message, Error>>) -> Step<Option<ClientFrame>> {
    match read {
        Some(Ok(Message::Text(text))) => match ClientFrame::read(&text) {
            Ok(frame) => Step::Continue(Some(frame)),
            Err(_) => Step::Break(Closing::Frame(CloseCode::Error, "Not a frame of this protocol")),
        },
        Some(Ok(Message::Binary(_))) => Step::Break(Closing::Frame(CloseCode::Unsupported, "Expected text")),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Step::Continue(None),
        Some(Err(Error::Capacity(_))) => {
            Step::Break(Closing::Frame(CloseCode::Size, "The frame is too large"))
        }
        Some(Err(Error::Protocol(_))) => Step::Break(Closing::Frame(CloseCode::Protocol, "Protocol error")),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Step::Break(Closing::Silent),
    }
}

fn known_channel(channel: &str) -> Step<Uuid> {
    match channel_id(channel) {
        Some(id) => Step::Continue(id),
        None => Step::Break(Closing::Frame(CloseCode::Error, "Invalid channelID")),
    }
}

impl From<End> for Closing {
    fn from(why: End) -> Self {
        match why {
            End::Replaced => Self::Frame(CloseCode::Error, "Ghost"),
            End::Reset => Self::Frame(CloseCode::Normal, "SM"),
            End::Unreachable => Self::Silent,
        }
    }
}
