//! What lets pages of any origin post, as they may at Mozilla's: the CORS protocol (Fetch Standard section 3.2) as autopush
//! speaks it, which names the page's origin and lets scripts read no header fields.

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use super::answer_body::AnswerBody;

/// For how many seconds a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const METHODS: HeaderValue = HeaderValue::from_static("DELETE, GET, POST, PUT");
const VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origin of the page that a request comes from, if it comes from one.
pub(crate) fn page_of(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(header::ORIGIN).cloned()
}

/// The answer to a browser that asks whether a page may post.
pub(crate) fn preflight<B>(request: &Request<B>) -> Option<Response<AnswerBody>> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(AnswerBody::default());
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}

/// Lets a page read an answer.
pub(crate) fn open(headers: &mut HeaderMap, page: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(header::VARY, VARY);
}
