//! The answers that push services are known to give, word for word where the words matter, each with what it means and who
//! tells of it. The outcome table is tested against all of them, and the sandbox gives them on order.

mod apple;
mod fcm;
mod mozilla;
mod others;
mod wns;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Signal;
use crate::domain::Outcome;
use crate::webpush::push_service::PushService;
use crate::webpush::request::PushResponse;

/// One answer of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownAnswer {
    /// Who answers so.
    pub service: PushService,
    /// What it is called here: unique within the service, in lower case with underscores.
    pub name: &'static str,
    /// The status code.
    pub status: u16,
    /// Header fields that matter, names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: &'static str,
    /// What it means for a delivery to a subscription that is days old.
    pub outcome: Outcome,
    /// What is to be watched beside that.
    pub signal: Option<Signal>,
    /// Who tells of it: a source file, a vendor's page, a report.
    pub source: &'static str,
}

impl KnownAnswer {
    const fn new(
        (service, name): (PushService, &'static str),
        (status, body): (u16, &'static str),
        outcome: Outcome,
        source: &'static str,
    ) -> Self {
        Self { service, name, status, headers: &[], body, outcome, signal: None, source }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    const fn signal(self, signal: Signal) -> Self {
        Self { signal: Some(signal), ..self }
    }

    /// As the transport hands it on.
    #[must_use]
    pub fn response(&self) -> PushResponse {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = headers.collect();
        PushResponse { status: self.status, headers, body: self.body.into() }
    }
}

/// All of them, by service.
pub fn all() -> impl Iterator<Item = &'static KnownAnswer> {
    [fcm::ANSWERS, mozilla::ANSWERS, apple::ANSWERS, wns::ANSWERS, others::ANSWERS].into_iter().flatten()
}

/// The one of this name.
#[must_use]
pub fn find(service: PushService, name: &str) -> Option<&'static KnownAnswer> {
    all().find(|known| known.service == service && known.name == name)
}

/// HTML of the time of GCM: the word is the title.
macro_rules! page {
    ($title:literal, $status:literal) => {
        concat!(
            "<HTML>\n<HEAD>\n<TITLE>",
            $title,
            "</TITLE>\n</HEAD>\n<BODY BGCOLOR=\"#FFFFFF\" TEXT=\"#000000\">\n<H1>",
            $title,
            "</H1>\n<H2>Error ",
            $status,
            "</H2>\n</BODY>\n</HTML>\n"
        )
    };
}
use page;

#[cfg(test)]
mod tests;
