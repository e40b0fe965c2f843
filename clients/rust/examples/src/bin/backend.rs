//! A web backend that stores the subscriptions of its users' browsers.

use std::env;
use std::error::Error;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use fanfare::client::{Client, Code, Options, connect};
use fanfare::proto::v1::SubscribeRequest;
use serde::Deserialize;

/// What the page posts: {"subscription": …, "replaces": "old endpoint"}.
#[derive(Deserialize)]
struct Body {
    subscription: serde_json::Value,
    #[serde(default)]
    replaces: String,
}

async fn subscribe(State(client): State<Client>, Json(body): Json<Body>) -> (StatusCode, String) {
    let with = SubscribeRequest {
        user_id: "alice".to_owned(), // Who is logged in.
        topics: vec!["news".to_owned()],
        replaces: body.replaces,
        ..SubscribeRequest::default()
    };
    match client.subscribe(body.subscription.to_string(), with).await {
        Ok(stored) => (StatusCode::CREATED, stored.subscription.unwrap_or_default().name),
        Err(refused) if refused.code() == Code::InvalidArgument => {
            let lines = refused.violations().iter();
            let lines = lines.map(|violation| format!("{}: {}\n", violation.field, violation.description));
            (StatusCode::BAD_REQUEST, lines.collect())
        }
        Err(error) => {
            eprintln!("{error}");
            (StatusCode::SERVICE_UNAVAILABLE, "try again later\n".to_owned())
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = connect(&env::var("FANFARE_SERVER")?, Options::default())?;
    let routes = Router::new()
        .route("/subscriptions", post(subscribe))
        .layer(DefaultBodyLimit::max(16 << 10))
        .with_state(client);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", env::var("PORT")?)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, routes).await?)
}
