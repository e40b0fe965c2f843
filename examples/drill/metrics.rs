//! The server's metrics, as an operator reads them.

use std::net::SocketAddr;

use anyhow::ensure;

/// What `/metrics` answered.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// Reads them.
    pub(crate) async fn read(admin: SocketAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let response = client.get(format!("http://{admin}/metrics")).send().await?;
        ensure!(response.status().is_success(), "/metrics answered {}", response.status());
        Ok(Self(response.text().await?))
    }

    /// The sum of a metric's series that have this text among their labels; 0 if there is none yet.
    pub(crate) fn sum(&self, name: &str, label: &str) -> f64 {
        self.series(name).filter(|(labels, _)| labels.contains(label)).map(|(_, value)| value).sum()
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
        })
    }
}
