//! GetMessage, ListMessages and CancelMessage.

use super::ApiFor;
use super::convert::message::status;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{lists, selector};
use crate::domain::MessageId;
use crate::proto::v1;

pub(super) async fn get_message(
    api: &ApiFor<'_>,
    request: v1::GetMessageRequest,
) -> Result<v1::GetMessageResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = selector::message_name("name", &request.name)?;
    let record = api.store.message(application.id, id).await?;
    let record = record.ok_or_else(|| ApiError::NotFound(Resource::Message(id.name())))?;
    Ok(v1::GetMessageResponse { message: Some(status(&application.name, &record.status)) })
}

pub(super) async fn cancel_message(
    api: &ApiFor<'_>,
    request: v1::CancelMessageRequest,
) -> Result<v1::CancelMessageResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = selector::message_name("name", &request.name)?;
    let (engine, whose) = (api.engine.clone(), application.id);
    let record = api.finish(async move { Ok(engine.cancel(whose, id).await?) }).await?;
    let record = record.ok_or_else(|| ApiError::NotFound(Resource::Message(id.name())))?;
    Ok(v1::CancelMessageResponse { message: Some(status(&application.name, &record.status)) })
}

pub(super) async fn list_messages(
    api: &ApiFor<'_>,
    request: v1::ListMessagesRequest,
) -> Result<v1::ListMessagesResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (page_size, states) = lists::messages(&request)?;
    let bound: Vec<u8> = states.iter().map(|state| *state as u8).collect();
    let token = api.tokens.read_page(application.id, List::Messages, &bound, &request.page_token)?;
    let before = match token {
        Some(position) => Some(MessageId(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?)),
        None => None,
    };
    let listed = api.store.list_messages(application.id, &states, before, page_size + 1).await?;
    let mut found = listed.messages;
    let more = found.len() > page_size;
    found.truncate(page_size);
    let mut messages: Vec<_> = found.iter().map(|message| status(&application.name, message)).collect();
    let fitting = lists::fitting(&messages);
    let more = more || fitting < messages.len();
    messages.truncate(fitting);
    // Of a rare state the store may have found few or none so far.
    let next = if more { found.get(fitting.saturating_sub(1)).map(|last| last.id) } else { listed.next };
    let page = |last: MessageId| api.tokens.page(application.id, List::Messages, &bound, &last.0);
    let next_page_token = next.map(page).unwrap_or_default();
    Ok(v1::ListMessagesResponse { messages, next_page_token })
}
