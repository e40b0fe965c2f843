//! The subscribers of one application at one origin.

use anyhow::Context as _;
use fanfare::proto::v1::{BroadcastRequest, SendRequest, SubscribeRequest};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use serde_json::{Value, json};

use crate::calls::{quiet_broadcast, send};
use crate::stage::{Server, Stage};

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) application: &'static str,
    topic: String,
    group: u32,
    /// The number of its first subscriber; the others follow.
    first: u32,
    names: Vec<String>,
}

impl Cell {
    /// Subscribes so many. `first` is the number of the first of them.
    pub(super) async fn subscribe(
        stage: &Stage,
        server: &Server,
        place: (&'static str, u32),
        topic: &str,
        numbers: std::ops::Range<u32>,
    ) -> anyhow::Result<Self> {
        let (application, origin) = place;
        let count = numbers.end - numbers.start;
        let group = json!({"count": count, "log": false, "origins": {"from": origin, "count": 1}});
        let group = stage.make_group(server, application, group).await?;
        let describe = |_, request: &mut SubscribeRequest| {
            application.clone_into(&mut request.application);
            request.topics = vec![topic.to_owned()];
        };
        let names = stage.enlist(server, group, 0..count, describe).await?;
        Ok(Self { application, topic: topic.to_owned(), group, first: numbers.start, names })
    }

    /// Their names with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (String, u32)> {
        self.names.iter().cloned().zip(self.first..)
    }

    /// Their numbers.
    pub(super) fn numbers(&self) -> std::ops::Range<u32> {
        self.first..self.first + u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// Draws so many of those that are not among `others`; in order.
    pub(super) fn draw(&self, random: &mut StdRng, count: usize, others: &[u32]) -> Vec<u32> {
        let mut drawn = self.numbers().filter(|number| !others.contains(number)).sample(random, count);
        drawn.sort_unstable();
        drawn
    }

    /// Gives these a fault, or takes it from them.
    pub(super) async fn order(&self, stage: &Stage, numbers: &[u32], fault: &Value) -> anyhow::Result<()> {
        for number in numbers {
            let path = format!("/groups/{}/subscribers/{}/faults", self.group, number - self.first);
            stage.call_text("POST", &path, Some(fault.clone())).await?;
        }
        Ok(())
    }

    /// POSTs that came to them and were not taken.
    pub(super) async fn refused_posts(&self, stage: &Stage) -> anyhow::Result<f64> {
        let status = stage.call("GET", &format!("/groups/{}", self.group), None).await?;
        let number = |member: &str| {
            let value = status.get(member).and_then(Value::as_f64);
            value.with_context(|| format!("the sandbox does not count {member}"))
        };
        Ok(number("posts")? - number("accepted")?)
    }

    /// To all of them.
    pub(super) fn broadcast(&self, text: &str) -> BroadcastRequest {
        quiet_broadcast(self.application, &self.topic, text)
    }

    /// To one of them.
    pub(super) fn send(&self, number: u32, text: &str) -> anyhow::Result<SendRequest> {
        let name = self.names.get((number - self.first) as usize).context("nobody has this number")?;
        Ok(SendRequest { application: self.application.to_owned(), ..send(name, text, "") })
    }
}
