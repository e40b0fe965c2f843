//! Who was sent what, and what was told of it: as much as is needed to go on after a lost call without a gap or a
//! duplicate.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::client::deliveries::request_id;
use crate::client::error::Error;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::send_stream_answer::Answer;
use crate::proto::v1::send_stream_response::Content;
use crate::proto::v1::{
    DeliveryEvent, DeliveryFrame, DeliveryState, MessageStatus, ReportLevel, SendRequest, SendStreamAnswer,
    SendStreamResponse,
};

/// Messages that have not ended. The server lets no more than a few thousand be under way.
#[derive(Default)]
pub(super) struct Ledger {
    /// In the order of the requests.
    open: BTreeMap<u64, Sending>,
    by_id: HashMap<String, u64>,
    by_message: HashMap<String, u64>,
    next: u64,
    receipts: bool,
    /// The newest token that was handed out.
    token: String,
    /// Those who must end before a newer token may be: they were under way when a call was lost, so the server tells of
    /// them again, after its newest position.
    carried: BTreeSet<u64>,
}

/// A request whose message has not ended.
struct Sending {
    request: SendRequest,
    /// That of the caller.
    level: ReportLevel,
    /// Its message, once it was answered at all.
    message: Option<String>,
    /// Whether the present call has answered it.
    answered_here: bool,
    remaining: i32,
    /// The events that were handed out.
    seen: HashSet<String>,
}

impl Ledger {
    /// Notes a request, and gives it back as it is sent.
    pub(super) fn add(&mut self, mut request: SendRequest) -> SendRequest {
        request.request_id = request_id(request.request_id);
        let level = request.report_level();
        // Only at these levels can the end of a message be seen.
        if matches!(level, ReportLevel::Progress | ReportLevel::Failures) {
            request.set_report_level(ReportLevel::Terminal);
        }
        self.receipts |= request.include_receipts;
        // A request_id that is under way already is refused by the server: the answer is all there is of it.
        if !self.by_id.contains_key(&request.request_id) {
            self.by_id.insert(request.request_id.clone(), self.next);
            let sending = Sending {
                request: request.clone(),
                level,
                message: None,
                answered_here: false,
                remaining: 0,
                seen: HashSet::new(),
            };
            self.open.insert(self.next, sending);
            self.next += 1;
        }
        request
    }

    pub(super) fn receipts(&self) -> bool {
        self.receipts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A call was lost: what the next one must send first.
    pub(super) fn carry_over(&mut self) -> VecDeque<SendRequest> {
        self.carried = self.open.keys().copied().collect();
        for sending in self.open.values_mut() {
            sending.answered_here = false;
        }
        self.open.values().map(|sending| sending.request.clone()).collect()
    }

    /// Leaves out what was told before the call was lost; none: nothing is left.
    ///
    /// # Errors
    /// What was accepted before is refused when it is repeated.
    pub(super) fn news(
        &mut self,
        mut response: SendStreamResponse,
    ) -> Result<Option<SendStreamResponse>, Error> {
        let is_news = match &mut response.content {
            Some(Content::Answers(answers)) => {
                let mut kept = Vec::with_capacity(answers.answers.len());
                for answer in std::mem::take(&mut answers.answers) {
                    if self.answer(&answer)? {
                        kept.push(answer);
                    }
                }
                answers.answers = kept;
                !answers.answers.is_empty()
            }
            Some(Content::Frame(frame)) => self.frame(frame),
            None => true,
        };
        Ok(is_news.then_some(response))
    }

    fn frame(&mut self, frame: &mut DeliveryFrame) -> bool {
        let mut is_news = true;
        if let Some(Kind::Events(events)) = &mut frame.kind {
            events.events.retain(|event| self.event(event));
            is_news = !events.events.is_empty();
        }
        if !self.carried.is_empty() {
            frame.resume_token.clone_from(&self.token);
        }
        self.token.clone_from(&frame.resume_token);
        is_news
    }

    fn answer(&mut self, answer: &SendStreamAnswer) -> Result<bool, Error> {
        let Some(&number) = self.by_id.get(&answer.request_id) else { return Ok(true) };
        let Some(sending) = self.open.get_mut(&number).filter(|sending| !sending.answered_here) else {
            return Ok(true);
        };
        sending.answered_here = true;
        let again = sending.message.is_some();
        match &answer.answer {
            Some(Answer::Rejected(rejected)) if again => Err(Error::from_answer(rejected)),
            Some(Answer::Rejected(_)) => {
                self.end(number);
                Ok(true)
            }
            Some(Answer::Accepted(_)) | None if again => Ok(false),
            Some(Answer::Accepted(_)) | None => {
                let message = match &answer.answer {
                    Some(Answer::Accepted(accepted)) => accepted.message.clone().unwrap_or_default(),
                    Some(Answer::Rejected(_)) | None => MessageStatus::default(),
                };
                sending.remaining = message.counts.unwrap_or_default().targets;
                sending.message = Some(message.name.clone());
                if sending.remaining == 0 || sending.level == ReportLevel::Accepted {
                    self.end(number);
                } else {
                    self.by_message.insert(message.name, number);
                }
                Ok(true)
            }
        }
    }

    fn event(&mut self, event: &DeliveryEvent) -> bool {
        let number = self.by_message.get(&event.message).copied();
        let Some((number, sending)) = number.and_then(|number| Some((number, self.open.get_mut(&number)?)))
        else {
            return true;
        };
        if !sending.seen.insert(event.event_id.clone()) {
            return false;
        }
        let level = sending.level;
        if is_terminal(event.state()) {
            sending.remaining -= 1;
            if sending.remaining == 0 {
                self.end(number);
            }
        }
        match level {
            ReportLevel::Progress => false,
            ReportLevel::Failures => event.state() != DeliveryState::Accepted,
            ReportLevel::Unspecified
            | ReportLevel::Accepted
            | ReportLevel::Terminal
            | ReportLevel::Attempts => true,
        }
    }

    fn end(&mut self, number: u64) {
        let Some(sending) = self.open.remove(&number) else { return };
        self.by_id.remove(&sending.request.request_id);
        if let Some(message) = sending.message {
            self.by_message.remove(&message);
        }
        self.carried.remove(&number);
    }
}

fn is_terminal(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Unspecified | DeliveryState::Pending | DeliveryState::Retrying => false,
        DeliveryState::Accepted
        | DeliveryState::Failed
        | DeliveryState::Expired
        | DeliveryState::Cancelled => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{DeliveryCounts, DeliveryEvents, MessageAccepted, SendStreamAnswers};

    fn request(id: &str, level: ReportLevel) -> SendRequest {
        SendRequest { request_id: id.to_owned(), report_level: level.into(), ..SendRequest::default() }
    }

    fn answers(answers: Vec<SendStreamAnswer>) -> SendStreamResponse {
        SendStreamResponse { content: Some(Content::Answers(SendStreamAnswers { answers })) }
    }

    fn accepted(id: &str, targets: i32) -> SendStreamResponse {
        let counts = Some(DeliveryCounts { targets, ..DeliveryCounts::default() });
        let message = MessageStatus { name: format!("messages/{id}"), counts, ..MessageStatus::default() };
        let accepted = MessageAccepted { message: Some(message), replayed: false };
        let answer = Some(Answer::Accepted(accepted));
        answers(vec![SendStreamAnswer { request_id: id.to_owned(), answer }])
    }

    fn rejected(id: &str) -> SendStreamResponse {
        let answer = Some(Answer::Rejected(tonic_types::pb::Status { code: 5, ..Default::default() }));
        answers(vec![SendStreamAnswer { request_id: id.to_owned(), answer }])
    }

    fn event(id: &str, number: &str, state: DeliveryState, token: &str) -> SendStreamResponse {
        let event = DeliveryEvent {
            message: format!("messages/{id}"),
            event_id: number.to_owned(),
            state: state.into(),
            ..DeliveryEvent::default()
        };
        let kind = Some(Kind::Events(DeliveryEvents { events: vec![event] }));
        let frame = DeliveryFrame { kind, resume_token: token.to_owned() };
        SendStreamResponse { content: Some(Content::Frame(frame)) }
    }

    fn token(response: Option<SendStreamResponse>) -> String {
        match response.expect("news").content {
            Some(Content::Frame(frame)) => frame.resume_token,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_told_is_not_told_again_and_tokens_wait_for_it() {
        let mut ledger = Ledger::default();
        ledger.add(request("a", ReportLevel::Terminal));
        ledger.add(request("b", ReportLevel::Terminal));
        assert!(ledger.news(accepted("a", 2)).unwrap().is_some());
        assert_eq!(token(ledger.news(event("a", "1", DeliveryState::Accepted, "t1")).unwrap()), "t1");

        let repeated: Vec<_> = ledger.carry_over().into_iter().map(|request| request.request_id).collect();
        assert_eq!(repeated, ["a", "b"]);
        assert!(ledger.news(accepted("a", 2)).unwrap().is_none());
        assert!(ledger.news(accepted("b", 1)).unwrap().is_some());
        assert!(ledger.news(event("a", "1", DeliveryState::Accepted, "t2")).unwrap().is_none());
        assert_eq!(token(ledger.news(event("b", "2", DeliveryState::Failed, "t3")).unwrap()), "t1");
        assert_eq!(token(ledger.news(event("a", "3", DeliveryState::Expired, "t4")).unwrap()), "t4");
        assert!(ledger.is_empty());
    }

    #[test]
    fn the_end_is_seen_at_every_level_and_no_more_is_told_than_was_asked_for() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.add(request("a", ReportLevel::Progress)).report_level(), ReportLevel::Terminal);
        assert_eq!(ledger.add(request("b", ReportLevel::Failures)).report_level(), ReportLevel::Terminal);
        assert_eq!(ledger.add(request("c", ReportLevel::Accepted)).report_level(), ReportLevel::Accepted);
        for (id, targets) in [("a", 1), ("b", 2), ("c", 1)] {
            assert!(ledger.news(accepted(id, targets)).unwrap().is_some());
        }
        assert!(ledger.news(event("a", "1", DeliveryState::Failed, "t")).unwrap().is_none());
        assert!(ledger.news(event("b", "2", DeliveryState::Accepted, "t")).unwrap().is_none());
        assert!(ledger.news(event("b", "3", DeliveryState::Failed, "t")).unwrap().is_some());
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_refusal_ends_a_request_and_of_one_that_was_accepted_it_is_an_error() {
        let mut ledger = Ledger::default();
        ledger.add(request("a", ReportLevel::Terminal));
        assert!(ledger.news(rejected("a")).unwrap().is_some());
        assert!(ledger.is_empty());
        ledger.add(request("b", ReportLevel::Terminal));
        ledger.news(accepted("b", 1)).unwrap();
        ledger.carry_over();
        assert_eq!(ledger.news(rejected("b")).unwrap_err().code(), tonic::Code::NotFound);
    }
}
