//! What a browser that is started for the sandbox is shown: embedded files, at a port that is a secure context.

use axum::Router;
use axum::http::header;
use axum::routing::get;

/// A file of the site at the port for browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// Where it is, beginning with `/`.
    pub path: &'static str,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// A page that subscribes with a given key, shows what `fanfare subscribe` takes, and shows what is pushed.
pub(crate) const SUBSCRIBE_PAGE: [PageFile; 2] = [
    PageFile { path: "/", content_type: "text/html; charset=utf-8", text: include_str!("page/index.html") },
    PageFile {
        path: "/worker.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("page/worker.js"),
    },
];

/// Serves the files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(files: &[PageFile]) -> Router<S> {
    files.iter().fold(Router::new(), |router, file| {
        let answer =
            ([(header::CONTENT_TYPE, file.content_type), (header::CACHE_CONTROL, "no-cache")], file.text);
        router.route(file.path, get(async move || answer))
    })
}
