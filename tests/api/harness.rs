//! A server for one test, and requests written as JSON, as a caller with grpcurl writes them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use fanfare::api::layers::CallObserver;
use fanfare::api::server::{Health, ServeError, ServerSettings, serve};
use fanfare::api::tls::TlsChanges;
use fanfare::api::{Api, ApiParts, ApiSettings};
use fanfare::domain::{
    Application, Clock, Endpoint, EndpointPolicy, ExceptionId, HostChoice, MessageDefaults, Origin, Padding,
    PassedBy, Refusal, SystemClock, Urgency, Violations,
};
use fanfare::engine::applications::{Base, Bases};
use fanfare::engine::{
    AttemptSettings, Engine, EngineParts, EngineSettings, ReceiptSettings, RetentionSettings,
};
use fanfare::proto::{REFLECTION_DESCRIPTOR_SET, v1};
use fanfare::store::{Retention, Store, kv};
use fanfare::transport::scripted::ScriptedTransport;
use fanfare::webpush::keys::{VapidKeyPair, encode_base64url};
use futures_util::StreamExt;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use v1::admin_service_client::AdminServiceClient;
use v1::push_service_client::PushServiceClient;

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(REFLECTION_DESCRIPTOR_SET).expect("the descriptor reads"));

/// The calls that have ended, in order.
#[derive(Debug, Default)]
pub(crate) struct Calls(watch::Sender<Vec<(&'static str, Code)>>);

impl CallObserver for Calls {
    fn started(&self, _: &'static str) {}

    fn finished(&self, method: &'static str, code: Code, _: Duration) {
        self.0.send_modify(|calls| calls.push((method, code)));
    }
}

impl Calls {
    /// Waits until a call has ended so.
    pub(crate) async fn wait_for(&self, method: &'static str, code: Code) {
        let mut calls = self.0.subscribe();
        let ended = calls.wait_for(|calls| calls.contains(&(method, code)));
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok_and(|ended| ended.is_ok()), "{method} {code:?}: {:?}", self.0.borrow());
    }
}

/// Allows one host by https, those that an application has chosen, and http on loopback.
#[derive(Debug, Default)]
struct OneHost {
    chosen: Vec<String>,
}

impl EndpointPolicy for OneHost {
    fn allows_http(&self, host: &str, _: u16) -> bool {
        host == "127.0.0.1"
    }

    fn check(&self, endpoint: &Endpoint) -> Result<PassedBy, Refusal> {
        match endpoint.origin().host() {
            "push.example.net" | "127.0.0.1" => Ok(PassedBy::Hosts),
            other if self.chosen.iter().any(|host| host == other) => Ok(PassedBy::Hosts),
            _ => Err(Refusal::HostNotAllowed),
        }
    }

    fn exception(&self, _: &Origin) -> Option<ExceptionId> {
        None
    }

    fn chosen(&self, choice: &HostChoice) -> Result<Arc<dyn EndpointPolicy>, Violations> {
        let mut violations = Violations::new();
        if !choice.exceptions.is_empty() {
            violations.add("exceptions[0]", "is no exception of the server's configuration");
        }
        violations.or(Some(Arc::new(Self { chosen: choice.extra_hosts.clone() })))
    }
}

pub(crate) struct Server {
    pub(crate) client: PushServiceClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) address: SocketAddr,
    pub(crate) transport: ScriptedTransport,
    pub(crate) health: Health,
    pub(crate) calls: Arc<Calls>,
    /// Of the application `default`.
    pub(crate) vapid_key: String,
    store: Arc<dyn Store>,
    engine: Engine,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
}

/// An empty store.
pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(kv::memory(Arc::new(SystemClock)).unwrap())
}

async fn application(store: &dyn Store, clock: &dyn Clock, name: &str) -> Arc<Application> {
    let record = store.application(name).await.unwrap();
    let key = VapidKeyPair::generate().unwrap().into_vapid_key(fanfare::domain::VapidKeyId(1), clock.now());
    let key = store.add_vapid_key(record.id, key, true).await.unwrap();
    Arc::new(Application {
        id: record.id,
        name: name.to_owned(),
        contact: "mailto:ops@example.com".to_owned(),
        weight: 1,
        defaults: MessageDefaults {
            ttl: Duration::from_secs(3_600),
            urgency: Urgency::Normal,
            padding: Padding::None,
        },
        current_vapid_key: key.id,
        vapid_keys: vec![key],
        created: record.created,
        updated: record.updated,
        revision: record.revision,
        ..Application::default()
    })
}

/// As if these were configured.
fn bases(applications: &[Arc<Application>]) -> Bases {
    let base =
        |of: &Application| Base { contact: of.contact.clone(), weight: of.weight, defaults: of.defaults };
    Bases {
        named: applications.iter().map(|of| (of.name.clone(), base(of))).collect(),
        others: base(&applications[0]),
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(ScriptedTransport::always(201), ApiSettings::default(), ServerSettings::default())
            .await
    }

    pub(crate) async fn start_with(
        transport: ScriptedTransport,
        settings: ApiSettings,
        server_settings: ServerSettings,
    ) -> Self {
        Self::start_over(memory(), transport, settings, server_settings).await
    }

    /// Over a store that may have something in it.
    pub(crate) async fn start_over(
        store: Arc<dyn Store>,
        transport: ScriptedTransport,
        settings: ApiSettings,
        server_settings: ServerSettings,
    ) -> Self {
        Self::start_waiting(store, transport, settings, server_settings, Duration::ZERO).await
    }

    /// Where removals wait so long.
    pub(crate) async fn start_waiting(
        store: Arc<dyn Store>,
        transport: ScriptedTransport,
        settings: ApiSettings,
        server_settings: ServerSettings,
        removal_window: Duration,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let tls = server_settings.tls.certificate.is_some();
        let default = application(&*store, &*clock, "default").await;
        let other = application(&*store, &*clock, "shop").await;
        let vapid_key = encode_base64url(&default.current_key().unwrap().public);
        let applications = vec![default, other];
        let engine = Engine::start(EngineParts {
            store: Arc::clone(&store),
            transport: Arc::new(transport.clone()),
            clock: Arc::clone(&clock),
            applications: applications.iter().cloned().collect(),
            deleted: Vec::new(),
            settings: EngineSettings {
                retry_base: Duration::from_millis(5),
                retry_max: Duration::from_millis(20),
                removal_window,
                ..EngineSettings::default()
            },
            retention: RetentionSettings::default(),
            receipts: ReceiptSettings::default(),
            attempts: AttemptSettings::default(),
            seed: 1,
            metrics: Arc::new(fanfare::observe::Metrics::new()),
        })
        .await
        .unwrap();
        let api = Api::new(ApiParts {
            engine: engine.clone(),
            store: Arc::clone(&store),
            bases: bases(&applications),
            policy: Arc::new(OneHost::default()),
            clock,
            settings,
            limits: Arc::new(()),
        })
        .await
        .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, health) = (CancellationToken::new(), Health::new().await);
        let calls = Arc::new(Calls::default());
        let serving = tokio::spawn({
            let (health, stop, calls) =
                (health.clone(), stop.clone(), Arc::clone(&calls) as Arc<dyn CallObserver>);
            async move {
                Box::pin(serve(listener, api, &health, server_settings, TlsChanges::none(), calls, stop))
                    .await
            }
        });
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        // With TLS the test connects by itself.
        let channel = if tls { endpoint.connect_lazy() } else { endpoint.connect().await.unwrap() };
        let client = PushServiceClient::new(channel.clone());
        Self { client, channel, address, transport, health, calls, vapid_key, store, engine, stop, serving }
    }

    /// Stops as the program does; fails when anything hangs.
    pub(crate) async fn stop(self) {
        let Self { store, engine, stop, serving, .. } = self;
        stop.cancel();
        engine.shutdown().await;
        let served = tokio::time::timeout(Duration::from_secs(10), serving).await;
        served.expect("the server stops").unwrap().unwrap();
        store.close().await;
    }

    /// Trims all events and changes that may go; messages stay, with their counts. Nothing in the log may be evidence
    /// against a subscription: it is passed as if it had been acted on, which the reaper does in its own time.
    pub(crate) async fn trim(&self) {
        for application in self.store.applications().await.unwrap() {
            let seen = *self.store.synced(application.id).borrow();
            self.store.reap(application.id, Vec::new(), seen).await.unwrap();
        }
        let (now, long) = (Duration::ZERO, Duration::from_secs(3_600));
        let retention = Retention { events: now, messages: long, changes: now, removed: long };
        while self.store.trim(retention).await.unwrap().more {}
    }

    /// The engine, for what else serves browsers.
    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Begins to stop, as on SIGTERM.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Ends status streams.
    pub(crate) async fn shut_engine_down(&self) {
        self.engine.shutdown().await;
    }

    /// Calls an RPC with a request in JSON: its answers in JSON.
    pub(crate) async fn call(&self, method: &str, request: Value) -> Result<Vec<Value>, Status> {
        self.call_as("", method, request).await
    }

    /// As [`Self::call`], with a token.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        method: &str,
        request: Value,
    ) -> Result<Vec<Value>, Status> {
        let bearer = (!token.is_empty()).then(|| format!("Bearer {token}").parse().unwrap());
        let bearer = move |mut request: Request<()>| {
            if let Some(bearer) = &bearer {
                request.metadata_mut().insert("authorization", Clone::clone(bearer));
            }
            Ok(request)
        };
        let mut client = PushServiceClient::with_interceptor(self.channel.clone(), bearer.clone());
        macro_rules! unary {
            ($rpc:ident) => {
                client
                    .$rpc(read(method, request))
                    .await
                    .map(|answer| vec![show(&answer.into_inner(), method)])
            };
        }
        macro_rules! stream {
            ($rpc:ident, $request:expr) => {{
                let mut answers = client.$rpc($request).await?.into_inner();
                let mut shown = Vec::new();
                while let Some(answer) = answers.next().await {
                    shown.push(show(&answer?, method));
                }
                Ok(shown)
            }};
        }
        macro_rules! admin {
            ($rpc:ident) => {
                AdminServiceClient::with_interceptor(self.channel.clone(), bearer)
                    .$rpc(read(method, request))
                    .await
                    .map(|answer| vec![show(&answer.into_inner(), method)])
            };
        }
        match method {
            "Subscribe" => unary!(subscribe),
            "Unsubscribe" => unary!(unsubscribe),
            "GetSubscription" => unary!(get_subscription),
            "UpdateSubscription" => unary!(update_subscription),
            "ListSubscriptions" => unary!(list_subscriptions),
            "WatchSubscriptions" => {
                stream!(watch_subscriptions, read::<v1::WatchSubscriptionsRequest>(method, request))
            }
            "ImportSubscriptions" => stream!(import_subscriptions, once(read(method, request).into_inner())),
            "Send" => stream!(send, read::<v1::SendRequest>(method, request)),
            "Broadcast" => stream!(broadcast, read::<v1::BroadcastRequest>(method, request)),
            "SendStream" => stream!(send_stream, once(read(method, request).into_inner())),
            "WatchDeliveries" => {
                stream!(watch_deliveries, read::<v1::WatchDeliveriesRequest>(method, request))
            }
            "GetMessage" => unary!(get_message),
            "ListMessages" => unary!(list_messages),
            "ListDeliveries" => unary!(list_deliveries),
            "CancelMessage" => unary!(cancel_message),
            "GetVapidPublicKey" => unary!(get_vapid_public_key),
            "CreateSubscriberToken" => unary!(create_subscriber_token),
            "CreateApplication" => admin!(create_application),
            "GetApplication" => admin!(get_application),
            "ListApplications" => admin!(list_applications),
            "UpdateApplication" => admin!(update_application),
            "DeleteApplication" => admin!(delete_application),
            "CreateVapidKey" => admin!(create_vapid_key),
            "ListVapidKeys" => admin!(list_vapid_keys),
            "SetCurrentVapidKey" => admin!(set_current_vapid_key),
            "RetireVapidKey" => admin!(retire_vapid_key),
            "CreateApiToken" => admin!(create_api_token),
            "ListApiTokens" => admin!(list_api_tokens),
            "RevokeApiToken" => admin!(revoke_api_token),
            "ListOrigins" => admin!(list_origins),
            "ResumeOrigin" => admin!(resume_origin),
            "ReleaseHeldSubscriptions" => admin!(release_held_subscriptions),
            "DiscardHeldSubscriptions" => admin!(discard_held_subscriptions),
            "RestoreSubscriptions" => admin!(restore_subscriptions),
            "EnableSubscriptions" => admin!(enable_subscriptions),
            "ListAuditEntries" => admin!(list_audit_entries),
            "Backup" => {
                let mut client = AdminServiceClient::with_interceptor(self.channel.clone(), bearer);
                let mut answers = client.backup(v1::BackupRequest {}).await?.into_inner();
                let mut shown = Vec::new();
                while let Some(answer) = answers.next().await {
                    shown.push(show(&answer?, method));
                }
                Ok(shown)
            }
            other => panic!("there is no {other}"),
        }
    }

    /// As [`Self::call`], where exactly one answer is expected.
    pub(crate) async fn one(&self, method: &str, request: Value) -> Value {
        let mut answers = self.call(method, request).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    /// As [`Self::call`], where a refusal is expected.
    pub(crate) async fn refused(&self, method: &str, request: Value) -> Refused {
        let shown = format!("{method} {request:.400}");
        match self.call(method, request).await {
            Ok(answers) => panic!("{shown} must be refused, not answered by {answers:?}"),
            Err(status) => Refused::of(&status),
        }
    }

    /// Subscribes a new browser of a user: the subscription's name.
    pub(crate) async fn subscribe(&self, path: &str, user: &str, topics: &[&str]) -> String {
        let request = json!({"pushSubscription": browser(path), "userId": user, "topics": topics});
        let answer = self.one("Subscribe", request).await;
        answer["subscription"]["name"].as_str().expect("a name").to_owned()
    }
}

/// A message as frames tell it: without where it comes from, which it must have here.
pub(crate) fn as_in_frames(message: &Value) -> Value {
    let mut message = message.clone();
    for origin in ["kind", "recipients", "caller"] {
        assert!(message.as_object_mut().unwrap().remove(origin).is_some(), "{origin}");
    }
    message
}

fn once<T: Send + 'static>(item: T) -> impl futures_util::Stream<Item = T> + Send + 'static {
    futures_util::stream::once(async move { item })
}

/// What a browser's `JSON.stringify(subscription)` gives, with keys of its own.
pub(crate) fn browser(path: &str) -> Value {
    let point = VapidKeyPair::generate().unwrap();
    json!({
        "endpoint": format!("https://push.example.net/{path}"),
        "expirationTime": null,
        "keys": {"p256dh": point.public_base64url(), "auth": encode_base64url(&[7; 16])}
    })
}

/// The request to an RPC that a JSON text says, by the contract's own JSON mapping.
pub(crate) fn read<T: Message + Default>(method: &str, request: Value) -> Request<T> {
    let descriptor =
        POOL.get_message_by_name(&format!("fanfare.v1.{method}Request")).expect("a message of the contract");
    let dynamic = DynamicMessage::deserialize(descriptor, request).expect("JSON of the contract");
    Request::new(T::decode(dynamic.encode_to_vec().as_slice()).expect("it decodes"))
}

/// An answer of an RPC in JSON.
pub(crate) fn show<T: Message>(answer: &T, method: &str) -> Value {
    let descriptor =
        POOL.get_message_by_name(&format!("fanfare.v1.{method}Response")).expect("a message of the contract");
    let dynamic = DynamicMessage::decode(descriptor, answer.encode_to_vec().as_slice()).expect("it decodes");
    let options = prost_reflect::SerializeOptions::new();
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).expect("JSON")
}

/// What a call was refused with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// Paths and reasons.
    pub(crate) violations: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Type and name.
    pub(crate) resource: Option<(String, String)>,
}

impl Refused {
    pub(crate) fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "fanfare.v1");
        let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
        Self {
            code: status.code(),
            reason: info.reason.clone(),
            message: status.message().to_owned(),
            violations: violations.into_iter().map(|found| (found.field, found.description)).collect(),
            metadata: info.metadata.clone().into_iter().collect(),
            resource: details.resource_info().map(|of| (of.resource_type.clone(), of.resource_name.clone())),
        }
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.violations.keys().map(String::as_str).collect()
    }
}
