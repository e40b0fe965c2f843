//! What a push costs at least: encryption (RFC 8291) with aws-lc-rs, and an HTTP/2 POST with reqwest, with headers that are
//! made beforehand. Nothing is stored, retried or told.

mod work;

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Method, Request, StatusCode, Url};
use tokio::task::JoinSet;
use work::{Arguments, Numbers, Work, measure};

struct Subscriber {
    url: Url,
    public: Vec<u8>,
    auth: Vec<u8>,
}

struct Sender {
    client: Client,
    subscribers: Vec<Subscriber>,
    headers: HeaderMap,
    payload: Vec<u8>,
}

impl Sender {
    fn new(work: &Work, certificate: &[u8]) -> anyhow::Result<Self> {
        let certificates = [Certificate::from_pem(certificate)?];
        let client =
            Client::builder().no_proxy().http2_prior_knowledge().tls_certs_only(certificates).build()?;
        let subscribers = work.subscriptions.iter().map(|subscription| {
            Ok(Subscriber {
                url: subscription.endpoint.parse()?,
                public: URL_SAFE_NO_PAD.decode(&subscription.p256dh)?,
                auth: URL_SAFE_NO_PAD.decode(&subscription.auth)?,
            })
        });
        let headers = HeaderMap::from_iter([
            ("ttl".parse()?, HeaderValue::from(work.ttl)),
            // As long as a token and its key.
            (AUTHORIZATION, HeaderValue::from_str(&"x".repeat(330))?),
            (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (CONTENT_ENCODING, HeaderValue::from_static("aes128gcm")),
        ]);
        let subscribers = subscribers.collect::<anyhow::Result<_>>()?;
        Ok(Self { client, subscribers, headers, payload: vec![b'x'; work.payload_octets] })
    }

    async fn push(&self, number: usize) -> anyhow::Result<()> {
        let subscriber = &self.subscribers[number % self.subscribers.len()];
        let body = encrypt(subscriber, &self.payload).context("encryption")?;
        let mut request = Request::new(Method::POST, subscriber.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(body.into());
        let response = self.client.execute(request).await?;
        ensure!(response.status() == StatusCode::CREATED, "{}", response.status());
        response.bytes().await?;
        Ok(())
    }
}

/// So many octets of HKDF's output.
struct Octets(usize);

impl hkdf::KeyType for Octets {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> anyhow::Result<[u8; N]> {
    let mut out = [0; N];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    extracted.expand(info, Octets(N))?.fill(&mut out)?;
    Ok(out)
}

fn encrypt(subscriber: &Subscriber, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let private = PrivateKey::generate(&ECDH_P256)?;
    let public = private.compute_public_key()?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, &subscriber.public);
    let info = [b"WebPush: info\0", &subscriber.public[..], public.as_ref()];
    let ikm: [u8; 32] = agree(&private, peer, anyhow::anyhow!("the subscription's key"), |secret| {
        derive(&subscriber.auth, secret, &info)
    })?;
    let mut salt = [0; 16];
    rand::fill(&mut salt)?;
    let key: [u8; 16] = derive(&salt, &ikm, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(&salt, &ikm, &[b"Content-Encoding: nonce\0"])?;

    let mut body = Vec::with_capacity(86 + payload.len() + 17);
    body.extend_from_slice(&salt);
    body.extend_from_slice(&4_096_u32.to_be_bytes());
    body.push(65);
    body.extend_from_slice(public.as_ref());
    body.extend_from_slice(payload);
    body.push(2);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut body[86..])?;
    body.extend_from_slice(tag.as_ref());
    Ok(body)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Arguments { work, count, in_flight, certificate } = Arguments::read()?;
    let sender = Arc::new(Sender::new(&work, &certificate)?);
    measure(count, |count| {
        let (sender, numbers) = (Arc::clone(&sender), Arc::new(Numbers::up_to(count)));
        async move {
            let mut tasks = JoinSet::new();
            for _ in 0..in_flight {
                let (sender, numbers) = (Arc::clone(&sender), Arc::clone(&numbers));
                tasks.spawn(async move {
                    while let Some(number) = numbers.next() {
                        sender.push(number).await?;
                    }
                    anyhow::Ok(())
                });
            }
            while let Some(ended) = tasks.join_next().await {
                ended??;
            }
            Ok(())
        }
    })
    .await
}
