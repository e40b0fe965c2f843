//! Calls of the sandbox's control API.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::sandbox::Fault;
use crate::sandbox::control_json::{FaultLine, GroupStatus, NewGroup, ReceivedLeftOut, ReceivedLine};

/// A client of the control API.
#[derive(Clone, Debug)]
pub struct Control {
    base: String,
    client: reqwest::Client,
}

impl Control {
    /// Of the sandbox that is controlled there.
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { base: format!("http://{address}"), client: reqwest::Client::builder().no_proxy().build()? })
    }

    /// Makes a group of subscribers.
    pub async fn make_group(&self, group: &NewGroup) -> anyhow::Result<GroupStatus> {
        let request = self
            .client
            .post(format!("{}/groups", self.base))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(group)?);
        Ok(serde_json::from_str(&answer(request).await?)?)
    }

    /// What `JSON.stringify(subscription)` gives in the browsers of `count` subscribers, a line each.
    pub async fn subscriptions(&self, group: u32, from: u32, count: u32) -> anyhow::Result<String> {
        self.get(&format!("/groups/{group}/subscriptions?from={from}&count={count}")).await
    }

    /// Who has which fault.
    pub async fn faults(&self, group: u32) -> anyhow::Result<HashMap<u32, Fault>> {
        let lines: Vec<FaultLine> = json_lines(&self.get(&format!("/groups/{group}/faults")).await?)?;
        Ok(lines.into_iter().map(|line| (line.index, line.fault)).collect())
    }

    /// All that the subscribers received.
    pub async fn received(&self, group: u32) -> anyhow::Result<Vec<ReceivedLine>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Line {
            Received(ReceivedLine),
            LeftOut(ReceivedLeftOut),
        }
        let lines: Vec<Line> = json_lines(&self.get(&format!("/groups/{group}/received")).await?)?;
        lines
            .into_iter()
            .map(|line| match line {
                Line::Received(received) => Ok(received),
                Line::LeftOut(ReceivedLeftOut { left_out }) => {
                    bail!("the sandbox could not remember {left_out} messages: take fewer subscribers")
                }
            })
            .collect()
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        answer(self.client.get(format!("{}{path}", self.base))).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<String> {
    let response = request.send().await.context("the sandbox does not answer")?;
    let status = response.status();
    let body = response.text().await?;
    anyhow::ensure!(status.is_success(), "the sandbox answered {status}: {body}");
    Ok(body)
}

fn json_lines<T: DeserializeOwned>(text: &str) -> anyhow::Result<Vec<T>> {
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
