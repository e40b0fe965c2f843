//! `fanfare audit`.

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::messages::caller_name;
use super::output;
use super::table::{Cell, Table, counted};
use super::times::{self, When};
use crate::proto::v1::{AuditChange, AuditEntry, ListAuditEntriesRequest};

/// Shows who did what: broadcasts, cancellations, and every change by an administrator with what it was before
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare audit                        the newest 50 of the application
  fanfare audit --all-applications --since 1day
  fanfare audit --by deploy --action UpdateApplication
  fanfare audit --all-applications --limit 0 --json > audit.jsonl

It takes an administrator's token. Sends are not here one by one: `fanfare messages list --by CALLER` has them, and who sent
what. How long entries are kept is in the server's configuration: retention.audit, and retention.audit_octets_max.")]
pub(super) struct AuditArgs {
    #[command(flatten)]
    connection: Connection,
    /// What concerns all applications together, and what concerns none
    #[arg(long)]
    all_applications: bool,
    /// Only from then on: in RFC 3339, or how long ago, for example 2h
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Only from before: as --since
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// Only of this caller: apiTokens/{id} or what the token is called, or \"certificate …\"
    #[arg(long, value_name = "CALLER", default_value = "")]
    by: String,
    /// Only of this RPC, for example UpdateApplication
    #[arg(long, value_name = "RPC", default_value = "")]
    action: String,
    /// At most so many; 0: all
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

impl AuditArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let json = self.connection.json.then(|| ProtoJson::of("fanfare.v1.AuditEntry")).transpose()?;
        let mut table = Table::new(&["TIME", "BY", "FROM", "ACTION", "APPLICATION", "OBJECT", "WHAT"]);
        let mut client = self.connection.open_admin().await?;
        let mut request = ListAuditEntriesRequest {
            application: self.connection.application.clone(),
            all_applications: self.all_applications,
            caller: self.by.clone(),
            action: self.action.clone(),
            start_time: self.since.map(Into::into),
            end_time: self.until.map(Into::into),
            ..ListAuditEntriesRequest::default()
        };
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        loop {
            request.page_size = i32::try_from(left).unwrap_or(i32::MAX);
            let page = client.list_audit_entries(request.clone()).await?.into_inner();
            for entry in page.audit_entries.iter().take(left) {
                match &json {
                    Some(writer) => output::line(writer.write(entry)?)?,
                    None => table.add(row(entry)),
                }
            }
            table.print()?;
            left = left.saturating_sub(page.audit_entries.len());
            if page.next_page_token.is_empty() {
                return Ok(());
            }
            if left == 0 {
                output::note("there may be older ones: --limit 0 lists all");
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// An entry in the columns of the list.
fn row(entry: &AuditEntry) -> Vec<Cell> {
    let caller = entry.caller.clone().unwrap_or_default();
    vec![
        times::shown(entry.create_time).into(),
        caller_name(&caller).into(),
        caller.address.into(),
        entry.action.as_str().into(),
        entry.application.as_str().into(),
        entry.object.as_str().into(),
        what(entry).into(),
    ]
}

/// What came of it, in words.
fn what(entry: &AuditEntry) -> String {
    let count = entry.subscription_count.map(|count| counted(count.into(), "subscription", "subscriptions"));
    let changes = entry.changes.iter().map(change);
    count.into_iter().chain(changes).collect::<Vec<_>>().join("; ")
}

/// `quotas.weight: 1 → 3`
fn change(AuditChange { field, before, after }: &AuditChange) -> String {
    let or_none = |text: &str| if text.is_empty() { "unset".to_owned() } else { text.to_owned() };
    format!("{field}: {} → {}", or_none(before), or_none(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_it_is_told_in_words() {
        let change = |field: &str, before: &str, after: &str| AuditChange {
            field: field.into(),
            before: before.into(),
            after: after.into(),
        };
        let entry = AuditEntry {
            subscription_count: Some(1),
            changes: vec![change("quotas.weight", "", "3"), change("contact", "a", "b")],
            ..AuditEntry::default()
        };
        assert_eq!(what(&entry), "1 subscription; quotas.weight: unset → 3; contact: a → b");
        assert_eq!(what(&AuditEntry::default()), "");
    }
}
