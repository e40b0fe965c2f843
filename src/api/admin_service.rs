//! The admin service as tonic calls it: every RPC in the order of the contract.

use tonic::{Request, Response, Status};

use super::{Api, origins};
use crate::proto::v1;
use v1::admin_service_server::AdminService;

#[tonic::async_trait]
impl AdminService for Api {
    async fn list_origins(
        &self,
        request: Request<v1::ListOriginsRequest>,
    ) -> Result<Response<v1::ListOriginsResponse>, Status> {
        Ok(Response::new(origins::list_origins(self, request.into_inner()).await?))
    }

    type WatchOriginsStream = origins::Responses;

    async fn watch_origins(
        &self,
        request: Request<v1::WatchOriginsRequest>,
    ) -> Result<Response<Self::WatchOriginsStream>, Status> {
        let lifetime = self.lifetime(request.metadata());
        Ok(Response::new(origins::watch_origins(self, lifetime)?))
    }

    async fn resume_origin(
        &self,
        request: Request<v1::ResumeOriginRequest>,
    ) -> Result<Response<v1::ResumeOriginResponse>, Status> {
        Ok(Response::new(origins::resume_origin(self, request.into_inner()).await?))
    }
}
