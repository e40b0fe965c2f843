//! Metrics in the code, in docs/metrics.md, on the dashboard and in the alerts are the same, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::observe::QuotaUse;

/// Labels by the name that a query knows the metric by: with `_total` and `_info`, without `_bucket`.
type Labels = BTreeMap<String, BTreeSet<String>>;

fn read(page: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// What a server shows, every family with a series at least.
fn in_code() -> Labels {
    let metrics = Metrics::new();
    metrics.methods([true, false].map(|streams| Method { name: "Send", streams }));
    metrics.limits.setting("engine.max_unsettled", 1);
    metrics.limits.places("streams", 1);
    let (application, quota) = ("shop".to_owned(), "max_streams");
    metrics.limits.quotas(&[QuotaUse { application, quota, used: 1, most: 1 }]);
    let text = crate::observe::text_format::plain(&metrics.encode().unwrap());
    let mut kinds = BTreeMap::new();
    let mut found = Labels::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' ')) {
            kinds.insert(name.to_owned(), kind.to_owned());
            continue;
        }
        let Some((series, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let name = histogram.filter(|name| kinds.contains_key(*name)).unwrap_or(name);
        let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label);
        found
            .entry(name.to_owned())
            .or_default()
            .extend(labels.filter(|label| *label != "le").map(str::to_owned));
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), kinds.keys().collect::<Vec<_>>(), "one has no series");
    found
}

/// The table of the page.
fn in_docs() -> Labels {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `fanfare_") || line.starts_with("| `process_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        (words(cells[1]).remove(0), words(cells[3]).into_iter().collect())
    })
    .collect()
}

/// The metrics that queries name.
fn named(queries: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    queries
        .split(word)
        .filter(|word| word.starts_with("fanfare_") || word.starts_with("process_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

/// The queries of the dashboard.
fn on_dashboard() -> String {
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/grafana/fanfare.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_docs_have_every_metric_with_its_labels_and_no_other() {
    assert_eq!(in_docs(), in_code());
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    let code: BTreeSet<_> = in_code().into_keys().collect();
    assert_eq!(named(&on_dashboard()), code);
}

#[test]
fn alerts_go_by_metrics_that_there_are() {
    let code: BTreeSet<_> = in_code().into_keys().collect();
    let alerts = read("packaging/prometheus/alerts.yml");
    // Annotations name settings and pages, never metrics.
    let unknown: Vec<_> = named(&alerts).difference(&code).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new());
}
