//! docs/operations.md is complete: a runbook for each alert, a row for each outcome and for each reason of an error.

use std::collections::BTreeSet;
use std::path::Path;

use crate::domain::Outcome;
use crate::proto::v1::ErrorReason;

fn read(page: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// What the rows below a heading are about: the first word of each, which is in capitals.
fn rows(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split(&format!("\n### {heading}\n")).nth(1).unwrap().split("\n##").next().unwrap();
    let first =
        |row: &str| row.trim_start_matches("| ").split([' ', ',']).next().unwrap_or_default().to_owned();
    let rows = section.lines().filter(|line| line.starts_with("| ")).map(first);
    rows.filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect()
}

#[test]
fn each_alert_has_a_test_and_a_runbook() {
    let alerts = read("packaging/prometheus/alerts.yml");
    let tests = read("packaging/prometheus/alerts_test.yml");
    let page = read("docs/operations.md");
    let names = |text: &str, before: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(before)).map(str::to_owned).collect()
    };
    let alerts = names(&alerts, "- alert: ");
    assert!(!alerts.is_empty());
    assert_eq!(names(&tests, "- name: "), alerts, "tests");
    let runbooks: BTreeSet<_> =
        names(&page, "### ").into_iter().filter(|title| title.starts_with("Fanfare")).collect();
    assert_eq!(runbooks, alerts, "runbooks");
}

#[test]
fn each_outcome_has_a_row() {
    let outcomes = Outcome::ALL.iter().map(|outcome| outcome.as_str().to_uppercase());
    assert_eq!(rows(&read("docs/operations.md"), "Outcomes"), outcomes.collect());
}

#[test]
fn each_reason_of_an_error_has_a_row() {
    let reasons = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    let named = |reason: ErrorReason| reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned();
    let reasons: BTreeSet<_> = reasons.map(named).collect();
    let contract = read("proto/fanfare/v1/errors.proto");
    assert_eq!(contract.matches("\n  ERROR_REASON_").count(), reasons.len() + 1, "numbers have no gap");
    assert_eq!(rows(&read("docs/operations.md"), "Errors"), reasons);
}
