//! The server's metrics, as an operator reads them.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tokio::sync::OnceCell;

/// What `/metrics` answered.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// Reads them.
    pub(crate) async fn read(admin: SocketAddr) -> anyhow::Result<Self> {
        // To build a client costs more than all that it is used for.
        static CLIENT: OnceCell<reqwest::Client> = OnceCell::const_new();
        let client = CLIENT.get_or_try_init(async || reqwest::Client::builder().no_proxy().build()).await?;
        let response = client.get(format!("http://{admin}/metrics")).send().await?;
        ensure!(response.status().is_success(), "/metrics answered {}", response.status());
        Ok(Self(response.text().await?))
    }

    /// The sum of a metric's series that have this text among their labels; 0 if there is none yet.
    pub(crate) fn sum(&self, name: &str, label: &str) -> f64 {
        self.series(name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
    }

    /// An upper bound of a quantile of a histogram since an earlier reading: the bucket's bound that it lies under.
    pub(crate) fn quantile_since(&self, earlier: &Self, name: &str, quantile: f64) -> anyhow::Result<f64> {
        let bucket = format!("{name}_bucket");
        let mut counts: Vec<(f64, f64)> = Vec::new();
        for (labels, value) in self.series(&bucket) {
            let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let bound = match bound.context("a bucket without a bound")? {
                "+Inf" => f64::INFINITY,
                bound => bound.parse()?,
            };
            let before: f64 = earlier
                .series(&bucket)
                .filter(|(others, _)| *others == labels)
                .map(|(_, before)| before)
                .sum();
            match counts.iter_mut().find(|(of, _)| of.total_cmp(&bound).is_eq()) {
                Some((_, count)) => *count += value - before,
                None => counts.push((bound, value - before)),
            }
        }
        counts.sort_by(|one, other| one.0.total_cmp(&other.0));
        let all = counts.last().with_context(|| format!("no {name}"))?.1;
        ensure!(all > 0.0, "{name} has counted nothing");
        let within = counts.iter().find(|(_, count)| *count >= quantile * all);
        Ok(within.map_or(f64::INFINITY, |(bound, _)| *bound))
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
        })
    }
}
