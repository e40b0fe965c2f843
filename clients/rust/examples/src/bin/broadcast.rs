//! Sends to everybody who wants to hear of a topic, and shows the progress.

use std::env;
use std::error::Error;
use std::io::Write as _;

use fanfare::client::{Options, connect};
use fanfare::proto::v1::audience::Selector;
use fanfare::proto::v1::message::Payload;
use fanfare::proto::v1::{Audience, BroadcastRequest, Message, Notification, ReportLevel, TopicList};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let topic = env::args().nth(1).ok_or("which topic?")?;
    let title = env::args().nth(2).ok_or("which title?")?;
    let client = connect(&env::var("FANFARE_SERVER")?, Options::default())?;

    let notification =
        Notification { title, navigate: "https://app.example.com/".to_owned(), ..Notification::default() };
    let request = BroadcastRequest {
        audience: Some(Audience { selector: Some(Selector::Topics(TopicList { topics: vec![topic] })) }),
        message: Some(Message { payload: Some(Payload::Notification(notification)), ..Message::default() }),
        report_level: ReportLevel::Progress.into(), // No event for each endpoint: only the counts.
        ..BroadcastRequest::default()
    };
    let mut stream = client.broadcast(request).await?; // Or, for example, all fields that are wrong.
    while stream.next().await?.is_some() {
        let counts = stream.message().and_then(|message| message.counts).unwrap_or_default();
        print!("\r{} of {} accepted, {} failed", counts.accepted, counts.targets, counts.failed);
        std::io::stdout().flush()?;
    }
    println!();
    Ok(())
}
