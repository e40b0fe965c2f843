//! A running sandbox, a client that trusts it, and a sender with a VAPID key.

use std::sync::Arc;
use std::time::Duration;

use fanfare::domain::{
    Clock, ContentEncoding, ManualClock, Origin, Padding, SubscriptionKeys, SystemClock, Timestamp, VapidKey,
    VapidKeyId,
};
use fanfare::sandbox::control_json::{Counts, GroupStatus, OriginStatus};
use fanfare::sandbox::{Profile, Sandbox, SandboxSettings};
use fanfare::webpush::vapid::{self, TokenTimes};
use fanfare::webpush::{Ephemeral, VapidKeyPair, encrypt, keys};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::Value;

pub(crate) struct Harness {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    /// Starts at the machine's time, because the client looks at certificates with that.
    pub(crate) clock: ManualClock,
    pub(crate) sender: Sender,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: reqwest::Version,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// Status and autopush's error number.
    pub(crate) fn refusal(&self) -> (u16, Option<u64>) {
        (self.status.as_u16(), self.json()["errno"].as_u64())
    }
}

async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status(),
        version: response.version(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

impl Harness {
    pub(crate) async fn strict() -> Self {
        Self::start(SandboxSettings::default()).await
    }

    pub(crate) async fn with_profile(profile: Profile) -> Self {
        Self::start(SandboxSettings { profile, ..SandboxSettings::default() }).await
    }

    pub(crate) async fn start(settings: SandboxSettings) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let sandbox = Sandbox::start(settings, Arc::new(clock.clone())).await.unwrap();
        let client = client(&sandbox);
        Self { sandbox, client, clock, sender: Sender::new() }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.sandbox.addresses().push_origin
    }

    /// A call of the control API.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("http://{}{path}", self.sandbox.addresses().control);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.control(Method::GET, path, None).await
    }

    pub(crate) async fn counts(&self) -> Counts {
        serde_json::from_str(&self.get("/counts").await.text).unwrap()
    }

    /// Makes a group for the sender's key; gives its number.
    pub(crate) async fn group(&self, mut new: Value) -> u64 {
        new["application_server_key"] = self.sender.public().into();
        self.group_for_anybody(new).await
    }

    /// Makes a group as told.
    pub(crate) async fn group_for_anybody(&self, new: Value) -> u64 {
        let answer = self.control(Method::POST, "/groups", Some(new)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["group"].as_u64().unwrap()
    }

    /// All subscriptions of a group.
    pub(crate) async fn subscriptions(&self, group: u64) -> Vec<Subscription> {
        let answer = self.get(&format!("/groups/{group}/subscriptions")).await;
        answer.lines().iter().map(Subscription::new).collect()
    }

    /// The first subscription of a new group of one.
    pub(crate) async fn subscription(&self) -> Subscription {
        let group = self.group(serde_json::json!({"count": 1})).await;
        self.subscriptions(group).await.remove(0)
    }

    /// The headers of a good message without a body, to the first origin.
    pub(crate) fn good_headers(&self) -> HeaderMap {
        self.headers_for(self.origin())
    }

    fn headers_for(&self, origin: &Origin) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("ttl", HeaderValue::from_static("60"));
        headers.insert("authorization", self.sender.token(origin, self.clock.now()));
        headers
    }

    /// A good message, encrypted, and its answer.
    pub(crate) async fn send(
        &self,
        to: &Subscription,
        encoding: ContentEncoding,
        plaintext: &[u8],
        more: &[(&'static str, &str)],
    ) -> Answer {
        read(self.request(to, encoding, plaintext, more).send().await.unwrap()).await
    }

    /// A good message, to be sent.
    pub(crate) fn request(
        &self,
        to: &Subscription,
        encoding: ContentEncoding,
        plaintext: &[u8],
        more: &[(&'static str, &str)],
    ) -> reqwest::RequestBuilder {
        let encrypted =
            encrypt(&to.keys, encoding, plaintext, Padding::None, 4_096, Ephemeral::fresh().unwrap())
                .unwrap();
        let mut headers = self.headers_for(&to.origin());
        headers.insert("content-encoding", HeaderValue::from_static(encoding.as_str()));
        if let Some(parameters) = &encrypted.parameters {
            headers.insert("encryption", parameters.encryption().try_into().unwrap());
            headers.insert("crypto-key", parameters.crypto_key().try_into().unwrap());
        }
        for (name, value) in more {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        self.client.post(&to.endpoint).headers(headers).body(encrypted.body.to_vec())
    }

    /// A small message.
    pub(crate) fn message(&self, to: &Subscription, plaintext: &str) -> reqwest::RequestBuilder {
        self.request(to, ContentEncoding::Aes128Gcm, plaintext.as_bytes(), &[])
    }

    /// Sends a small message; gives the status of its answer.
    pub(crate) async fn status(&self, to: &Subscription, plaintext: &str) -> u16 {
        self.message(to, plaintext).send().await.unwrap().status().as_u16()
    }

    /// Puts all settings of an origin.
    pub(crate) async fn put_origin(&self, origin: u32, settings: Value) {
        let answer = self.control(Method::PUT, &format!("/origins/{origin}"), Some(settings)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// An origin as it stands.
    pub(crate) async fn origin_status(&self, origin: u32) -> OriginStatus {
        serde_json::from_str(&self.get(&format!("/origins/{origin}")).await.text).unwrap()
    }

    /// A group as it stands.
    pub(crate) async fn group_status(&self, group: u64) -> GroupStatus {
        serde_json::from_str(&self.get(&format!("/groups/{group}")).await.text).unwrap()
    }

    pub(crate) async fn post(&self, endpoint: &str, headers: HeaderMap, body: Vec<u8>) -> Answer {
        read(self.client.post(endpoint).headers(headers).body(body).send().await.unwrap()).await
    }
}

/// A client that trusts nothing but the sandbox.
pub(crate) fn client(sandbox: &Sandbox) -> Client {
    let trusted = sandbox.authority_pem().map(|pem| Certificate::from_pem(pem.as_bytes()).unwrap());
    let builder = Client::builder().no_proxy().timeout(Duration::from_secs(20)).tls_certs_only(trusted);
    builder.build().unwrap()
}

/// A synthetic subscriber's subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) endpoint: String,
    pub(crate) keys: SubscriptionKeys,
}

impl Subscription {
    pub(crate) fn new(json: &Value) -> Self {
        assert_eq!(json["expirationTime"], Value::Null);
        assert_eq!(json.as_object().unwrap().len(), 3);
        let key = |name: &str| json["keys"][name].as_str().unwrap();
        Self {
            endpoint: json["endpoint"].as_str().unwrap().to_owned(),
            keys: keys::parse_subscription_keys(key("p256dh"), key("auth")).unwrap(),
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::parse(self.endpoint.split_once("/push/").unwrap().0).unwrap()
    }
}

/// An application server with its VAPID key.
pub(crate) struct Sender(VapidKey);

impl Sender {
    pub(crate) fn new() -> Self {
        let pair = VapidKeyPair::generate().unwrap();
        Self(VapidKey {
            id: VapidKeyId(1),
            private: Some(pair.private().to_owned().into()),
            public: *pair.public(),
            created: Timestamp::default(),
            activated: None,
            retired: None,
        })
    }

    /// As `pushManager.subscribe` takes it.
    pub(crate) fn public(&self) -> String {
        keys::encode_base64url(&self.0.public)
    }

    pub(crate) fn signed(&self, audience: &Origin, times: TokenTimes) -> vapid::VapidToken {
        vapid::sign(&self.0, audience, "mailto:push@fanfare.dev", times).unwrap()
    }

    /// The `Authorization` of a token that was signed `issued`.
    pub(crate) fn token(&self, audience: &Origin, issued: Timestamp) -> HeaderValue {
        self.signed(audience, TokenTimes::signed(issued)).authorization().clone()
    }
}
