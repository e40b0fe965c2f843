//! The service as tonic calls it: every RPC in the order of the contract.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::status::ApiError;
use super::{
    Api, changes, deliveries, import, keys, messages, send_stream, sending, subscriber_tokens, subscriptions,
    watching,
};
use crate::proto::v1;
use v1::push_service_server::PushService;

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn answer<T>(result: Result<T, ApiError>) -> Answer<T> {
    Ok(Response::new(result?))
}

#[tonic::async_trait]
impl PushService for Api {
    async fn subscribe(&self, request: Request<v1::SubscribeRequest>) -> Answer<v1::SubscribeResponse> {
        answer(subscriptions::subscribe(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn unsubscribe(&self, request: Request<v1::UnsubscribeRequest>) -> Answer<v1::UnsubscribeResponse> {
        answer(subscriptions::unsubscribe(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Answer<v1::GetSubscriptionResponse> {
        answer(subscriptions::get_subscription(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn update_subscription(
        &self,
        request: Request<v1::UpdateSubscriptionRequest>,
    ) -> Answer<v1::UpdateSubscriptionResponse> {
        answer(subscriptions::update_subscription(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn list_subscriptions(
        &self,
        request: Request<v1::ListSubscriptionsRequest>,
    ) -> Answer<v1::ListSubscriptionsResponse> {
        answer(subscriptions::list_subscriptions(&self.caller(&request)?, request.into_inner()).await)
    }

    type WatchSubscriptionsStream = Answers<v1::WatchSubscriptionsResponse>;

    async fn watch_subscriptions(
        &self,
        request: Request<v1::WatchSubscriptionsRequest>,
    ) -> Answer<Self::WatchSubscriptionsStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        answer(changes::watch_subscriptions(&api, &request.into_inner(), lifetime))
    }

    type ImportSubscriptionsStream = Answers<v1::ImportSubscriptionsResponse>;

    async fn import_subscriptions(
        &self,
        request: Request<Streaming<v1::ImportSubscriptionsRequest>>,
    ) -> Answer<Self::ImportSubscriptionsStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        answer(import::import_subscriptions(&api, request.into_inner(), lifetime))
    }

    type SendStream = Answers<v1::SendResponse>;

    async fn send(&self, request: Request<v1::SendRequest>) -> Answer<Self::SendStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        let frames = sending::send(&api, request.into_inner(), lifetime).await?;
        answer(Ok(frames.map(|frame| frame.map(|frame| v1::SendResponse { frame: Some(frame) })).boxed()))
    }

    type BroadcastStream = Answers<v1::BroadcastResponse>;

    async fn broadcast(&self, request: Request<v1::BroadcastRequest>) -> Answer<Self::BroadcastStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        let frames = sending::broadcast(&api, request.into_inner(), lifetime).await?;
        answer(Ok(frames
            .map(|frame| frame.map(|frame| v1::BroadcastResponse { frame: Some(frame) }))
            .boxed()))
    }

    type SendStreamStream = Answers<v1::SendStreamResponse>;

    async fn send_stream(
        &self,
        request: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Answer<Self::SendStreamStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        answer(send_stream::send_stream(&api, request.into_inner(), lifetime))
    }

    type WatchDeliveriesStream = Answers<v1::WatchDeliveriesResponse>;

    async fn watch_deliveries(
        &self,
        request: Request<v1::WatchDeliveriesRequest>,
    ) -> Answer<Self::WatchDeliveriesStream> {
        let api = self.caller(&request)?;
        let lifetime = api.lifetime(request.metadata());
        let frames = watching::watch_deliveries(&api, request.into_inner(), lifetime).await?;
        let responses =
            frames.map(|frame| frame.map(|frame| v1::WatchDeliveriesResponse { frame: Some(frame) }));
        answer(Ok(responses.boxed()))
    }

    async fn get_message(&self, request: Request<v1::GetMessageRequest>) -> Answer<v1::GetMessageResponse> {
        answer(messages::get_message(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn list_messages(
        &self,
        request: Request<v1::ListMessagesRequest>,
    ) -> Answer<v1::ListMessagesResponse> {
        answer(messages::list_messages(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Answer<v1::ListDeliveriesResponse> {
        answer(deliveries::list_deliveries(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn cancel_message(
        &self,
        request: Request<v1::CancelMessageRequest>,
    ) -> Answer<v1::CancelMessageResponse> {
        answer(messages::cancel_message(&self.caller(&request)?, request.into_inner()).await)
    }

    async fn get_vapid_public_key(
        &self,
        request: Request<v1::GetVapidPublicKeyRequest>,
    ) -> Answer<v1::GetVapidPublicKeyResponse> {
        answer(keys::get_vapid_public_key(&self.caller(&request)?, &request.into_inner()))
    }

    async fn create_subscriber_token(
        &self,
        request: Request<v1::CreateSubscriberTokenRequest>,
    ) -> Answer<v1::CreateSubscriberTokenResponse> {
        answer(subscriber_tokens::create_subscriber_token(&self.caller(&request)?, request.into_inner()))
    }
}
