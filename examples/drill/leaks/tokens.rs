//! Tokens of callers and of pages: made, used rightly and wrongly, revoked.

use fanfare::proto::v1;
use fanfare::proto::v1::admin_service_client::AdminServiceClient;
use fanfare::proto::v1::{ApiToken, CreateApiTokenRequest, Role, SubscribeRequest};
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::needles::{Kind, Needles};
use super::{Captured, Figures, Group};
use crate::stage::{Server, push_subscription};

/// What is no token of this server.
const UNKNOWN: &str = "a-callers-bearer-token-0123456789abcdef";

/// Notes what became of a call.
struct Notes<'a> {
    captured: &'a mut Captured,
    figures: &'a mut Figures,
}

impl Notes<'_> {
    fn note<T: std::fmt::Debug>(&mut self, answer: Result<T, Status>) -> Option<T> {
        let code = answer.as_ref().err().map_or(tonic::Code::Ok, Status::code);
        *self.figures.statuses.entry(format!("{code:?}")).or_default() += 1;
        match answer {
            Ok(answer) => {
                self.captured.add("answers", format!("{answer:?}"));
                Some(answer)
            }
            Err(status) => {
                self.captured.add("errors", format!("{status} {status:?} {:?}", status.metadata()));
                self.captured.add("errors", status.details());
                None
            }
        }
    }
}

fn authorized<T>(authorization: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.parse()?);
    Ok(request)
}

/// The server asks for credentials from here on.
pub(super) async fn play(
    server: &Server,
    group: &Group,
    needles: &mut Needles,
    captured: &mut Captured,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut notes = Notes { captured, figures };
    let channel = Endpoint::from_shared(format!("http://{}", server.address()))?.connect().await?;
    let (mut admin, mut client) = (AdminServiceClient::new(channel), server.client.clone());
    needles.add_text(Kind::Token, UNKNOWN);
    let mut tokens = Vec::<String>::new();
    for role in [Role::Admin, Role::Subscriber] {
        let api_token = ApiToken {
            all_applications: role == Role::Admin,
            roles: vec![role.into()],
            ..ApiToken::default()
        };
        let request = CreateApiTokenRequest { application: String::new(), api_token: Some(api_token) };
        // Nobody is asked before there is a token.
        let request = match tokens.first() {
            Some(token) => authorized(&format!("Bearer {token}"), request)?,
            None => Request::new(request),
        };
        let made = admin.create_api_token(request).await;
        let made = notes.note(made).map(tonic::Response::into_inner).unwrap_or_default();
        // Its begin is shown as a hint.
        needles.add_text(Kind::Token, made.token.get(12..).unwrap_or_default());
        tokens.push(made.token);
    }
    let (all, subscriber) = (format!("Bearer {}", tokens[0]), format!("Bearer {}", tokens[1]));
    let grant = v1::CreateSubscriberTokenRequest {
        user_id: "leaks".to_owned(),
        topics: vec!["leaks".to_owned()],
        ..v1::CreateSubscriberTokenRequest::default()
    };
    let granted = client.create_subscriber_token(authorized(&subscriber, grant)?).await;
    let page = notes.note(granted).map(|granted| granted.into_inner().token).unwrap_or_default();
    needles.add_text(Kind::Token, page.get(12..).unwrap_or_default());
    let page = format!("Bearer {page}");

    let browser = push_subscription(&group.browsers[0].to_string())?;
    let cut = |text: &str| text[..text.len() - 3].to_owned();
    let (basic, unknown) = (format!("Basic {}", &all[7..]), format!("Bearer {UNKNOWN}"));
    let bare = all[7..].to_owned();
    for authorization in [&all, &subscriber, &page, &cut(&all), &cut(&page), &basic, &bare, &unknown] {
        let request =
            SubscribeRequest { push_subscription: Some(browser.clone()), ..SubscribeRequest::default() };
        let answer = client.subscribe(authorized(authorization, request)?).await;
        notes.note(answer);
        let answer =
            admin.list_api_tokens(authorized(authorization, v1::ListApiTokensRequest::default())?).await;
        notes.note(answer);
        // Where they do not belong.
        for secret in [&all, &page] {
            let list = v1::ListMessagesRequest {
                application: secret.clone(),
                page_token: secret.clone(),
                ..v1::ListMessagesRequest::default()
            };
            let answer = client.list_messages(authorized(authorization, list)?).await;
            notes.note(answer);
            let revoke =
                v1::RevokeApiTokenRequest { name: format!("apiTokens/{secret}"), allow_missing: false };
            let answer = admin.revoke_api_token(authorized(authorization, revoke)?).await;
            notes.note(answer);
        }
    }
    let answer = admin
        .list_api_tokens(authorized(
            &all,
            v1::ListApiTokensRequest { all_applications: true, ..v1::ListApiTokensRequest::default() },
        )?)
        .await;
    let listed = notes.note(answer).map(|listed| listed.into_inner().api_tokens).unwrap_or_default();
    // The one that is used goes last.
    let mut names: Vec<_> = listed.into_iter().map(|token| (token.all_applications, token.name)).collect();
    names.sort();
    for (_, name) in names {
        let answer = admin
            .revoke_api_token(authorized(&all, v1::RevokeApiTokenRequest { name, allow_missing: false })?)
            .await;
        notes.note(answer);
    }
    let answer = admin.list_api_tokens(authorized(&all, v1::ListApiTokensRequest::default())?).await;
    notes.note(answer);
    Ok(())
}
