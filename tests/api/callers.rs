//! Who may call what: every RPC with every kind of caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanfare::api::ApiSettings;
use fanfare::api::callers::new_api_token;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{ApiToken, Clock, Role, SystemClock, Timestamp};
use fanfare::proto::v1;
use fanfare::store::Store;
use fanfare::transport::scripted::ScriptedTransport;
use http_body_util::Full;
use serde_json::json;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tower::ServiceExt;
use v1::push_service_client::PushServiceClient;

use crate::harness::{POOL, Refused, Server, browser, memory};
use crate::matrix::MATRIX;

/// A token in the store: its text.
pub(crate) async fn token(
    store: &dyn Store,
    application: &str,
    roles: &[Role],
    expires: Option<Timestamp>,
) -> String {
    let (id, secret_hash, text) = new_api_token(SystemClock.now());
    let application =
        if application.is_empty() { None } else { Some(store.application(application).await.unwrap().id) };
    let token = ApiToken {
        id,
        application,
        roles: roles.iter().copied().collect(),
        display_name: String::new(),
        secret_hash,
        expires,
        created: SystemClock.now(),
        last_used: None,
    };
    store.put_api_token(token).await.unwrap();
    text.to_string()
}

/// Every RPC of the contract: service and name, and whether its request names an application first.
fn rpcs() -> Vec<(String, String, bool)> {
    let services = POOL.services().filter(|service| service.package_name() == "fanfare.v1");
    let of = |service: prost_reflect::ServiceDescriptor| {
        let methods = service.methods().map(move |method| {
            let names = method.input().get_field(1).is_some_and(|field| {
                field.name() == "application" && matches!(field.kind(), prost_reflect::Kind::String)
            });
            (method.parent_service().full_name().to_owned(), method.name().to_owned(), names)
        });
        methods.collect::<Vec<_>>()
    };
    services.flat_map(of).collect()
}

/// Calls an RPC with the octets of a request: what it is refused with, or nothing if it begins to answer.
pub(crate) async fn raw(
    channel: &Channel,
    path: &str,
    authorization: &[String],
    request: &[u8],
) -> Result<(), Status> {
    let length = u32::try_from(request.len()).unwrap().to_be_bytes();
    let body = [&[0], &length[..], request].concat();
    let mut call = http::Request::post(format!("http://server{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for value in authorization {
        call = call.header("authorization", value);
    }
    let call = call.body(Body::new(Full::new(Bytes::from(body)))).unwrap();
    let answer = channel.clone().oneshot(call).await.map_err(|error| Status::from_error(Box::new(error)))?;
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.code() != Code::Ok => Err(status),
        Some(_) | None => Ok(()),
    }
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("Bearer {token}")]
}

/// Whether the caller got past the gate: what a handler says of an empty request is not the gate's.
fn let_in(answer: &Result<(), Status>) -> bool {
    !matches!(answer, Err(status) if [Code::Unauthenticated, Code::PermissionDenied].contains(&status.code()))
}

fn reason(answer: Result<(), Status>) -> (Code, String) {
    let refused = Refused::of(&answer.unwrap_err());
    (refused.code, refused.reason)
}

#[tokio::test]
async fn every_rpc_lets_in_whom_it_is_for_and_nobody_else() {
    let store = memory();
    let mut callers = BTreeMap::new();
    for (name, role) in [
        ("admin", Role::Admin),
        ("publisher", Role::Publisher),
        ("subscriber", Role::Subscriber),
        ("reader", Role::Reader),
    ] {
        callers.insert(name, token(&*store, "default", &[role], None).await);
    }
    let everything = token(&*store, "", &[Role::Admin], None).await;
    let reads_everything = token(&*store, "", &[Role::Reader], None).await;
    let now = SystemClock.now();
    let expired = token(&*store, "default", &[Role::Admin], Some(now)).await;
    let ended =
        token(&*store, "default", &[Role::Admin], Some(now.minus(Duration::from_secs(31 * 86_400)))).await;
    let server = start(&store).await;
    let granted = server
        .call_as(
            &callers["subscriber"],
            "CreateSubscriberToken",
            json!({"userId": "anna", "topics": ["news"]}),
        )
        .await
        .unwrap();
    callers.insert("page", granted[0]["token"].as_str().unwrap().to_owned());
    let short = json!({"userId": "anna", "ttl": "0.000000001s"});
    let short = server.call_as(&everything, "CreateSubscriberToken", short).await.unwrap();
    let page_expired = short[0]["token"].as_str().unwrap().to_owned();

    let rpcs = rpcs();
    let names: Vec<_> = rpcs.iter().map(|(_, name, _)| name.as_str()).collect();
    let table: Vec<_> = MATRIX.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        {
            let mut all = names.clone();
            all.sort_unstable();
            all
        },
        {
            let mut all = table.clone();
            all.sort_unstable();
            all
        }
    );
    let mut forged = everything.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");
    for (service, name, names_application) in &rpcs {
        let path = format!("/{service}/{name}");
        let call = async |authorization: &[String]| raw(&server.channel, &path, authorization, &[]).await;
        let allowed = MATRIX.iter().find(|(of, _)| of == name).unwrap().1;
        for (caller, token) in &callers {
            let answer = call(&bearer(token)).await;
            let expected = allowed.split(' ').any(|allowed| allowed == *caller);
            assert_eq!(let_in(&answer), expected, "{caller} calls {name}: {answer:?}");
            if !expected {
                assert_eq!(reason(answer), (Code::PermissionDenied, "ROLE_MISSING".to_owned()), "{name}");
            }
        }
        assert!(let_in(&call(&bearer(&everything)).await), "{name}");
        let read = name.starts_with("Get") || name.starts_with("List") || name.starts_with("Watch");
        // What administrators did is for administrators.
        let read = read && name != "ListAuditEntries";
        assert_eq!(let_in(&call(&bearer(&reads_everything)).await), read, "a reader of all calls {name}");

        let invalid = (Code::Unauthenticated, "CREDENTIALS_INVALID".to_owned());
        let nonsense = [
            vec![],
            bearer(""),
            bearer("nonsense"),
            bearer("fft_AAAA"),
            bearer("ffs_AAAA"),
            bearer(&forged),
            bearer(&ended),
            bearer(&"A".repeat(9_000)),
            vec![format!("Basic {everything}")],
            vec![everything.clone()],
            [bearer(&everything), bearer(&everything)].concat(),
        ];
        for authorization in &nonsense {
            assert_eq!(reason(call(authorization).await), invalid, "{name} {authorization:?}");
        }
        for expired in [&expired, &page_expired] {
            let refused = reason(call(&bearer(expired)).await);
            assert_eq!(refused, (Code::Unauthenticated, "CREDENTIALS_EXPIRED".to_owned()), "{name}");
        }

        // Another application is as unknown as one that does not exist.
        if *names_application {
            let of = async |application: &str, token: &str| {
                let request =
                    [&[10, u8::try_from(application.len()).unwrap()], application.as_bytes()].concat();
                raw(&server.channel, &path, &bearer(token), &request).await
            };
            for (caller, token) in &callers {
                if !allowed.split(' ').any(|allowed| allowed == *caller) {
                    continue;
                }
                let other = Refused::of(&of("shop", token).await.unwrap_err());
                let none = Refused::of(&of("nope", token).await.unwrap_err());
                assert_eq!(
                    (other.code, other.reason.as_str()),
                    (Code::NotFound, "APPLICATION_NOT_FOUND"),
                    "{name}"
                );
                assert_eq!(
                    (other.message, other.metadata),
                    (none.message, none.metadata),
                    "{caller} calls {name}"
                );
            }
        }
    }
    // Health needs nothing, reflection does unless it is public, and nobody learns what else there is.
    let health = "/grpc.health.v1.Health/Check";
    assert!(raw(&server.channel, health, &[], &[]).await.is_ok());
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    for path in [reflection, "/fanfare.v1.PushService/None", "/none"] {
        assert_eq!(raw(&server.channel, path, &[], &[]).await.unwrap_err().code(), Code::Unauthenticated);
    }
    server.stop().await;
    let public = ServerSettings { public_reflection: true, ..ServerSettings::default() };
    let settings = ApiSettings { credentials_required: true, ..ApiSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), settings, public).await;
    assert!(raw(&server.channel, reflection, &[], &[]).await.is_ok());
    assert!(!let_in(&raw(&server.channel, "/fanfare.v1.PushService/Send", &[], &[]).await));
    server.stop().await;
}

pub(crate) async fn start(store: &Arc<dyn Store>) -> Server {
    let (settings, server) = (ApiSettings::default(), ServerSettings::default());
    Server::start_over(Arc::clone(store), ScriptedTransport::always(201), settings, server).await
}

#[tokio::test]
async fn a_token_is_shown_once_and_ends_with_its_streams() {
    let server = Server::start().await;
    let all = json!({"apiToken": {"roles": ["ROLE_ADMIN"], "allApplications": true, "displayName": "ops"}});
    let created = server.one("CreateApiToken", all).await;
    let admin = created["token"].as_str().unwrap();
    // From the first one on, nobody is let in unasked.
    assert_eq!(server.refused("ListApiTokens", json!({})).await.reason, "CREDENTIALS_INVALID");
    let create = json!({"application": "shop", "apiToken": {"roles": ["ROLE_READER"]}});
    let created = server.call_as(admin, "CreateApiToken", create.clone()).await.unwrap().remove(0);
    let (shop, name) = (created["token"].as_str().unwrap(), created["apiToken"]["name"].as_str().unwrap());
    let refused = server.call_as(shop, "CreateApiToken", create).await.unwrap_err();
    assert_eq!(Refused::of(&refused).reason, "ROLE_MISSING");

    let watch = Request::new(v1::WatchSubscriptionsRequest::default());
    let authorization = format!("Bearer {shop}").parse().unwrap();
    let mut reader =
        PushServiceClient::with_interceptor(server.channel.clone(), move |mut request: Request<()>| {
            request.metadata_mut().insert("authorization", Clone::clone(&authorization));
            Ok(request)
        });
    let mut changes = reader.watch_subscriptions(watch).await.unwrap().into_inner();
    assert!(changes.message().await.unwrap().is_some());

    // Each sees what it may: no secret, and nothing of others.
    let listed = server.call_as(admin, "ListApiTokens", json!({"allApplications": true})).await.unwrap();
    let listed = listed[0]["apiTokens"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (listed[0]["application"].as_str(), listed[1]["displayName"].as_str()),
        (Some("shop"), Some("ops"))
    );
    assert!(shop.starts_with(listed[0]["hint"].as_str().unwrap()));
    assert!(listed[0]["lastUsedTime"].is_string() && !format!("{listed:?}").contains(&shop[20..]));
    let own = server.call_as(shop, "ListApiTokens", json!({})).await.unwrap();
    assert_eq!(own[0]["apiTokens"].as_array().unwrap().len(), 1);
    let refused = server.call_as(shop, "ListApiTokens", json!({"allApplications": true})).await.unwrap_err();
    assert_eq!(Refused::of(&refused).metadata["scope"], "all_applications");
    let first = server
        .call_as(admin, "ListApiTokens", json!({"allApplications": true, "pageSize": 1}))
        .await
        .unwrap();
    let next = json!({"allApplications": true, "pageSize": 1, "pageToken": first[0]["nextPageToken"]});
    let second = server.call_as(admin, "ListApiTokens", next).await.unwrap();
    assert_eq!((&first[0]["apiTokens"][0], &second[0]["apiTokens"][0]), (&listed[0], &listed[1]));
    assert_eq!(second[0].get("nextPageToken"), None);

    // An admin of another application does not even learn that it exists.
    let other = json!({"apiToken": {"roles": ["ROLE_ADMIN"]}});
    let other = server.call_as(admin, "CreateApiToken", other).await.unwrap().remove(0);
    let other = other["token"].as_str().unwrap();
    let revoke = json!({"name": name});
    let refused = server.call_as(other, "RevokeApiToken", revoke.clone()).await.unwrap_err();
    assert_eq!(Refused::of(&refused).reason, "API_TOKEN_NOT_FOUND");
    let wider = json!({"apiToken": {"roles": ["ROLE_READER"], "allApplications": true}});
    let refused = server.call_as(other, "CreateApiToken", wider).await.unwrap_err();
    assert_eq!(Refused::of(&refused).reason, "ROLE_MISSING");

    server.call_as(admin, "RevokeApiToken", revoke.clone()).await.unwrap();
    let ended = loop {
        if let Err(status) = changes.message().await {
            break status;
        }
    };
    assert_eq!(Refused::of(&ended).reason, "CREDENTIALS_INVALID");
    assert_eq!(
        server.call_as(shop, "GetVapidPublicKey", json!({})).await.unwrap_err().code(),
        Code::Unauthenticated
    );
    let again = server.call_as(admin, "RevokeApiToken", revoke).await.unwrap_err();
    assert_eq!(Refused::of(&again).reason, "API_TOKEN_NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn a_page_touches_nothing_but_what_is_its_users() {
    let server = Server::start().await;
    let bobs = server.subscribe("bob", "bob", &["news"]).await;
    let grant = json!({"userId": "anna", "topics": ["news"]});
    let granted = server.one("CreateSubscriberToken", grant).await;
    assert!(granted["expireTime"].is_string());
    let page = granted["token"].as_str().unwrap();
    let subscribe = |more: serde_json::Value| {
        let mut request = json!({"pushSubscription": browser("anna"), "topics": ["news"]});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let wrong = subscribe(json!({"userId": "bob", "topics": ["news", "staff"], "labels": {"a": "b"}}));
    let refused = Refused::of(&server.call_as(page, "Subscribe", wrong).await.unwrap_err());
    assert_eq!(refused.paths(), ["labels", "topics[1]", "user_id"]);
    // What it replaces is its own or is passed over.
    let subscribed = subscribe(json!({"replaces": bobs}));
    let subscribed = server.call_as(page, "Subscribe", subscribed).await.unwrap().remove(0);
    let annas = &subscribed["subscription"];
    assert_eq!(annas["userId"], "anna");
    assert_ne!(annas["name"], json!(bobs));
    let again = subscribe(json!({"replaces": annas["name"]}));
    let again = server.call_as(page, "Subscribe", again).await.unwrap().remove(0);
    assert_eq!(again["subscription"]["name"], annas["name"]);

    for foreign in [
        json!({"name": bobs}),
        json!({"userId": "bob"}),
        json!({"endpoint": "https://push.example.net/bob"}),
        json!({"application": "shop", "userId": "anna"}),
    ] {
        let refused = server.call_as(page, "Unsubscribe", foreign.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{foreign}");
    }
    let missing = json!({"name": bobs, "allowMissing": true});
    assert_eq!(server.call_as(page, "Unsubscribe", missing).await.unwrap(), [json!({})]);
    assert_eq!(server.one("GetSubscription", json!({"name": bobs})).await["subscription"]["userId"], "bob");
    let own = server.call_as(page, "Unsubscribe", json!({"name": annas["name"]})).await.unwrap();
    assert_eq!(own[0]["removedCount"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_page_takes_over_a_subscription_only_with_its_keys() {
    let server = Server::start().await;
    let granted = server.one("CreateSubscriberToken", json!({"userId": "mallory"})).await;
    let mallory = granted["token"].as_str().unwrap();
    let alices = browser("alice");
    let request = json!({
        "pushSubscription": alices, "userId": "alice", "topics": ["news"], "labels": {"plan": "pro"}
    });
    let stored = server.one("Subscribe", request).await["subscription"].clone();
    let other_keys = browser("alice");
    for validate_only in [true, false] {
        let request = json!({"pushSubscription": other_keys, "validateOnly": validate_only});
        let refused = server.call_as(mallory, "Subscribe", request).await.unwrap_err();
        let refused = Refused::of(&refused);
        assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "SUBSCRIPTION_NOT_OWN"));
        assert!(refused.metadata.is_empty() && refused.resource.is_none(), "{refused:?}");
        let name = stored["name"].as_str().unwrap();
        assert!(!refused.message.contains("alice") && !refused.message.contains(name), "{refused:?}");
    }
    let name = json!({"name": stored["name"]});
    assert_eq!(server.one("GetSubscription", name.clone()).await["subscription"], stored);
    // A dry run of what replaces hers shows nothing of it either.
    let request = json!({
        "pushSubscription": browser("mallory"), "replaces": stored["name"], "validateOnly": true
    });
    let shown = server.call_as(mallory, "Subscribe", request).await.unwrap().remove(0);
    assert_eq!(shown["created"], true);
    for hers in ["name", "topics", "labels", "createTime"] {
        assert_eq!(shown["subscription"].get(hers), None, "{hers}");
    }
    // Back ends decide as before, and a browser that really changed hands has the keys.
    let request = json!({"pushSubscription": other_keys, "userId": "alice"});
    assert_eq!(server.one("Subscribe", request).await["subscription"]["name"], stored["name"]);
    let request = json!({"pushSubscription": other_keys});
    let handed = server.call_as(mallory, "Subscribe", request).await.unwrap().remove(0);
    assert_eq!(handed["subscription"]["userId"], "mallory");
    assert_eq!(handed["subscription"]["name"], stored["name"]);
    for hers in ["topics", "labels"] {
        assert_eq!(handed["subscription"].get(hers), None, "{hers}");
    }
    server.stop().await;
}
