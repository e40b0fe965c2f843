//! ListAuditEntries.

use prost::Message as _;

use super::ApiFor;
use super::api_tokens::{SERVER_WIDE, server_wide};
use super::convert::audit;
use super::status::ApiError;
use super::tokens::List;
use super::validate::lists;
use crate::domain::{AuditEntry, Role};
use crate::proto::v1;

pub(super) async fn list_audit_entries(
    api: &ApiFor<'_>,
    request: v1::ListAuditEntriesRequest,
) -> Result<v1::ListAuditEntriesResponse, ApiError> {
    let (page_size, mut filter) = lists::audit_entries(&request, |caller| api.callers.meant(caller))?;
    if request.all_applications {
        server_wide(api, Role::Admin)?;
    } else {
        filter.application = Some(api.application(&request.application)?.id);
    }
    let whose = filter.application.unwrap_or(SERVER_WIDE);
    let page_token = request.page_token;
    let same = v1::ListAuditEntriesRequest {
        application: String::new(),
        page_size: 0,
        page_token: String::new(),
        ..request
    };
    let bound = same.encode_to_vec();
    let before = match api.tokens.read_page(whose, List::AuditEntries, &bound, &page_token)? {
        Some(position) => {
            Some(u64::from_be_bytes(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?))
        }
        None => None,
    };
    let listed = api.store.audit_entries(&filter, before, page_size).await?;
    let numbers: Vec<u64> = listed.entries.iter().map(|(number, _)| *number).collect();
    let mut audit_entries: Vec<_> = listed.entries.into_iter().map(|(_, entry)| shown(api, entry)).collect();
    let fitting = lists::fitting(&audit_entries);
    let next = if fitting < audit_entries.len() { numbers.get(fitting - 1).copied() } else { listed.next };
    audit_entries.truncate(fitting);
    let page = |next: u64| api.tokens.page(whose, List::AuditEntries, &bound, &next.to_be_bytes());
    Ok(v1::ListAuditEntriesResponse { audit_entries, next_page_token: next.map(page).unwrap_or_default() })
}

fn shown(api: &ApiFor<'_>, entry: AuditEntry) -> v1::AuditEntry {
    let application = if entry.application_name.is_empty() {
        // Of a broadcast, the store knows the number only.
        api.applications.by_id(entry.application).map(|of| of.name.clone()).unwrap_or_default()
    } else {
        entry.application_name.clone()
    };
    let display_name = api.callers.display_name(&entry.caller.name);
    audit::entry(entry, application, display_name)
}
