//! Backup: the store as the octets of a file.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::api_tokens::SERVER_WIDE;
use super::audit::Done;
use super::convert::time;
use super::status::ApiError;
use super::{ApiFor, quotas};
use crate::proto::v1;
use crate::store::backup::{Piece, Summary};

/// How long a backup may take: a day. It cannot go on where another one ended, so it does not end with
/// `server.calls.stream_age_max`.
const AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What Backup answers.
pub(super) type Responses = Pin<Box<dyn Stream<Item = Result<v1::BackupResponse, Status>> + Send>>;

pub(super) async fn backup(api: &ApiFor<'_>, metadata: &MetadataMap) -> Result<Responses, ApiError> {
    let permit = quotas::stream(api, None)?;
    let lifetime = api.lifetime_up_to(AGE_MAX, metadata);
    let mut backup = api.store.backup().await?;
    let begun = async { Ok(((), Some(Done::of(SERVER_WIDE, String::new(), "")))) };
    api.audited("Backup", begun).await?;
    let (engine, caller) = (api.engine.clone(), api.principal.name.clone());
    let store_octets = count(backup.store_octets());
    Ok(Box::pin(async_stream::stream! {
        let _permit = permit;
        let ended = lifetime.ended();
        tokio::pin!(ended);
        let mut done = 0;
        loop {
            let piece = tokio::select! {
                biased;
                ended = &mut ended => {
                    yield Err(ended.into());
                    return;
                }
                () = engine.streams_ended() => {
                    yield Err(ApiError::Draining.into());
                    return;
                }
                piece = backup.next() => piece,
            };
            match piece {
                Ok(Piece::Octets(data)) => {
                    done += count(data.len() as u64);
                    yield Ok(v1::BackupResponse { data, done_octets: done, store_octets, summary: None });
                }
                Ok(Piece::End(whole)) => {
                    tracing::info!(%caller, octets = whole.octets, "a backup is whole");
                    let summary = Some(summary(whole));
                    yield Ok(v1::BackupResponse { data: Bytes::new(), done_octets: done, store_octets, summary });
                    return;
                }
                Err(error) => {
                    yield Err(ApiError::from(error).into());
                    return;
                }
            }
        }
    }))
}

fn summary(whole: Summary) -> v1::BackupSummary {
    let Summary { time: snapshot, octets, sha256, records, writes, master_keys } = whole;
    v1::BackupSummary {
        snapshot_time: Some(time::timestamp(snapshot)),
        octets: count(octets),
        sha256: sha256.to_vec(),
        record_count: count(records),
        write_count: count(writes),
        master_keys,
    }
}

/// As the contract has numbers.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
