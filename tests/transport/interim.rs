//! A push service that sends interim answers (103) without end, as fast as it can. The attempt ends at its deadline, and with
//! it the connection; memory stays bounded; other push services are answered meanwhile. What it costs is printed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use fanfare::transport::{HttpSettings, Transport as _, TransportError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout};

use crate::server::{Server, accept, accept_http2, read_to_headers};
use crate::{request, settings, transport};

const DEADLINE: Duration = Duration::from_secs(3);
/// After the deadline the connection ends within this.
const SOON: Duration = Duration::from_secs(2);
/// What is written at once, in octets.
const PIECE_OCTETS: usize = 64 * 1024;
/// What the process may grow by, in octets. The service is in it, and rests between its pieces for nobody.
const GROWTH_MAX: u64 = 64 << 20;
/// So often another push service is answered meanwhile, one after the other, on the same thread: within half a
/// second each.
const OTHERS_MIN: usize = 6;

/// Writes until the connection ends; tells that it has begun, and how many octets were taken.
async fn flood(mut to: impl tokio::io::AsyncWrite + Unpin, piece: &[u8], told: UnboundedSender<u64>) {
    let mut octets = 0;
    while to.write_all(piece).await.is_ok() {
        if octets == 0 {
            told.send(0).unwrap();
        }
        octets += piece.len() as u64;
    }
    told.send(octets).unwrap();
}

async fn over_http1(told: UnboundedSender<u64>) -> Server {
    let piece = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(PIECE_OCTETS / 28);
    Server::start(&["http/1.1"], move |stream, acceptor| {
        let (piece, told) = (piece.clone(), told.clone());
        async move {
            let mut stream = accept(stream, acceptor).await;
            // The first connection is given up: it was to be one of HTTP/2.
            if stream.read(&mut [0; 4_096]).await.is_ok_and(|octets| octets > 0) {
                flood(stream, &piece, told).await;
            }
        }
    })
    .await
}

async fn over_http2(told: UnboundedSender<u64>) -> Server {
    // HEADERS with END_HEADERS on stream 1, ten octets each: the field is an indexed one (RFC 7541 section 6.1).
    let piece = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0xbe].repeat(PIECE_OCTETS / 10);
    Server::start(&["h2"], move |stream, acceptor| {
        let (piece, told) = (piece.clone(), told.clone());
        async move {
            let mut stream = accept_http2(stream, acceptor).await;
            read_to_headers(&mut stream).await;
            // `:status: 103`, put into the dynamic table.
            stream.write_all(&[0, 0, 5, 1, 4, 0, 0, 0, 1, 0x48, 3, b'1', b'0', b'3']).await.unwrap();
            flood(stream, &piece, told).await;
        }
    })
    .await
}

/// The most memory that this process has taken, in octets.
fn memory_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Processor time of the threads that connections live on, in seconds (proc(5): fields 14 and 15, in hundredths).
fn used() -> f64 {
    let mut ticks = 0;
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        if name.ends_with("(connections") {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            ticks += fields[11..13].iter().map(|ticks| ticks.parse::<u32>().unwrap()).sum::<u32>();
        }
    }
    f64::from(ticks) / 100.0
}

/// Run by the next test, in a process of its own: its memory is measured.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn interim_answers() {
    let Some(protocol) = std::env::var_os("TEST_OF_INTERIM_ANSWERS") else { return };
    let (told, mut said) = unbounded_channel();
    let service = if protocol == "http1" { over_http1(told).await } else { over_http2(told).await };
    let other = Server::answering(201).await;
    let exceptions = format!("{}{}", service.exception(), other.exception().replace("'test'", "'other'"));
    let transport = transport(HttpSettings { deadline: DEADLINE, ..settings() }, &exceptions);
    let post = async |endpoint: String| transport.post(request(&endpoint)).await;
    assert_eq!(post(other.endpoint()).await.unwrap().status, 201);

    let (began, before, peak_before) = (Instant::now(), used(), memory_peak());
    let attempt = {
        let (transport, endpoint) = (transport.clone(), service.endpoint());
        tokio::spawn(async move { transport.post(request(&endpoint)).await })
    };
    assert_eq!(said.recv().await, Some(0), "it has begun");
    let mut others = Vec::new();
    while !attempt.is_finished() {
        let began = Instant::now();
        assert_eq!(post(other.endpoint()).await.unwrap().status, 201);
        others.push(began.elapsed());
    }
    let error = attempt.await.unwrap().unwrap_err();
    assert_eq!(error, TransportError::TimedOut { sent: true });
    let took = began.elapsed();
    assert!(took < DEADLINE + SOON, "{took:?}");
    let octets = timeout(SOON, said.recv()).await.expect("its connection ends").unwrap();
    let (processor, growth) = (used() - before, memory_peak().saturating_sub(peak_before));
    others.sort_unstable();
    let (count, slowest) = (others.len(), others.last().copied().unwrap_or_default());
    println!(
        "{{\"protocol\": {protocol:?}, \"seconds\": {:.1}, \"octets\": {octets}, \"processor_seconds\": {processor:.2}, \
         \"grown_octets\": {growth}, \"others\": {count}, \"others_p50_ms\": {:.1}, \"others_max_ms\": {:.1}}}",
        took.as_secs_f64(),
        others[count / 2].as_secs_f64() * 1e3,
        slowest.as_secs_f64() * 1e3,
    );
    assert!(growth < GROWTH_MAX, "{growth} octets");
    assert!(count >= OTHERS_MIN, "{count}, the slowest {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_without_end_end_at_the_deadline() {
    for protocol in ["http1", "http2"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "interim::interim_answers", "--nocapture"]);
        child.env("TEST_OF_INTERIM_ANSWERS", protocol);
        let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let figures = text.lines().find(|line| line.starts_with('{'));
        println!("{}", figures.unwrap_or_default());
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && figures.is_some(), "{protocol}: {text}{complaint}");
    }
}
