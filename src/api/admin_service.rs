//! The admin service as tonic calls it: every RPC in the order of the contract.

use tonic::{Request, Response, Status};

use super::{Api, api_tokens, origins};
use crate::proto::v1;
use v1::admin_service_server::AdminService;

#[tonic::async_trait]
impl AdminService for Api {
    async fn create_api_token(
        &self,
        request: Request<v1::CreateApiTokenRequest>,
    ) -> Result<Response<v1::CreateApiTokenResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(api_tokens::create_api_token(&api, request.into_inner()).await?))
    }

    async fn list_api_tokens(
        &self,
        request: Request<v1::ListApiTokensRequest>,
    ) -> Result<Response<v1::ListApiTokensResponse>, Status> {
        Ok(Response::new(api_tokens::list_api_tokens(&self.caller(&request)?, request.get_ref())?))
    }

    async fn revoke_api_token(
        &self,
        request: Request<v1::RevokeApiTokenRequest>,
    ) -> Result<Response<v1::RevokeApiTokenResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(api_tokens::revoke_api_token(&api, request.into_inner()).await?))
    }

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
        let lifetime = self.caller(&request)?.lifetime(request.metadata());
        Ok(Response::new(origins::watch_origins(self, lifetime)?))
    }

    async fn resume_origin(
        &self,
        request: Request<v1::ResumeOriginRequest>,
    ) -> Result<Response<v1::ResumeOriginResponse>, Status> {
        Ok(Response::new(origins::resume_origin(&self.caller(&request)?, request.into_inner()).await?))
    }
}
