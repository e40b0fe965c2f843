//! What all senders are given, and what they tell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use serde::Deserialize;

/// Pushes before the figures count: connections are open, and code is warm.
const WARM_UP: usize = 500;

/// The file that `benches/peers/run` writes.
#[derive(Debug, Deserialize)]
pub struct Work {
    pub subscriptions: Vec<Subscription>,
    pub vapid_private: String,
    pub payload_octets: usize,
    pub ttl: u32,
}

#[derive(Debug, Deserialize)]
pub struct Subscription {
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

/// The words of the command line: the file, pushes, how many at once, the certificate that is trusted.
pub struct Arguments {
    pub work: Work,
    pub count: usize,
    pub in_flight: usize,
    pub certificate: Vec<u8>,
}

impl Arguments {
    pub fn read() -> anyhow::Result<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [work, count, in_flight, certificate] = words.as_slice() else {
            anyhow::bail!("WORK COUNT IN_FLIGHT CERTIFICATE")
        };
        Ok(Self {
            work: serde_json::from_slice(&std::fs::read(work)?).context("the work")?,
            count: count.parse()?,
            in_flight: in_flight.parse()?,
            certificate: std::fs::read(certificate)?,
        })
    }
}

/// Gives out numbers from 0 on, so many.
pub struct Numbers {
    next: AtomicUsize,
    count: usize,
}

impl Numbers {
    pub fn up_to(count: usize) -> Self {
        Self { next: AtomicUsize::new(0), count }
    }

    pub fn next(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.count).then_some(number)
    }
}

/// Pushes a few to warm up, and then as many as were asked for; prints what these took.
pub async fn measure<F: Future<Output = anyhow::Result<()>>>(
    count: usize,
    push: impl Fn(usize) -> F,
) -> anyhow::Result<()> {
    push(WARM_UP).await?;
    let (cpu, start) = (cpu_seconds()?, Instant::now());
    push(count).await?;
    let (cpu, seconds) = (cpu_seconds()? - cpu, start.elapsed().as_secs_f64());
    println!("{}", serde_json::json!({"accepted": count, "cpu_seconds": cpu, "seconds": seconds}));
    Ok(())
}

/// User and system time of this process, all threads; the kernel counts hundredths of a second.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("/proc/self/stat")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap_or(0)).sum();
    Ok(ticks as f64 / 100.0)
}
