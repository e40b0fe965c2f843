//! What the store says, or the server that has it open.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::finding::Finding;
use super::finding::Severity::{Hint, Serious, Warning};
use super::held;
use crate::app::{self, AppError};
use crate::cli::connection::Connection;
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::proto::v1::ListApiTokensRequest;
use crate::store::kv::sled::OpenError;
use crate::store::{Octets, Store as _};

/// A token that nobody has used for so long has probably been forgotten.
const UNUSED: Duration = Duration::from_secs(90 * 86_400);

/// Less than one in so many parts of `retention.log_octets_max` had better not be left.
const LOG_SHARE: u64 = 5;

/// What was found, and whether there are tokens, if that is known.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) findings: Vec<Finding>,
    pub(super) has_tokens: Option<bool>,
}

/// What matters of a token.
struct Token {
    name: String,
    created: Timestamp,
    last_used: Option<Timestamp>,
    expires: Option<Timestamp>,
}

pub(super) async fn look(config: &Config, online: Option<&Connection>) -> Result<Stored, Failure> {
    if let Some(connection) = online {
        let tokens = ask(connection).await?;
        let mut findings = judge(&tokens, SystemClock.now());
        findings.extend(held::ask(connection).await?);
        return Ok(Stored { has_tokens: Some(!tokens.is_empty()), findings });
    }
    if !config.store.data_dir.join("db").exists() {
        // Nothing is stored yet, and looking would make it.
        return Ok(Stored { has_tokens: Some(false), ..Stored::default() });
    }
    let sealing = config.store.sealing.sealing().await.map_err(AppError::from)?;
    // What only opens changes nothing.
    let opened = app::open_sealed_store(config, Arc::new(SystemClock), sealing.clone().opening_only()).await;
    let store = match opened {
        Ok(store) => store,
        Err(AppError::Open { error: OpenError::InUse, .. }) => {
            let finding = Finding::new(
                Hint,
                "in-use",
                "a server is using the data directory: tokens, held subscriptions and sealed records were not looked at",
                "They can be looked at by one process at a time.",
                "Ask the server with --online, or run this while it is stopped.",
            );
            return Ok(Stored { findings: vec![finding], has_tokens: None });
        }
        Err(error @ AppError::Open { error: OpenError::MasterKeyMissing { .. }, .. }) => {
            let finding = Finding::new(
                Serious,
                "master-key-missing",
                error.to_string(),
                "The server does not start, and nobody can read what is sealed.",
                "Give the key, as the current one or after it as a former one; docs/security.md tells how.",
            );
            return Ok(Stored { findings: vec![finding], has_tokens: None });
        }
        Err(error) => return Err(error.into()),
    };
    let looked = async {
        let tokens = store.api_tokens().await?;
        let held = held::look(&store).await?;
        Ok::<_, crate::store::StoreError>((tokens, held, store.is_sealed_as(&sealing).await?))
    };
    let looked = looked.await;
    let kept = store.log_octets();
    store.close().await;
    let (tokens, held, is_sealed) = looked.map_err(anyhow::Error::from)?;
    let tokens: Vec<_> = tokens
        .into_iter()
        .map(|token| Token {
            name: if token.display_name.is_empty() { token.id.to_string() } else { token.display_name },
            created: token.created,
            last_used: token.last_used,
            expires: token.expires,
        })
        .collect();
    let mut findings = judge(&tokens, SystemClock.now());
    findings.extend(held);
    let most = config.retention.log_octets_max;
    if kept >= most - most / LOG_SHARE {
        findings.push(Finding::new(
            Warning,
            "log-nearly-full",
            format!("what is kept of messages takes about {} of {}", Octets(kept), Octets(most)),
            "Beyond retention.log_octets_max new messages are refused.",
            "Raise it, or keep events for less long (retention.events).",
        ));
    }
    if !is_sealed {
        findings.push(Finding::new(
            Warning,
            "reseal-due",
            "some records are not sealed as configured: in the clear, or under a former master key",
            "They are as weak as before, and former master keys are still needed.",
            "Run `fanfare store reseal`, or let the server run: it does so in the background.",
        ));
    }
    Ok(Stored { has_tokens: Some(!tokens.is_empty()), findings })
}

async fn ask(connection: &Connection) -> Result<Vec<Token>, Failure> {
    let mut client = connection.open_admin().await?;
    let mut request = ListApiTokensRequest { all_applications: true, ..ListApiTokensRequest::default() };
    let mut tokens = Vec::new();
    let time = |time: Option<prost_types::Timestamp>| {
        let since = SystemTime::try_from(time?).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_micros(u64::try_from(since.as_micros()).ok()?))
    };
    loop {
        let page = client.list_api_tokens(request.clone()).await?.into_inner();
        tokens.extend(page.api_tokens.into_iter().map(|token| Token {
            name: if token.display_name.is_empty() { token.name } else { token.display_name },
            created: time(token.create_time).unwrap_or(Timestamp::from_secs(0)),
            last_used: time(token.last_used_time),
            expires: time(token.expire_time),
        }));
        if page.next_page_token.is_empty() {
            return Ok(tokens);
        }
        request.page_token = page.next_page_token;
    }
}

fn judge(tokens: &[Token], now: Timestamp) -> Vec<Finding> {
    let names = |is: &dyn Fn(&Token) -> bool| {
        let names: Vec<_> =
            tokens.iter().filter(|token| is(token)).map(|token| token.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let has_expired = |token: &Token| token.expires.is_some_and(|end| end <= now);
    let mut findings = Vec::new();
    if let Some(names) = names(&|token| token.expires.is_none()) {
        findings.push(Finding::new(
            Warning,
            "token-without-end",
            format!("tokens that never expire: {names}"),
            "Whoever finds one, in a log, an image or an old laptop, has it for ever.",
            "Make others with --expires, for example 90days, and revoke these.",
        ));
    }
    let unused =
        |token: &Token| !has_expired(token) && token.last_used.unwrap_or(token.created).plus(UNUSED) <= now;
    if let Some(names) = names(&unused) {
        findings.push(Finding::new(
            Warning,
            "token-unused",
            format!("tokens that nobody has used for 90 days: {names}"),
            "What nobody uses, nobody misses when it is stolen.",
            "Revoke them: `fanfare tokens revoke NAME`.",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn tokens_that_never_end_or_are_not_used_are_told() {
        let now = Timestamp::from_secs(1_800_000_000);
        let token = |name: &str, age: u32, used: Option<u32>, expires: Option<Timestamp>| Token {
            name: name.to_owned(),
            created: now.minus(DAY * age),
            last_used: used.map(|days| now.minus(DAY * days)),
            expires,
        };
        let tokens = [
            token("good", 100, Some(1), Some(now.plus(DAY))),
            token("endless", 1, None, None),
            token("forgotten", 100, None, Some(now.plus(DAY))),
            token("idle", 300, Some(91), Some(now.plus(DAY))),
            token("over", 300, Some(200), Some(now.minus(DAY))),
        ];
        let found: Vec<_> = judge(&tokens, now).into_iter().map(|one| (one.name, one.what)).collect();
        assert_eq!(
            found,
            [
                ("token-without-end", "tokens that never expire: endless".to_owned()),
                ("token-unused", "tokens that nobody has used for 90 days: forgotten, idle".to_owned()),
            ]
        );
        assert!(judge(&tokens[..1], now).is_empty());
    }
}
