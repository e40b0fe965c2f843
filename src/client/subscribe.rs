//! Storing what a browser gives.

use serde::Deserialize;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::connect::Client;
use super::error::Error;
use crate::proto::v1::{PushSubscription, PushSubscriptionKeys, SubscribeRequest, SubscribeResponse};

/// `PushSubscription.toJSON()`. Members that browsers will add are none of ours.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct BrowserSubscription {
    endpoint: Option<String>,
    expiration_time: Option<f64>,
    keys: Option<BrowserKeys>,
    supported_content_encodings: Option<Vec<String>>,
    application_server_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BrowserKeys {
    p256dh: Option<String>,
    auth: Option<String>,
}

impl Client {
    /// Stores a browser's subscription: `browser` is what `JSON.stringify(subscription)` gave in the page. The rest of the
    /// request (user, topics, …) is taken from `with`.
    ///
    /// # Errors
    /// JSON that is none of a PushSubscription is `INVALID_ARGUMENT`, as is whatever the server finds wrong.
    pub async fn subscribe(
        &self,
        browser: impl AsRef<[u8]>,
        with: SubscribeRequest,
    ) -> Result<SubscribeResponse, Error> {
        let push_subscription = Some(read(browser.as_ref())?);
        let request = SubscribeRequest { push_subscription, ..with };
        Ok(self.push().subscribe(request).await?.into_inner())
    }
}

fn read(json: &[u8]) -> Result<PushSubscription, Error> {
    // The parser's own words would repeat the endpoint, which is a secret. serde takes arrays for structures, too.
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|_| not_a_subscription())?;
    let read: BrowserSubscription =
        serde_json::from_value(object.into()).map_err(|_| not_a_subscription())?;
    Ok(PushSubscription {
        endpoint: read.endpoint.unwrap_or_default(),
        keys: read.keys.map(|keys| PushSubscriptionKeys {
            p256dh: keys.p256dh.unwrap_or_default(),
            auth: keys.auth.unwrap_or_default(),
        }),
        expiration_time_ms: read.expiration_time,
        supported_content_encodings: read.supported_content_encodings.unwrap_or_default(),
        application_server_key: read.application_server_key.unwrap_or_default(),
    })
}

fn not_a_subscription() -> Error {
    const WORDS: &str = "must be the JSON of a browser's PushSubscription";
    let mut details = ErrorDetails::with_bad_request_violation("push_subscription", WORDS);
    details.set_error_info("INVALID_FIELDS", "fanfare.v1", std::collections::HashMap::new());
    Status::with_error_details(Code::InvalidArgument, format!("push_subscription {WORDS}"), details).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_json_is_read_whatever_else_is_in_it() {
        let read = read(
            br#"{"endpoint":"https://push.example.net/p","expirationTime":null,"keys":{"p256dh":"BA","auth":"AA"},"new":{}}"#,
        )
        .unwrap();
        assert_eq!(read.endpoint, "https://push.example.net/p");
        assert_eq!((read.keys.unwrap().auth.as_str(), read.expiration_time_ms), ("AA", None));
    }

    #[test]
    fn what_is_no_subscription_is_refused_without_its_words() {
        for json in
            ["", "[\"https://secret.example.net\"]", "null", "{\"endpoint\":7}", "{\"keys\":\"secret\"}"]
        {
            let error = read(json.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, "INVALID_FIELDS"), "{json}");
            assert_eq!(error.violations()[0].field, "push_subscription");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
