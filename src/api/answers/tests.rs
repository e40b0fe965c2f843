use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::super::connections::ConnectionHandle;
use super::ledger::Bounds;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(60);
const BOUNDS: Bounds = Bounds { connection: 100_000, caller: 200_000, all: 300_000, timeout: TIMEOUT };

fn ledger() -> Arc<Ledger> {
    Ledger::new(BOUNDS, Arc::new(()))
}

fn answer(ledger: &Arc<Ledger>, caller: &str, connection: &ConnectionHandle, body: Body) -> AnswerBody {
    let caller = Caller::Named(caller.into());
    let answer = Answer::new(Arc::clone(ledger), caller, Some(connection.clone()), body, true);
    AnswerBody(Arc::new(answer))
}

fn list(ledger: &Arc<Ledger>, caller: &str, connection: &ConnectionHandle, octets: usize) -> AnswerBody {
    answer(ledger, caller, connection, Body::new(Full::new(Bytes::from(vec![7; octets]))))
}

/// A body that goes on while there is its sender.
fn stream(ledger: &Arc<Ledger>, connection: &ConnectionHandle) -> (mpsc::Sender<Bytes>, AnswerBody) {
    let (sender, octets) = mpsc::channel(4);
    let frames = ReceiverStream::new(octets).map(|octets| Ok::<_, Status>(Frame::data(octets)));
    (sender, answer(ledger, "a", connection, Body::new(StreamBody::new(frames))))
}

/// The next frame as HTTP takes it.
async fn take(body: &mut AnswerBody) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn what_is_written_is_what_was_made_and_counts_until_then() {
    let (ledger, connection) = (ledger(), ConnectionHandle::new());
    let mut body = list(&ledger, "a", &connection, 50_000);
    assert_eq!(ledger.octets(), 0, "it is made when it is asked for");
    let first = take(&mut body).await;
    assert_eq!((first.len(), ledger.octets()), (16_384, 50_000 + 16_384));
    let mut rest = Vec::new();
    while let Some(part) = body.frame().await {
        rest.push(part.unwrap().into_data().unwrap());
    }
    assert_eq!(rest.iter().map(Bytes::len).sum::<usize>() + first.len(), 50_000);
    assert_eq!(ledger.octets(), 50_000, "HTTP has it all");
    drop(first);
    assert_eq!(ledger.octets(), 50_000 - 16_384);
    drop((rest, body));
    assert_eq!(ledger.octets(), 0);
    // A caller who goes away leaves nothing.
    let mut body = list(&ledger, "a", &connection, 50_000);
    let part = take(&mut body).await;
    drop((body, part));
    assert_eq!(ledger.octets(), 0);
}

#[tokio::test]
async fn whoever_has_not_moved_for_longest_gives_way_and_then_its_connection() {
    let (ledger, first, second) = (ledger(), ConnectionHandle::new(), ConnectionHandle::new());
    let mut oldest = list(&ledger, "a", &first, 60_000);
    let held = take(&mut oldest).await;
    let mut next = list(&ledger, "a", &first, 20_000);
    let also_held = take(&mut next).await;
    // Over what one connection may have.
    assert_eq!(oldest.frame().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(ledger.octets(), 16_384 + 20_000 + 16_384, "what HTTP has is still there");
    // Another connection of the same caller is not concerned, and another caller neither.
    let mut other = list(&ledger, "a", &second, 70_000);
    drop(take(&mut other).await);
    assert_eq!(take(&mut next).await.len(), 20_000 - 16_384);
    // Now the caller has too many: who gave way before loses its connection, with all that is on it.
    let mut more = Vec::new();
    for _ in 0..2 {
        let connection = ConnectionHandle::new();
        let mut body = list(&ledger, "a", &connection, 70_000);
        more.push((take(&mut body).await, body, connection));
    }
    assert!(first.is_closed() && !second.is_closed());
    assert!(ledger.octets() <= BOUNDS.caller, "{}", ledger.octets());
    drop((held, also_held, oldest, next, other, more));
    assert_eq!(ledger.octets(), 0);
}

#[tokio::test]
async fn one_callers_answers_never_cost_anothers_unless_all_are_too_many() {
    let ledger = ledger();
    let mut kept = list(&ledger, "honest", &ConnectionHandle::new(), 50_000);
    let part = take(&mut kept).await;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let mut body = list(&ledger, "greedy", &ConnectionHandle::new(), 70_000);
        greedy.push((take(&mut body).await, body));
    }
    assert!(ledger.octets() <= BOUNDS.all);
    assert_eq!(take(&mut kept).await.len(), 16_384);
    drop(part);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_move_is_given_up() {
    let (ledger, connection) = (ledger(), ConnectionHandle::new());
    tokio::spawn(give_up_stalled(Arc::downgrade(&ledger), TIMEOUT));
    let mut stuck = list(&ledger, "a", &connection, 50_000);
    let part = take(&mut stuck).await;
    let (sender, mut slow) = stream(&ledger, &connection);
    sender.send(Bytes::from_static(b"a frame")).await.unwrap();
    let frame = take(&mut slow).await;
    // One that has been read waits for as long as it likes.
    let (idle_sender, mut idle) = stream(&ledger, &connection);
    idle_sender.send(Bytes::from_static(b"read")).await.unwrap();
    drop(take(&mut idle).await);
    assert!(slow.frame().now_or_never().is_none());

    let began = Instant::now();
    sender.closed().await;
    let took = began.elapsed();
    assert!(took >= TIMEOUT && took <= TIMEOUT + TIMEOUT / LOOKS, "{took:?}");
    let trailers = slow.frame().await.unwrap().unwrap().into_trailers().unwrap();
    let status = Status::from_header_map(&trailers).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(slow.frame().await.is_none());
    // In the middle of a message there is no place for a status.
    assert_eq!(stuck.frame().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(ledger.octets(), part.len() + frame.len());
    assert!(!idle_sender.is_closed() && !connection.is_closed());
    drop((part, frame));
    assert_eq!(ledger.octets(), 0);
}
