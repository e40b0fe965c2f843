//! Subscriptions that are set aside instead of being removed or disabled, until somebody decides.

use super::finding::Finding;
use super::finding::Severity::Warning;
use crate::cli::connection::Connection;
use crate::cli::failure::Failure;
use crate::engine::HeldSubscriptions;
use crate::proto::v1::ListOriginsRequest;
use crate::store::kv::KvStore;
use crate::store::{Store as _, StoreError};

/// What is held in a store that no server uses.
pub(super) async fn look(store: &KvStore) -> Result<Vec<Finding>, StoreError> {
    let holds = store.holds().await?;
    let applications = if holds.is_empty() { Vec::new() } else { store.applications().await? };
    let mut findings = Vec::new();
    for hold in holds.iter().filter(|hold| hold.subscriptions > 0) {
        // What is left of a deleted application is cleared away.
        let Some(application) = applications.iter().find(|of| of.id == hold.application) else { continue };
        let Some(origin) = store.origin(hold.origin) else { continue };
        let (application, origin) = (application.name.as_str(), origin.origin.as_str());
        let held = HeldSubscriptions::from(hold);
        let remedy = held.what_to_do(application, origin);
        findings.push(finding(held.subscriptions, application, origin, &held.why(), &remedy));
    }
    Ok(findings)
}

/// What the server says is held.
pub(super) async fn ask(connection: &Connection) -> Result<Vec<Finding>, Failure> {
    let mut client = connection.open_admin().await?;
    let mut request = ListOriginsRequest::default();
    let mut findings = Vec::new();
    loop {
        let page = client.list_origins(request).await?.into_inner();
        for held in page.origins.iter().flat_map(|origin| &origin.held) {
            let count = u64::try_from(held.subscription_count).unwrap_or_default();
            if count > 0 {
                findings.push(finding(count, &held.application, &held.origin, &held.reason, &held.remedy));
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(findings);
        }
        request = ListOriginsRequest { page_token: page.next_page_token, ..ListOriginsRequest::default() };
    }
}

fn finding(count: u64, application: &str, origin: &str, reason: &str, remedy: &str) -> Finding {
    Finding::new(
        Warning,
        "subscriptions-held",
        format!("{count} subscription(s) of {application} at {origin} are held: {reason}"),
        "Nothing is sent to them until somebody decides, or their browsers subscribe again.",
        format!(
            "{remedy}. What evidence removed before that, `fanfare subscriptions restore` brings back for some days."
        ),
    )
}
