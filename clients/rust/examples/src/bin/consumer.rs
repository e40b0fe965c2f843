//! Counts what becomes of all messages. It may be killed at any instant: the token is stored together with the effect, so
//! each event counts exactly once.

use std::collections::BTreeMap;
use std::error::Error;
use std::{env, fs};

use fanfare::client::{Options, connect};
use fanfare::proto::v1::WatchDeliveriesRequest;
use fanfare::proto::v1::delivery_frame::Kind;
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
struct Known {
    token: String,
    counts: BTreeMap<String, u64>,
}

impl Known {
    /// Replaces the file at once. A database would store both in one transaction.
    fn store(&self, file: &str) -> Result<(), Box<dyn Error>> {
        fs::write(format!("{file}.new"), serde_json::to_vec(self)?)?;
        Ok(fs::rename(format!("{file}.new"), file)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("which file?")?;
    let mut known: Known = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => Known::default(),
    };
    let client = connect(&env::var("FANFARE_SERVER")?, Options::default())?;

    let request = WatchDeliveriesRequest {
        parent: "messages/-".to_owned(),
        resume_token: known.token.clone(),
        ..WatchDeliveriesRequest::default()
    };
    let mut stream = client.watch(request).await?;
    while let Some(frame) = stream.next().await? {
        if let Some(Kind::Events(events)) = frame.kind {
            for event in events.events {
                *known.counts.entry(event.outcome().as_str_name().to_owned()).or_default() += 1;
            }
        }
        known.token = frame.resume_token;
        known.store(&file)?;
        println!("{}", serde_json::to_string(&known.counts)?);
    }
    Ok(())
}
