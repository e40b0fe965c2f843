//! The admin service as tonic calls it: every RPC in the order of the contract.

use tonic::{Request, Response, Status};

use super::{Api, api_tokens, applications, audit_entries, backup, decisions, origins, vapid_keys};
use crate::proto::v1;
use v1::admin_service_server::AdminService;

#[tonic::async_trait]
impl AdminService for Api {
    async fn create_application(
        &self,
        request: Request<v1::CreateApplicationRequest>,
    ) -> Result<Response<v1::CreateApplicationResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(applications::create_application(&api, request.into_inner()).await?))
    }

    async fn get_application(
        &self,
        request: Request<v1::GetApplicationRequest>,
    ) -> Result<Response<v1::GetApplicationResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(applications::get_application(&api, request.into_inner()).await?))
    }

    async fn list_applications(
        &self,
        request: Request<v1::ListApplicationsRequest>,
    ) -> Result<Response<v1::ListApplicationsResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(applications::list_applications(&api, request.into_inner()).await?))
    }

    async fn update_application(
        &self,
        request: Request<v1::UpdateApplicationRequest>,
    ) -> Result<Response<v1::UpdateApplicationResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(applications::update_application(&api, request.into_inner()).await?))
    }

    async fn delete_application(
        &self,
        request: Request<v1::DeleteApplicationRequest>,
    ) -> Result<Response<v1::DeleteApplicationResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(applications::delete_application(&api, request.into_inner()).await?))
    }

    async fn create_vapid_key(
        &self,
        request: Request<v1::CreateVapidKeyRequest>,
    ) -> Result<Response<v1::CreateVapidKeyResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(vapid_keys::create_vapid_key(&api, request.into_inner()).await?))
    }

    async fn list_vapid_keys(
        &self,
        request: Request<v1::ListVapidKeysRequest>,
    ) -> Result<Response<v1::ListVapidKeysResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(vapid_keys::list_vapid_keys(&api, request.into_inner()).await?))
    }

    async fn set_current_vapid_key(
        &self,
        request: Request<v1::SetCurrentVapidKeyRequest>,
    ) -> Result<Response<v1::SetCurrentVapidKeyResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(vapid_keys::set_current_vapid_key(&api, request.into_inner()).await?))
    }

    async fn retire_vapid_key(
        &self,
        request: Request<v1::RetireVapidKeyRequest>,
    ) -> Result<Response<v1::RetireVapidKeyResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(vapid_keys::retire_vapid_key(&api, request.into_inner()).await?))
    }

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

    async fn release_held_subscriptions(
        &self,
        request: Request<v1::ReleaseHeldSubscriptionsRequest>,
    ) -> Result<Response<v1::ReleaseHeldSubscriptionsResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(decisions::release(&api, request.into_inner()).await?))
    }

    async fn discard_held_subscriptions(
        &self,
        request: Request<v1::DiscardHeldSubscriptionsRequest>,
    ) -> Result<Response<v1::DiscardHeldSubscriptionsResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(decisions::discard(&api, request.into_inner()).await?))
    }

    async fn restore_subscriptions(
        &self,
        request: Request<v1::RestoreSubscriptionsRequest>,
    ) -> Result<Response<v1::RestoreSubscriptionsResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(decisions::restore(&api, request.into_inner()).await?))
    }

    async fn enable_subscriptions(
        &self,
        request: Request<v1::EnableSubscriptionsRequest>,
    ) -> Result<Response<v1::EnableSubscriptionsResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(decisions::enable(&api, request.into_inner()).await?))
    }

    async fn list_audit_entries(
        &self,
        request: Request<v1::ListAuditEntriesRequest>,
    ) -> Result<Response<v1::ListAuditEntriesResponse>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(audit_entries::list_audit_entries(&api, request.into_inner()).await?))
    }

    type BackupStream = backup::Responses;

    async fn backup(
        &self,
        request: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let api = self.caller(&request)?;
        Ok(Response::new(backup::backup(&api, request.metadata()).await?))
    }
}
