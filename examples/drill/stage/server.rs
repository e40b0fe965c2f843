//! The server under drill: how it is called, watched and ended.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use fanfare::cli::process::Process;
use fanfare::proto::v1::ListSubscriptionsRequest;
use fanfare::proto::v1::push_service_client::PushServiceClient;
use tonic::transport::Channel;

use super::octets::status_octets;

/// Calls of the server.
pub(crate) type Client = PushServiceClient<Channel>;

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGTERM, and waiting for its end.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Calls of it.
    pub(crate) client: Client,
    /// The VAPID public keys of its applications, by name.
    pub(crate) keys: Vec<(String, String)>,
    /// Where it is called.
    pub(super) address: SocketAddr,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    /// The program itself.
    pub(crate) process: Process,
}

impl Server {
    /// Where it is called.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Another connection, for who would be in the way of others on the same.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        connect(self.address).await
    }

    /// The VAPID public key of an application.
    pub(crate) fn key(&self, application: &str) -> anyhow::Result<&str> {
        let key = self.keys.iter().find(|(name, _)| name == application);
        Ok(&key.with_context(|| format!("the server has no application {application}"))?.1)
    }

    /// Ends it.
    pub(crate) async fn end(self, how: End) -> anyhow::Result<()> {
        match how {
            End::Terminate => {
                let id = self.process.id().context("the server had ended by itself")?;
                let signalled =
                    tokio::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
                ensure!(signalled.await?.success(), "the server cannot be signalled");
                self.process.stop().await
            }
            End::Kill => {
                let status = self.process.kill().await?;
                ensure!(!status.success(), "the server had ended before it was killed");
                Ok(())
            }
        }
    }

    /// Its resident set, in octets.
    pub(crate) fn resident_octets(&self) -> anyhow::Result<u64> {
        status_octets(self.process.id().context("it has ended")?, "VmRSS")
    }

    /// From here on [`Server::resident_peak_octets`] counts.
    pub(crate) fn forget_resident_peak(&self) -> anyhow::Result<()> {
        let process = self.process.id().context("it has ended")?;
        Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
    }

    /// The most that its resident set has been, as the kernel kept it.
    pub(crate) fn resident_peak_octets(&self) -> anyhow::Result<u64> {
        status_octets(self.process.id().context("it has ended")?, "VmHWM")
    }

    /// The names of all subscriptions of the default application.
    pub(crate) async fn subscriptions(&mut self) -> anyhow::Result<BTreeSet<String>> {
        let mut request =
            ListSubscriptionsRequest { page_size: 1_000, ..ListSubscriptionsRequest::default() };
        let mut names = BTreeSet::new();
        loop {
            let page = self.client.list_subscriptions(request.clone()).await?.into_inner();
            names.extend(page.subscriptions.into_iter().map(|subscription| subscription.name));
            if page.next_page_token.is_empty() {
                return Ok(names);
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// Opens a connection to a server that runs.
pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Client> {
    let client = PushServiceClient::connect(format!("http://{address}")).await?;
    Ok(client.max_decoding_message_size(64 * 1024 * 1024))
}
