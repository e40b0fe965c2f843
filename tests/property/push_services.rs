//! Push services that answer as the history says, each request after its delay.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use fanfare::transport::TransportError;
use fanfare::transport::scripted::{Answer, Answered, ScriptedTransport, response};
use fanfare::webpush::request::PushRequest;

use super::steps::{Reply, What};
use super::witness::Witness;

/// How they answer. Cheap to clone; clones share everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushServices(Arc<Mutex<Scripts>>);

#[derive(Debug, Default)]
struct Scripts {
    /// By endpoint: the next answers.
    next: BTreeMap<String, VecDeque<Reply>>,
    /// By origin: all answers that are not told.
    weather: BTreeMap<String, Reply>,
}

impl PushServices {
    fn with<T>(&self, change: impl FnOnce(&mut Scripts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn answer_next(&self, endpoint: &str, answers: &[Reply]) {
        self.with(|scripts| scripts.next.entry(endpoint.to_owned()).or_default().extend(answers));
    }

    pub(crate) fn set_weather(&self, origin: &str, answer: Option<Reply>) {
        self.with(|scripts| match answer {
            Some(answer) => scripts.weather.insert(origin.to_owned(), answer),
            None => scripts.weather.remove(origin),
        });
    }

    /// From now on they accept everything.
    pub(crate) fn recover(&self) {
        self.with(|scripts| *scripts = Scripts::default());
    }

    fn reply(&self, request: &PushRequest) -> Reply {
        const ACCEPTED: Reply = Reply { what: What::Status(201), delay: 1 };
        let (endpoint, origin) = (request.endpoint.expose(), request.endpoint.origin().as_str());
        self.with(|scripts| {
            let next = scripts.next.get_mut(endpoint).and_then(VecDeque::pop_front);
            next.or_else(|| scripts.weather.get(origin).copied()).unwrap_or(ACCEPTED)
        })
    }

    /// The way to them for one life of the server.
    pub(crate) fn transport(&self, witness: Arc<Witness>) -> ScriptedTransport {
        let services = self.clone();
        ScriptedTransport::new(move |request| {
            let reply = services.reply(request);
            let delivery = witness.posting(request);
            let (held, release) = Answer::held();
            let (witness, request) = (Arc::clone(&witness), request.clone());
            tokio::spawn(async move {
                tokio::time::sleep(reply.delay()).await;
                let answer = answered(reply.what);
                witness.answering(&request, delivery, &answer);
                release.answer(answer);
            });
            held
        })
    }
}

fn answered(what: What) -> Answered {
    match what {
        What::Status(status) => Ok(response(status)),
        What::NotBefore(status, secs) => {
            let mut response = response(status);
            response.headers.insert("retry-after", secs.into());
            Ok(response)
        }
        What::Reset { sent } => Err(TransportError::Unreachable { detail: "reset".to_owned(), sent }),
        What::TimedOut { sent } => Err(TransportError::TimedOut { sent }),
        What::RefusedStream => Err(TransportError::StreamRefused),
    }
}
