//! `grpc.health.v1`: whether this server serves.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::Api;
use super::layers::SizedService;
use crate::proto::v1::admin_service_server::AdminServiceServer;
use tonic::server::NamedService;

/// Whether this server serves, as the health service tells it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

/// The whole server, and the services that it is about.
const SERVICES: [&str; 3] = ["", SizedService::NAME, AdminServiceServer::<Api>::NAME];

impl Health {
    /// Not serving until told otherwise.
    pub async fn new() -> Self {
        let health = Self(HealthReporter::new());
        health.set(ServingStatus::NotServing).await;
        health
    }

    /// The store is open and what an earlier run left has been taken up: calls are welcome.
    pub async fn serving(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// Calls had better go elsewhere.
    pub async fn not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// As [`Self::not_serving`], and ends the streams of those who watch, once they have been told.
    pub(super) async fn stopped(&self) {
        self.not_serving().await;
        let mut reporter = self.0.clone();
        for service in SERVICES {
            reporter.clear_service_status(service).await;
        }
    }

    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.0.clone()))
    }

    async fn set(&self, status: ServingStatus) {
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}
