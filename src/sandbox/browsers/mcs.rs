//! One connection of a Chromium: MCS, the protocol of its push back end, over TLS. Each side begins with its version; each
//! message is a tag, its length as a varint, and protobuf.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::fcm_messages::{
    AppData, DataMessageStanza, ErrorInfo, Heartbeat, IqStanza, LoginRequest, LoginResponse,
};
use super::fcm_names::{Device, FcmNames};
use super::registry::{Browsers, Connected};
use super::user_agent::Outgoing;
use crate::sandbox::control_json::BrowserProtocol;
use crate::sandbox::push_headers::Encryption;

/// Version of the protocol, the first octet of each side.
const VERSION: u8 = 41;
/// Largest message of a browser, in octets.
const MESSAGE_OCTETS_MAX: usize = 64 * 1_024;
/// Time for the login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a message to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// A browser's heart beats every 15 to 28 minutes; one that is silent for longer is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45 * 60);

/// The tags of messages.
mod tag {
    pub(super) const HEARTBEAT_PING: u8 = 0;
    pub(super) const HEARTBEAT_ACK: u8 = 1;
    pub(super) const LOGIN_REQUEST: u8 = 2;
    pub(super) const LOGIN_RESPONSE: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const IQ_STANZA: u8 = 7;
    pub(super) const DATA_MESSAGE_STANZA: u8 = 8;
}

/// A connection.
struct Mcs<S> {
    stream: S,
    /// What came and is not read yet.
    read: BytesMut,
    browsers: Arc<Browsers>,
    /// Messages of this side so far, and which of them are not acknowledged.
    stream_id: i32,
    unacknowledged: Vec<(i32, Outgoing)>,
}

/// Serves a connection to its end, or until `stop`. Its number is from [`Browsers::next_session`].
pub(crate) async fn serve<S>(
    stream: S,
    browsers: Arc<Browsers>,
    session: u64,
    stop: CancellationToken,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut mcs = Mcs { stream, read: BytesMut::new(), browsers, stream_id: 0, unacknowledged: Vec::new() };
    let login = within(LOGIN_TIMEOUT, mcs.login()).await?;
    let Some(connected) = mcs.connect(session, &login) else {
        return mcs.answer(login, Some(ErrorInfo { code: 1, message: None })).await;
    };
    let (browser, session) = (connected.user_agent, connected.session);
    let ended = match mcs.answer(login, None).await {
        Ok(()) => mcs.converse(connected, &stop).await,
        Err(error) => Err(error),
    };
    mcs.browsers.disconnect(browser, session);
    ended
}

impl<S: AsyncRead + AsyncWrite + Unpin> Mcs<S> {
    /// Version and login.
    async fn login(&mut self) -> io::Result<LoginRequest> {
        if self.stream.read_u8().await? != VERSION {
            return Err(invalid("another version"));
        }
        let (tag, body) = self.message().await?;
        if tag != tag::LOGIN_REQUEST {
            return Err(invalid("no login"));
        }
        Ok(LoginRequest::decode(body)?)
    }

    /// None where it is refused.
    fn connect(&self, session: u64, login: &LoginRequest) -> Option<Connected> {
        let device = Device::parse(&login.user, &login.auth_token)?;
        let connected =
            self.browsers.connect(session, Some(device.user_agent()), BrowserProtocol::Mcs).ok()?;
        for message in &login.received_persistent_id {
            self.browsers.acknowledge(connected.user_agent, None, message, None);
        }
        Some(connected)
    }

    async fn answer(&mut self, login: LoginRequest, error: Option<ErrorInfo>) -> io::Result<()> {
        within(SEND_TIMEOUT, self.stream.write_u8(VERSION)).await?;
        let response = LoginResponse {
            id: login.id,
            jid: None,
            error,
            server_timestamp: i64::try_from(self.browsers.now().as_millis()).ok(),
        };
        self.send(tag::LOGIN_RESPONSE, &response).await
    }

    async fn converse(&mut self, mut connected: Connected, stop: &CancellationToken) -> io::Result<()> {
        loop {
            while let Some(message) = self.browsers.next(connected.user_agent, connected.session) {
                let Some(names) = message.fcm.clone() else { continue };
                let stanza = stanza(&message, &names, self.browsers.now().as_millis());
                self.send(tag::DATA_MESSAGE_STANZA, &stanza).await?;
                self.unacknowledged.push((self.stream_id, message));
            }
            let message = tokio::select! {
                // Whatever the reason: there is no word for it.
                _ = &mut connected.end => return Ok(()),
                () = stop.cancelled() => return Ok(()),
                () = connected.wake.notified() => continue,
                message = within(SILENCE_MAX, self.message()) => message,
            };
            let (tag, body) = message?;
            if self.take(tag, body, connected.user_agent).await?.is_break() {
                return Ok(());
            }
        }
    }

    async fn take(&mut self, tag: u8, body: BytesMut, browser: Uuid) -> io::Result<ControlFlow<()>> {
        let received = match tag {
            tag::HEARTBEAT_PING => {
                let ping = Heartbeat::decode(body)?;
                self.send(tag::HEARTBEAT_ACK, &Heartbeat::default()).await?;
                ping.last_stream_id_received
            }
            tag::HEARTBEAT_ACK => Heartbeat::decode(body)?.last_stream_id_received,
            tag::IQ_STANZA => IqStanza::decode(body)?.last_stream_id_received,
            tag::DATA_MESSAGE_STANZA => DataMessageStanza::decode(body)?.last_stream_id_received,
            tag::CLOSE => return Ok(ControlFlow::Break(())),
            // There are more, of which nothing here depends.
            _ => None,
        };
        let received = received.unwrap_or_default();
        let had = self.unacknowledged.partition_point(|(stream_id, _)| *stream_id <= received);
        for (_, message) in self.unacknowledged.drain(..had) {
            self.browsers.acknowledge(browser, Some(message.channel), &message.id, None);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The next message. What has come stays when this is given up.
    async fn message(&mut self) -> io::Result<(u8, BytesMut)> {
        loop {
            if let Some(message) = split(&mut self.read)? {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn send(&mut self, tag: u8, message: &impl Message) -> io::Result<()> {
        let mut octets = vec![tag];
        message.encode_length_delimited(&mut octets).map_err(io::Error::other)?;
        let sent = async {
            self.stream.write_all(&octets).await?;
            self.stream.flush().await
        };
        within(SEND_TIMEOUT, sent).await?;
        self.stream_id += 1;
        Ok(())
    }
}

/// Gives up what does not end in time.
async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Takes a message from the front of what came, once all of it is there.
fn split(read: &mut BytesMut) -> io::Result<Option<(u8, BytesMut)>> {
    let mut front = &read[..];
    if !front.has_remaining() {
        return Ok(None);
    }
    let tag = front.get_u8();
    let len = match prost::decode_length_delimiter(front) {
        Ok(len) => len,
        // A varint has up to ten octets.
        Err(_) if front.len() < 10 => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if len > MESSAGE_OCTETS_MAX {
        return Err(invalid("too large"));
    }
    let start = 1 + prost::length_delimiter_len(len);
    if read.len() < start + len {
        return Ok(None);
    }
    read.advance(start);
    Ok(Some((tag, read.split_to(len))))
}

/// A push message as Chromium reads it.
fn stanza(message: &Outgoing, names: &FcmNames, now_millis: u64) -> DataMessageStanza {
    let mut data = vec![("subtype", names.subtype.clone())];
    if let Some(encryption) = &message.encryption {
        match encryption {
            Encryption::Aes128Gcm => {
                data.push(("content-encoding", encryption.encoding().as_str().to_owned()));
            }
            Encryption::AesGcmAsSent { encryption, crypto_key } => {
                data.push(("encryption", encryption.to_string()));
                data.extend(crypto_key.iter().map(|key| ("crypto-key", key.to_string())));
            }
            Encryption::AesGcm(parameters) => {
                data.push(("encryption", parameters.encryption()));
                data.push(("crypto-key", parameters.crypto_key()));
            }
        }
    }
    DataMessageStanza {
        from: names.sender.clone(),
        category: names.app.clone(),
        app_data: data.into_iter().map(|(key, value)| AppData { key: key.to_owned(), value }).collect(),
        persistent_id: Some(message.id.to_string()),
        last_stream_id_received: None,
        ttl: i32::try_from(message.ttl_seconds).ok(),
        sent: i64::try_from(now_millis).ok(),
        raw_data: message.encryption.is_some().then(|| message.body.clone()),
        // Else it would say that it has a message only after ten of them.
        immediate_ack: Some(true),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_split_wherever_they_are_cut() {
        let mut octets = Vec::new();
        for len in [0, 1, 127, 128, 300] {
            octets.push(8);
            prost::encode_length_delimiter(len, &mut octets).unwrap();
            octets.extend(vec![7; len]);
        }
        for cut in 0..octets.len() {
            let mut read = BytesMut::from(&octets[..cut]);
            let mut lengths = Vec::new();
            for rest in [&octets[cut..], &[]] {
                while let Some((tag, body)) = split(&mut read).unwrap() {
                    assert_eq!(tag, 8);
                    lengths.push(body.len());
                }
                read.extend_from_slice(rest);
            }
            assert_eq!(lengths, [0, 1, 127, 128, 300], "{cut}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let mut octets = vec![8];
        prost::encode_length_delimiter(MESSAGE_OCTETS_MAX + 1, &mut octets).unwrap();
        assert!(split(&mut BytesMut::from(&octets[..])).is_err());
        assert!(
            split(&mut BytesMut::from(&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1][..]))
                .is_err()
        );
    }
}
