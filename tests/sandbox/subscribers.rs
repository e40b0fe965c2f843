//! Synthetic subscribers: what they receive, and that they need their own keys for it.

use aws_lc_rs::digest::{SHA256, digest};
use fanfare::domain::{Clock, ContentEncoding};
use fanfare::sandbox::control_json::ReceivedLine;
use fanfare::sandbox::{SandboxLimits, SandboxSettings};
use fanfare::webpush::vapid::TokenTimes;
use reqwest::Version;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::harness::{Answer, Harness};

fn sha256(octets: &[u8]) -> String {
    digest(&SHA256, octets).as_ref().iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"))
}

fn received(answer: &Answer) -> Vec<ReceivedLine> {
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_decrypted_and_its_hash_told() {
    let harness = Harness::strict().await;
    for encoding in [ContentEncoding::Aes128Gcm, ContentEncoding::AesGcm] {
        let group = harness.group(json!({"count": 3, "content_encoding": encoding.as_str()})).await;
        let subscriptions = harness.subscriptions(group).await;
        let plaintext = "Grüße, ".repeat(300);
        let more = [("topic", "news"), ("urgency", "high"), ("ttl", "3000000")];
        let answer = harness.send(&subscriptions[2], encoding, plaintext.as_bytes(), &more).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.version, Version::HTTP_2);
        assert_eq!(answer.header("ttl"), "2592000");
        assert!(answer.header("location").starts_with(&format!("{}/m/", harness.origin())));
        assert_eq!(answer.text, "");

        let lines = received(&harness.get(&format!("/groups/{group}/received")).await);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let expected = ReceivedLine {
            sequence: line.sequence,
            index: 2,
            sha256: Some(sha256(plaintext.as_bytes())),
            octets: Some(u32::try_from(plaintext.len()).unwrap()),
            error: None,
            ttl: 2_592_000,
            urgency: Some("high".to_owned()),
            topic: Some("news".to_owned()),
            encoding: Some(encoding.as_str().to_owned()),
            status: 201,
            time_micros: harness.clock.now().as_micros(),
        };
        assert_eq!(*line, expected);
    }
    let counts = harness.counts().await;
    assert_eq!((counts.statuses[&201], counts.decrypt_failures, counts.duplicates), (2, 0, 0));
}

#[tokio::test]
async fn the_older_scheme_of_vapid_is_taken_with_its_crypto_key() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 1, "content_encoding": "aesgcm"})).await;
    let to = harness.subscriptions(group).await.remove(0);
    let token = harness.sender.signed(harness.origin(), TokenTimes::signed(harness.clock.now()));
    for text in ["first", "second, with the remembered token"] {
        let ephemeral = fanfare::webpush::Ephemeral::fresh().unwrap();
        let padding = fanfare::domain::Padding::None;
        let aesgcm = ContentEncoding::AesGcm;
        let encrypted =
            fanfare::webpush::encrypt(&to.keys, aesgcm, text.as_bytes(), padding, 4_096, ephemeral).unwrap();
        let parameters = encrypted.parameters.unwrap();
        let mut headers = harness.good_headers();
        headers.insert("authorization", token.authorization_webpush().clone());
        headers.insert("content-encoding", HeaderValue::from_static("aesgcm"));
        headers.insert("encryption", parameters.encryption().try_into().unwrap());
        let crypto_key = format!("{};{}", parameters.crypto_key(), token.p256ecdsa());
        headers.insert("crypto-key", crypto_key.try_into().unwrap());
        let answer = harness.post(&to.endpoint, headers, encrypted.body.to_vec()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let lines = received(&harness.get(&format!("/groups/{group}/received")).await);
        assert_eq!(lines.last().unwrap().sha256, Some(sha256(text.as_bytes())));
    }
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_taken_and_told() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 2})).await;
    let subscriptions = harness.subscriptions(group).await;
    let mut crossed = harness.subscriptions(group).await.remove(0);
    crossed.endpoint.clone_from(&subscriptions[1].endpoint);
    // Encrypted for one, posted to the other.
    assert_eq!(harness.send(&crossed, ContentEncoding::Aes128Gcm, b"x", &[]).await.status, 201);
    // In an encoding that the subscriber does not know.
    assert_eq!(harness.send(&subscriptions[1], ContentEncoding::AesGcm, b"x", &[]).await.status, 201);
    // Nothing to decrypt.
    let answer = harness.post(&subscriptions[1].endpoint, harness.good_headers(), Vec::new()).await;
    assert_eq!(answer.status, 201);

    let lines = received(&harness.get(&format!("/groups/{group}/received")).await);
    let told: Vec<_> =
        lines.iter().map(|line| (line.index, line.sha256.clone(), line.encoding.as_deref())).collect();
    assert_eq!(told, [(1, None, Some("aes128gcm")), (1, None, Some("aesgcm")), (1, Some(sha256(b"")), None)]);
    assert!(lines[0].error.as_ref().unwrap().contains("authenticate"), "{lines:?}");
    assert!(lines[1].error.as_ref().unwrap().contains("content encoding"), "{lines:?}");
    assert_eq!((lines[2].octets, &lines[2].error), (Some(0), &None));
    assert_eq!(harness.counts().await.decrypt_failures, 2);
}

#[tokio::test]
async fn the_log_is_bounded_and_counts_go_on() {
    let limits = SandboxLimits { received_lines_max: 3, ..SandboxLimits::default() };
    let harness = Harness::start(SandboxSettings { limits, ..SandboxSettings::default() }).await;
    let group = harness.group(json!({"count": 2})).await;
    let subscriptions = harness.subscriptions(group).await;
    for number in 0..5_u8 {
        let to = &subscriptions[usize::from(number % 2)];
        assert_eq!(harness.send(to, ContentEncoding::Aes128Gcm, &[number], &[]).await.status, 201);
    }
    let lines = harness.get(&format!("/groups/{group}/received")).await.lines();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3], json!({"left_out": 2}));
    assert!(lines[..3].iter().all(|line| line["sha256"].is_string()));
    let counts = harness.counts().await;
    assert_eq!((counts.statuses[&201], counts.received_left_out), (5, 2));
    let status = harness.get(&format!("/groups/{group}")).await.json();
    assert_eq!((&status["accepted"], &status["received_left_out"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn the_same_text_for_the_same_subscriber_is_a_duplicate() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 2})).await;
    let subscriptions = harness.subscriptions(group).await;
    for (to, text, duplicates) in
        [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1), (0, "a", 2), (1, "b", 2)]
    {
        let to = &subscriptions[to];
        let answer = harness.send(to, ContentEncoding::Aes128Gcm, text.as_bytes(), &[]).await;
        assert_eq!(answer.status, 201);
        assert_eq!(harness.counts().await.duplicates, duplicates);
    }
}

#[tokio::test]
async fn a_group_counts_what_came_and_what_came_twice() {
    let harness = Harness::strict().await;
    let faults = json!({"failing": {"share": 1, "times": 1}});
    let group = harness.group(json!({"count": 2, "remembered": 2, "log": false, "faults": faults})).await;
    let to = &harness.subscriptions(group).await[0];
    for (text, status) in [("a", 500), ("a", 201), ("b", 201), ("a", 201), ("c", 201), ("d", 201), ("a", 201)]
    {
        assert_eq!(harness.status(to, text).await, status, "{text}");
    }
    let status = harness.group_status(group).await;
    let counted = (status.posts, status.accepted, status.duplicates, status.distinct);
    assert_eq!(counted, (7, 6, 1, 5), "two messages are remembered");
    assert_eq!(harness.get(&format!("/groups/{group}/received")).await.text, "", "it keeps no log");
}

#[tokio::test]
async fn a_million_subscribers_are_made_at_once_and_the_last_decrypts() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 1_000_000, "seed": "million"})).await;
    let last = harness.get(&format!("/groups/{group}/subscriptions?from=999999&count=5")).await.lines();
    let [last] = last.as_slice() else { panic!("{} lines", last.len()) };
    let last = crate::harness::Subscription::new(last);
    assert_eq!(harness.send(&last, ContentEncoding::Aes128Gcm, b"you too", &[]).await.status, 201);
    let lines = received(&harness.get(&format!("/groups/{group}/received")).await);
    assert_eq!((lines[0].index, &lines[0].sha256), (999_999, &Some(sha256(b"you too"))));
}
