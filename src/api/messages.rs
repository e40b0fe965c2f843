//! GetMessage, ListMessages and CancelMessage.

use std::sync::Arc;

use prost::Message as _;

use super::audit::Done;
use super::convert::message::shown;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{lists, selector};
use super::{Api, ApiFor};
use crate::domain::{Application, FieldChange, MessageId, MessageState, MessageStatus};
use crate::proto::v1;

fn show(api: &Api, application: &Application, message: &MessageStatus) -> v1::MessageStatus {
    shown(&application.name, message, |name| api.callers.display_name(name))
}

pub(super) async fn get_message(
    api: &ApiFor<'_>,
    request: v1::GetMessageRequest,
) -> Result<v1::GetMessageResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = selector::message_name("name", &request.name)?;
    let record = api.store.message(application.id, id).await?;
    let record = record.ok_or_else(|| ApiError::NotFound(Resource::Message(id.name())))?;
    Ok(v1::GetMessageResponse { message: Some(show(api, &application, &record.status)) })
}

pub(super) async fn cancel_message(
    api: &ApiFor<'_>,
    request: v1::CancelMessageRequest,
) -> Result<v1::CancelMessageResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = selector::message_name("name", &request.name)?;
    let (own, whose) = (api.api.clone(), Arc::clone(&application));
    let cancel = async move {
        let before = own.store.message(whose.id, id).await?.map(|record| record.status.state);
        let record = own.engine.cancel(whose.id, id).await?;
        let after = record.as_ref().map(|record| record.status.state);
        let done = before.zip(after).filter(|(before, after)| before != after);
        let done = done.map(|(before, after)| {
            let change = FieldChange::new("state", state_name(before), state_name(after));
            Done::to(&whose, id.name()).changed(vec![change])
        });
        Ok((record, done))
    };
    let record = api.audited("CancelMessage", cancel).await?;
    let record = record.ok_or_else(|| ApiError::NotFound(Resource::Message(id.name())))?;
    Ok(v1::CancelMessageResponse { message: Some(show(api, &application, &record.status)) })
}

pub(super) async fn list_messages(
    api: &ApiFor<'_>,
    request: v1::ListMessagesRequest,
) -> Result<v1::ListMessagesResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (page_size, filter) = lists::messages(&request, |caller| api.callers.meant(caller))?;
    let same = v1::ListMessagesRequest {
        application: String::new(),
        page_size: 0,
        page_token: String::new(),
        ..request.clone()
    };
    let bound = same.encode_to_vec();
    let token = api.tokens.read_page(application.id, List::Messages, &bound, &request.page_token)?;
    let before = match token {
        Some(position) => Some(MessageId(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?)),
        None => None,
    };
    let listed = api.store.list_messages(application.id, &filter, before, page_size + 1).await?;
    let mut found = listed.messages;
    let more = found.len() > page_size;
    found.truncate(page_size);
    let mut messages: Vec<_> = found.iter().map(|message| show(api, &application, message)).collect();
    let fitting = lists::fitting(&messages);
    let more = more || fitting < messages.len();
    messages.truncate(fitting);
    // Of what is rare the store may have found few or none so far.
    let next = if more { found.get(fitting.saturating_sub(1)).map(|last| last.id) } else { listed.next };
    let page = |last: MessageId| api.tokens.page(application.id, List::Messages, &bound, &last.0);
    let next_page_token = next.map(page).unwrap_or_default();
    Ok(v1::ListMessagesResponse { messages, next_page_token })
}

/// A state as the contract names it, for the audit log.
fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Scheduled => "SCHEDULED",
        MessageState::Sending => "SENDING",
        MessageState::Cancelling => "CANCELLING",
        MessageState::Done => "DONE",
        MessageState::Cancelled => "CANCELLED",
    }
}
