//! Sends with the web-push crate: `peer JOB COUNT IN_FLIGHT`, by its hyper client (HTTP/1.1, the only kind it has), with a
//! VAPID token that is signed once. The sink's certificate comes by `SSL_CERT_FILE`, as OpenSSL takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Deserialize;
use web_push::{
    ContentEncoding, HyperWebPushClient, SubscriptionInfo, VapidSignature, VapidSignatureBuilder,
    WebPushClient as _, WebPushMessageBuilder,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
struct Job {
    origin: String,
    payload: String,
    ttl: u32,
    vapid: Vapid,
    subscriptions: Vec<SubscriptionInfo>,
}

#[derive(Deserialize)]
struct Vapid {
    subject: String,
    private: String,
}

impl Job {
    fn token(&self) -> Result<VapidSignature, Failure> {
        let mut builder = VapidSignatureBuilder::from_base64(&self.vapid.private, &self.subscriptions[0])?;
        builder.add_claim("sub", format!("mailto:{}", self.vapid.subject));
        builder.add_claim("aud", self.origin.as_str());
        Ok(builder.build()?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("peer JOB COUNT IN_FLIGHT");
    let job: Arc<Job> = Arc::new(serde_json::from_str(&std::fs::read_to_string(argument()?)?)?);
    let (count, in_flight): (usize, usize) = (argument()?.parse()?, argument()?.parse()?);
    let (token, client) = (Arc::new(job.token()?), HyperWebPushClient::new());
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (job, token, client, next) = (job.clone(), token.clone(), client.clone(), next.clone());
            tokio::spawn(async move {
                let mut accepted = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, Failure>(accepted);
                    }
                    let subscription = &job.subscriptions[number % job.subscriptions.len()];
                    let mut message = WebPushMessageBuilder::new(subscription);
                    message.set_payload(ContentEncoding::Aes128Gcm, job.payload.as_bytes());
                    message.set_ttl(job.ttl);
                    message.set_vapid_signature((*token).clone());
                    client.send(message.build()?).await?;
                    accepted += 1;
                }
            })
        })
        .collect();
    let mut accepted = 0;
    for worker in workers {
        accepted += worker.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{{\"accepted\":{accepted},\"seconds\":{seconds}}}");
    Ok(())
}
