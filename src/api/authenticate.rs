//! Asks every call who makes it. What is behind this finds the [`Principal`] among the extensions of its request.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, FutureExt as _, TryFutureExt as _, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::access::{Principal, Rpc, Scope, rpc_at};
use super::audit;
use super::call_log::CallNotes;
use super::callers::Callers;
use super::connections::Peer;
use super::rate::Caller;
use super::status::ApiError;
use super::tls::CertificateCaller;

/// The paths of health checks, which whoever watches over the server may always make.
pub(super) const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &str = "/grpc.reflection.";
const SCHEME: &str = "Bearer ";

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub(super) struct AuthenticateLayer {
    pub(super) callers: Callers,
    /// Whom the certificates stand for that a caller may have shown.
    pub(super) certificates: Arc<[CertificateCaller]>,
    /// Reflection needs no credentials. Health never does.
    pub(super) public_reflection: bool,
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate { inner, gate: self.clone() }
    }
}

impl AuthenticateLayer {
    /// Who makes this call, if it may be made. `None`: nobody needs to be asked.
    fn judge(&self, request: &Request<Body>, rpc: Option<&Rpc>) -> Result<Option<Arc<Principal>>, ApiError> {
        let path = request.uri().path();
        if path.starts_with(HEALTH) || (self.public_reflection && path.starts_with(REFLECTION)) {
            return Ok(None);
        }
        let principal = self.principal(request.headers(), request.extensions().get::<Peer>())?;
        if let Some(rpc) = rpc {
            let judged = principal.may_call(rpc);
            if judged.is_err() {
                audit::refused(&principal, rpc);
            }
            judged?;
        }
        Ok(Some(principal))
    }

    /// A token goes before a certificate. Credentials that are given must be good, also where none are needed.
    fn principal(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Result<Arc<Principal>, ApiError> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        if let Some(value) = given.next() {
            let value = value.to_str().map_err(|_| ApiError::CredentialsInvalid)?;
            let (scheme, token) = value.split_at_checked(SCHEME.len()).ok_or(ApiError::CredentialsInvalid)?;
            if given.next().is_some() || !scheme.eq_ignore_ascii_case(SCHEME) {
                return Err(ApiError::CredentialsInvalid);
            }
            return self.callers.bearer(token.trim());
        }
        let names = peer.map(|peer| &*peer.names).unwrap_or_default();
        let known = self.certificates.iter().find(|caller| names.contains(&caller.san));
        if let Some(CertificateCaller { san, application, roles, .. }) = known {
            let scope = application.clone().map_or(Scope::All, Scope::Application);
            let roles = roles.iter().copied().collect();
            return Ok(Arc::new(Principal::new(format!("certificate {san}"), scope, roles)));
        }
        if self.callers.required() {
            return Err(ApiError::CredentialsInvalid);
        }
        Ok(Arc::new(Principal::anonymous()))
    }
}

/// See [`AuthenticateLayer`].
#[derive(Clone, Debug)]
pub(super) struct Authenticate<S> {
    inner: S,
    gate: AuthenticateLayer,
}

impl<S> Service<Request<Body>> for Authenticate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let rpc = rpc_at(request.uri().path());
        if let Some(Peer { tcp, .. }) = request.extensions().get::<Peer>().cloned() {
            // What tonic and other layers look for.
            request.extensions_mut().insert(tcp);
        }
        match self.gate.judge(&request, rpc) {
            Ok(Some(principal)) => {
                if let Some(notes) = request.extensions().get::<CallNotes>() {
                    notes.caller(&principal.name);
                }
                if principal.is_named() {
                    request.extensions_mut().insert(Caller::Named(Arc::clone(&principal.name)));
                }
                request.extensions_mut().insert(principal);
            }
            Ok(None) => {}
            Err(error) => return ready(Ok(Status::from(error).into_http())).boxed(),
        }
        // Outside of this nobody else knows it.
        let caller = Caller::of(&request);
        let told = |mut answer: Response<Body>| {
            answer.extensions_mut().insert(caller);
            answer
        };
        self.inner.call(request).map_ok(told).boxed()
    }
}
