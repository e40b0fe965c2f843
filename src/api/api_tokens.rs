//! CreateApiToken, ListApiTokens and RevokeApiToken.

use super::ApiFor;
use super::access::Scope;
use super::audit::{self, Done};
use super::callers::{self, API_TOKENS_MAX};
use super::convert::api_token::api_token;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::api_token as validate;
use super::validate::lists;
use crate::domain::{ApiToken, ApiTokenId, ApplicationId, Role};
use crate::proto::v1;

/// The list is of all applications together.
pub(super) const SERVER_WIDE: ApplicationId = ApplicationId(0);

/// Credentials of one application do not reach this.
pub(super) fn server_wide(api: &ApiFor<'_>, role: Role) -> Result<(), ApiError> {
    match api.principal.scope {
        Scope::All => Ok(()),
        Scope::Application(_) => Err(ApiError::RoleMissing { role, server_wide: true }),
    }
}

pub(super) async fn create_api_token(
    api: &ApiFor<'_>,
    request: v1::CreateApiTokenRequest,
) -> Result<v1::CreateApiTokenResponse, ApiError> {
    let now = api.clock.now();
    let (application, scope) = if request.api_token.as_ref().is_some_and(|token| token.all_applications) {
        server_wide(api, Role::Admin)?;
        (None, Scope::All)
    } else {
        let application = api.application(&request.application)?;
        (Some(application.id), Scope::Application(application.name.clone()))
    };
    let asked = validate::create(&request, now)?;
    let (id, secret_hash, text) = callers::new_api_token(now);
    let token = ApiToken {
        id,
        application,
        roles: asked.roles,
        display_name: asked.display_name,
        secret_hash,
        expires: asked.expires,
        created: now,
        last_used: None,
    };
    let shown = api_token(&token, Some(&scope));
    let callers = api.callers.clone();
    let done = Done::of(application.unwrap_or(SERVER_WIDE), shown.application.clone(), id.name());
    let done = done.changed(audit::made(audit::token_facts(&token)));
    let add = async move {
        let added = callers.add(token, scope).await?;
        Ok((added, added.then_some(done)))
    };
    let added = api.audited("CreateApiToken", add).await?;
    if !added {
        return Err(ApiError::QuotaExceeded {
            subject: "api_tokens",
            description: format!("there are {API_TOKENS_MAX} API tokens: revoke some"),
        });
    }
    Ok(v1::CreateApiTokenResponse { api_token: Some(shown), token: text.to_string() })
}

pub(super) fn list_api_tokens(
    api: &ApiFor<'_>,
    request: &v1::ListApiTokensRequest,
) -> Result<v1::ListApiTokensResponse, ApiError> {
    let page_size = lists::api_tokens(request)?;
    let (whose, scope) = if request.all_applications {
        server_wide(api, Role::Reader)?;
        (SERVER_WIDE, Scope::All)
    } else {
        let application = api.application(&request.application)?;
        (application.id, Scope::Application(application.name.clone()))
    };
    let before = match api.tokens.read_page(whose, List::ApiTokens, &[], &request.page_token)? {
        Some(position) => Some(ApiTokenId(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?)),
        None => None,
    };
    let mut listed = api.callers.list(&scope);
    listed.retain(|(token, _)| before.is_none_or(|before| token.id < before));
    let more = listed.len() > page_size;
    listed.truncate(page_size);
    let next_page_token = match listed.last() {
        Some((last, _)) if more => api.tokens.page(whose, List::ApiTokens, &[], &last.id.0),
        Some(_) | None => String::new(),
    };
    let api_tokens = listed.iter().map(|(token, scope)| api_token(token, scope.as_ref())).collect();
    Ok(v1::ListApiTokensResponse { api_tokens, next_page_token })
}

pub(super) async fn revoke_api_token(
    api: &ApiFor<'_>,
    request: v1::RevokeApiTokenRequest,
) -> Result<v1::RevokeApiTokenResponse, ApiError> {
    let id = validate::name(&request.name)?;
    let (own, scope) = (api.api.clone(), api.principal.scope.clone());
    let revoke = async move {
        let token = own.callers.token(id, &scope);
        let revoked = own.callers.revoke(id, &scope).await?;
        let done = token.filter(|_| revoked).map(|token| {
            let whose = token.application.unwrap_or(SERVER_WIDE);
            let name = own.applications.by_id(whose).map(|of| of.name.clone()).unwrap_or_default();
            Done::of(whose, name, id.name()).changed(audit::gone(audit::token_facts(&token)))
        });
        Ok((revoked, done))
    };
    let revoked = api.audited("RevokeApiToken", revoke).await?;
    if !revoked && !request.allow_missing {
        return Err(ApiError::NotFound(Resource::ApiToken(id.name())));
    }
    Ok(v1::RevokeApiTokenResponse {})
}
