//! Which VAPID keys entries have that named none.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use tonic::Status;

use crate::cli::connection::Client;
use crate::proto::v1::{
    GetSubscriptionRequest, GetVapidPublicKeyRequest, SubscriptionState, get_subscription_request::Selector,
};

/// Entries whose key is asked for, the first ones.
const ASKED_MAX: usize = 200;
/// Calls at once.
const CONCURRENCY: usize = 16;

/// Entries of a run that named no key.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    created: u64,
    updated: u64,
    /// Of those that were updated, at most [`ASKED_MAX`].
    names: Vec<String>,
}

/// What they have now.
#[derive(Debug, Default, Serialize)]
pub(super) struct Keys {
    /// New ones, which have the application's current key.
    created: u64,
    current: String,
    /// Those that were there already.
    updated: u64,
    /// How many of them were looked at.
    asked: usize,
    /// By key, base64url.
    by_key: BTreeMap<String, u64>,
    /// Those that are disabled all the same.
    disabled: u64,
}

impl Unnamed {
    /// One was stored under this name; empty where it was only looked at.
    pub(super) fn note(&mut self, created: bool, name: String) {
        if created {
            self.created += 1;
            return;
        }
        self.updated += 1;
        if self.names.len() < ASKED_MAX && !name.is_empty() {
            self.names.push(name);
        }
    }

    /// Asks which keys they have; `None` where each named its own.
    pub(super) async fn ask(&self, client: &Client, application: &str) -> Result<Option<Keys>, Status> {
        if self.created + self.updated == 0 {
            return Ok(None);
        }
        let application = application.to_owned();
        let request = GetVapidPublicKeyRequest { application: application.clone() };
        let current = client.clone().get_vapid_public_key(request).await?.into_inner().application_server_key;
        let mut keys = Keys {
            created: self.created,
            current,
            updated: self.updated,
            asked: self.names.len(),
            ..Keys::default()
        };
        let calls = stream::iter(self.names.clone()).map(|name| {
            let (mut client, application) = (client.clone(), application.clone());
            async move {
                let selector = Some(Selector::Name(name));
                let request = GetSubscriptionRequest { application, selector };
                Ok::<_, Status>(client.get_subscription(request).await?.into_inner().subscription)
            }
        });
        let mut answers = calls.buffer_unordered(CONCURRENCY);
        while let Some(answer) = answers.next().await {
            let Some(subscription) = answer? else { continue };
            keys.disabled += u64::from(subscription.state() == SubscriptionState::Disabled);
            *keys.by_key.entry(subscription.application_server_key).or_default() += 1;
        }
        Ok(Some(keys))
    }
}

impl Keys {
    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.created > 0 {
            lines.push(format!(
                "{} new entries name no VAPID key: they have the application's current one, {}. With the wrong key push services \
                 refuse them",
                self.created, self.current
            ));
        }
        if self.updated > 0 && self.asked > 0 {
            let keys: Vec<_> = self.by_key.iter().map(|(key, count)| format!("{key} ({count})")).collect();
            let of = if (self.asked as u64) < self.updated {
                format!(" (the first {} were looked at)", self.asked)
            } else {
                String::new()
            };
            let state = if self.disabled == 0 {
                "those that were disabled are active again".to_owned()
            } else {
                format!(
                    "{} of them are disabled: name the key that they were made with, by --application-server-key",
                    self.disabled
                )
            };
            lines.push(format!(
                "{} updated entries name no VAPID key: they keep theirs, {}{of}; {state}",
                self.updated,
                keys.join(", ")
            ));
        }
        lines
    }
}
