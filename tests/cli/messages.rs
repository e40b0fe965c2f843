//! Who sent what to whom, and who changed what, by the program: messages, deliveries and audit.

use serde_json::Value;

use super::{Place, failed, printed, printed_json, run, run_with_input};

/// The columns of a table: each row by its heading, and that all begin where their headings do.
fn rows(printed: &str) -> Vec<Vec<(String, String)>> {
    let mut lines = printed.lines();
    let Some(headings) = lines.next() else { return Vec::new() };
    let begins: Vec<(usize, &str)> =
        headings.split_whitespace().map(|heading| (headings.find(heading).unwrap(), heading)).collect();
    let row = |line: &str| {
        let letters: Vec<char> = line.chars().collect();
        assert!(!line.ends_with(' ') && !line.contains('\u{1b}'), "{line:?}");
        let mut ends = begins.iter().skip(1).map(|(begin, _)| *begin).chain([letters.len()]);
        let field = |(begin, heading): &(usize, &str)| {
            let end = ends.next().unwrap().min(letters.len());
            assert!(*begin == 0 || letters.get(begin - 1).is_none_or(|letter| *letter == ' '), "{line}");
            let text: String = letters.get(*begin..end).unwrap_or_default().iter().collect();
            ((*heading).to_owned(), text.trim().to_owned())
        };
        begins.iter().map(field).collect()
    };
    lines.map(row).collect()
}

fn column<'a>(row: &'a [(String, String)], heading: &str) -> &'a str {
    &row.iter().find(|(of, _)| of == heading).unwrap_or_else(|| panic!("no {heading} in {row:?}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_shown_and_cancelled_and_changes_are_told() {
    let place = Place::new().await;
    let data = place.text("data");
    let first =
        ["tokens", "create", "--data-dir", &data, "--role", "admin", "--all-applications", "--name", "ops"];
    let admin = printed(&run(&first)).trim().to_owned();
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let call =
        |token: &str, arguments: &[&str]| run(&[arguments, &["--server", &url, "--token", token]].concat());
    let orders = ["tokens", "create", "--role", "publisher", "--name", "orders"];
    let orders = printed(&call(&admin, &orders)).trim().to_owned();
    for (user, browser) in ["alice", "bob"].iter().zip(place.subscriptions(&ready, 2).await.lines()) {
        let subscribe = ["subscribe", "--server", &url, "--token", &admin, "--user", user];
        printed(&run_with_input(&subscribe, browser));
    }
    let accepted = |token: &str, arguments: &[&str]| -> String {
        let frames = printed_json(&call(token, &[arguments, &["--json", "--title", "x"]].concat()));
        frames[0]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
    };
    let sent = accepted(&orders, &["send", "--user", "alice", "--note", "Order 4711"]);
    let broadcast = accepted(&admin, &["broadcast", "--all", "--note", "Sale"]);
    let later = ["send", "--user", "bob", "--at", "2027-01-01T00:00:00Z", "--report-level", "accepted"];
    let later = accepted(&orders, &later);

    // The list, for people: newest first, in columns.
    let listed = printed(&call(&orders, &["messages", "list"]));
    let all = rows(&listed);
    let names: Vec<_> = all.iter().map(|row| column(row, "MESSAGE")).collect();
    assert_eq!(names, [&later, &broadcast, &sent], "{listed}");
    assert_eq!(column(&all[2], "BY"), "orders", "{listed}");
    assert_eq!(column(&all[2], "FOR"), "user alice", "{listed}");
    assert_eq!(column(&all[2], "NOTE"), "Order 4711", "{listed}");
    assert_eq!((column(&all[1], "KIND"), column(&all[1], "STATE")), ("broadcast", "DONE"), "{listed}");
    assert_eq!((column(&all[1], "BY"), column(&all[1], "FOR")), ("ops", "everyone"), "{listed}");
    assert_eq!(column(&all[1], "DELIVERIES"), "2 of 2 accepted", "{listed}");
    assert_eq!(column(&all[0], "DELIVERIES"), "0 of about 1 accepted, 1 pending", "{listed}");

    // What narrows it.
    for (options, found) in [
        (&["--by", "orders"][..], &[&later, &sent][..]),
        (&["--user", "bob"], &[&later]),
        (&["--kind", "broadcast"], &[&broadcast]),
        (&["--state", "scheduled", "--state", "sending"], &[&later]),
        (&["--note", "order"], &[&sent]),
        (&["--since", "1h", "--limit", "2"], &[&later, &broadcast]),
        (&["--until", "1h"], &[]),
    ] {
        let found_now = printed_json(&call(&orders, &[&["messages", "list", "--json"], options].concat()));
        let names: Vec<_> = found_now.iter().map(|message| message["name"].as_str().unwrap()).collect();
        assert_eq!(names, found, "{options:?}");
    }
    let (code, complaint) = failed(&call(&orders, &["messages", "list", "--since", "yesterday"]));
    assert!(code == 64 && complaint.contains("how long ago"), "{complaint}");

    // One of them, and its deliveries.
    let shown = printed(&call(&orders, &["messages", "show", &sent]));
    for line in
        ["for:         user alice", "note:        Order 4711", "deliveries:  1 target: 1 of 1 accepted"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert!(
        shown.contains("by:          orders (apiTokens/") && shown.contains(") from 127.0.0.1"),
        "{shown}"
    );
    let deliveries = rows(&printed(&call(&orders, &["deliveries", &broadcast])));
    let mut users: Vec<_> = deliveries.iter().map(|row| column(row, "USER")).collect();
    users.sort_unstable();
    assert_eq!(users, ["alice", "bob"]);
    assert!(
        deliveries.iter().all(|row| column(row, "STATE") == "ACCEPTED" && column(row, "STATUS") == "201")
    );
    let none = call(&orders, &["deliveries", &broadcast, "--state", "failed"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("0 deliveries"), "{none:?}");
    assert_eq!(printed(&none), "");
    assert!(printed(&call(&orders, &["messages", "cancel", &later])).contains("CANCEL"));

    // Who did what.
    let audit = printed(&call(&admin, &["audit"]));
    let told = rows(&audit);
    let actions: Vec<_> = told.iter().map(|row| (column(row, "ACTION"), column(row, "BY"))).collect();
    assert_eq!(
        actions,
        [("CancelMessage", "orders"), ("Broadcast", "ops"), ("CreateApiToken", "ops")],
        "{audit}"
    );
    assert_eq!(column(&told[0], "OBJECT"), later);
    assert!(
        audit.contains("state: SCHEDULED → CANCEL") && audit.contains("roles: unset → publisher"),
        "{audit}"
    );
    let by: Vec<Value> = printed_json(&call(&admin, &["audit", "--by", "orders", "--since", "1h", "--json"]));
    assert_eq!((by.len(), &by[0]["caller"]["displayName"]), (1, &"orders".into()));
    let (code, complaint) = failed(&call(&orders, &["audit"]));
    assert!(code == 1 && complaint.contains("the role admin is needed"), "{complaint}");
    server.stop().await.unwrap();
}
