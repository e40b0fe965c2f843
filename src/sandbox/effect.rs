//! What faults do: to an answer, to its stream, to its connection.

use std::future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::answer_body::{AnswerBody, End};
use super::connection::Connection;
use super::fault::Fault;
use super::fault_terms::{RetryAfter, Truncation};
use crate::domain::Timestamp;

/// Octets that a truncated answer promises.
const PROMISED: usize = 64;
/// Octets of it that come.
const KEPT: &[u8] = b"Half of this answer never comes.";

/// What an effect needs to know.
pub(crate) struct Scene<'a> {
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) now: Timestamp,
    /// How long a request is held that is never answered.
    pub(crate) silence_max: Duration,
}

/// Does what a fault says. `usual` is the answer to the message, if it was taken.
///
/// # Errors
/// The stream is to be reset; with HTTP/1.1 the connection ends.
pub(crate) async fn take_effect(
    fault: &Fault,
    usual: Option<Response<AnswerBody>>,
    scene: Scene<'_>,
) -> Result<Response<AnswerBody>, h2::Error> {
    let answer = usual.unwrap_or_default();
    match fault {
        // Their answers are refusals, which whoever asks has made.
        Fault::NotFound { .. }
        | Fault::Gone { .. }
        | Fault::Throttled { .. }
        | Fault::Failing { .. }
        | Fault::Slow { .. } => Ok(answer),
        Fault::Answer { status, retry_after, headers, body, megabytes, .. } => {
            let mut answer = with_status(answer, *status);
            if let Some(retry_after) = retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, retry_after.value(scene.now));
            }
            add_headers(answer.headers_mut(), headers.iter());
            let zeros = u64::from(*megabytes) << 20;
            *answer.body_mut() = AnswerBody::new(Bytes::copy_from_slice(body.as_bytes()), zeros);
            Ok(answer)
        }
        Fault::ServiceAnswer { .. } => {
            // Orders for others were refused.
            let Some(known) = fault.known() else { return Ok(answer) };
            let mut answer = with_status(answer, known.status);
            let headers = known
                .headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            answer.headers_mut().extend(headers);
            *answer.body_mut() = AnswerBody::new(Bytes::from_static(known.body.as_bytes()), 0);
            Ok(answer)
        }
        Fault::Truncated { status, how, .. } => {
            let mut answer = with_status(answer, *status);
            answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(PROMISED));
            let end = match how {
                Truncation::Short => End::Short,
                Truncation::Close => End::Close(Arc::clone(scene.connection)),
            };
            *answer.body_mut() = AnswerBody::new(Bytes::from_static(KEPT), 0).ending(end);
            Ok(answer)
        }
        Fault::Reset { .. } => Err(Reason::INTERNAL_ERROR.into()),
        Fault::RefusedStream { .. } => Err(Reason::REFUSED_STREAM.into()),
        Fault::GoAway { .. } => {
            scene.connection.go_away();
            Err(Reason::REFUSED_STREAM.into())
        }
        Fault::Close { .. } => {
            scene.connection.close();
            future::pending().await
        }
        Fault::Silent { .. } => {
            tokio::time::sleep(scene.silence_max).await;
            Err(Reason::CANCEL.into())
        }
    }
}

fn with_status(mut answer: Response<AnswerBody>, status: u16) -> Response<AnswerBody> {
    // Orders with another status were refused.
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

fn add_headers<'a>(to: &mut HeaderMap, headers: impl Iterator<Item = (&'a String, &'a String)>) {
    for (name, value) in headers {
        // Orders with others were refused.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            to.insert(name, value);
        }
    }
}

impl RetryAfter {
    fn value(self, now: Timestamp) -> HeaderValue {
        match self {
            Self::Seconds(seconds) => HeaderValue::from(seconds),
            Self::Date(ahead) => {
                let apart = Duration::from_secs(ahead.unsigned_abs().into());
                let at = if ahead < 0 { now.minus(apart) } else { now.plus(apart) };
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_secs());
                HeaderValue::try_from(httpdate::fmt_http_date(at)).unwrap_or(HeaderValue::from_static("0"))
            }
        }
    }
}
