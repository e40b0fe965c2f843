//! The web-push crate with its hyper client, whose connections are kept. It is told the key once, and signs for each message,
//! as its documentation shows. The certificate is trusted through the variable SSL_CERT_FILE.

mod work;

use std::sync::Arc;

use tokio::task::JoinSet;
use web_push::{
    ContentEncoding, HyperWebPushClient, PartialVapidSignatureBuilder, SubscriptionInfo,
    VapidSignatureBuilder, WebPushClient, WebPushMessageBuilder,
};
use work::{Arguments, Numbers, Work, measure};

struct Sender {
    client: HyperWebPushClient,
    subscriptions: Vec<SubscriptionInfo>,
    signer: PartialVapidSignatureBuilder,
    payload: Vec<u8>,
    ttl: u32,
}

impl Sender {
    fn new(work: &Work) -> anyhow::Result<Self> {
        let of = |of: &work::Subscription| SubscriptionInfo::new(&of.endpoint, &of.p256dh, &of.auth);
        Ok(Self {
            client: HyperWebPushClient::new(),
            subscriptions: work.subscriptions.iter().map(of).collect(),
            signer: VapidSignatureBuilder::from_base64_no_sub(&work.vapid_private)?,
            payload: vec![b'x'; work.payload_octets],
            ttl: work.ttl,
        })
    }

    async fn push(&self, number: usize) -> anyhow::Result<()> {
        let subscription = &self.subscriptions[number % self.subscriptions.len()];
        let mut signature = self.signer.clone().add_sub_info(subscription);
        signature.add_claim("sub", "mailto:ops@example.com");
        let mut message = WebPushMessageBuilder::new(subscription);
        message.set_payload(ContentEncoding::Aes128Gcm, &self.payload);
        message.set_ttl(self.ttl);
        message.set_vapid_signature(signature.build()?);
        self.client.send(message.build()?).await?;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Arguments { work, count, in_flight, certificate: _ } = Arguments::read()?;
    let sender = Arc::new(Sender::new(&work)?);
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
