//! The calls that docs/sandbox.md shows are taken.

use std::fs;
use std::path::Path;

use fanfare::sandbox::SandboxSettings;
use reqwest::Method;
use serde_json::Value;

use crate::harness::Harness;

/// Method, path and body of each call of curl that a page shows.
fn calls(page: &str) -> Vec<(Method, String, Option<Value>)> {
    let blocks = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(|block| block.split("$ curl ").skip(1).map(call)).collect()
}

/// Of what stands after `curl`.
fn call(text: &str) -> (Method, String, Option<Value>) {
    let (_, path) = text.split_once("127.0.0.1:8033").unwrap();
    let path = path.split(char::is_whitespace).next().unwrap().to_owned();
    let body = text.split_once("-d '").map(|(_, body)| body.split_once('\'').unwrap().0);
    // Shortened for the page.
    let body = body.map(|body| body.replace("\"application_server_key\": \"B…\", ", ""));
    let method = match body {
        _ if text.contains("-X PUT") => Method::PUT,
        Some(_) => Method::POST,
        None => Method::GET,
    };
    (method, path, body.map(|body| serde_json::from_str(&body).unwrap()))
}

#[tokio::test]
async fn calls_on_the_page_are_taken() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox.md");
    let calls = calls(&fs::read_to_string(page).unwrap());
    let harness = Harness::start(SandboxSettings { origins: 3, ..SandboxSettings::default() }).await;
    assert!(calls.len() >= 4, "{calls:?}");
    for (method, path, mut body) in calls {
        // So many are not needed to see that it is understood.
        if let Some(count) = body.as_mut().and_then(|body| body.get_mut("count")) {
            *count = 10.into();
        }
        let answer = harness.control(method.clone(), &path, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    }
}
