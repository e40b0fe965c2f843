//! The Rust client's driver of the conformance suite: see ../README.md.

mod json;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead as _;
use std::time::Duration;

use fanfare::client::{Certificate, Client, ClientTlsConfig, Deliveries, Error, Options, Results, connect};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::send_stream_answer::Answer;
use fanfare::proto::v1::send_stream_response::Content;
use fanfare::proto::v1::{
    BroadcastRequest, DeliveryFrame, SendRequest, SubscribeRequest, WatchDeliveriesRequest,
};
use futures_util::stream;
use prost::Message as _;
use prost_reflect::DynamicMessage;
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step {
    r#do: String,
    target: String,
    token: String,
    certificate: String,
    reconnect_for: f64,
    accept_for: f64,
    rpc: String,
    request: Value,
    subscription: Value,
    deadline: f64,
    stream: String,
    events: u64,
    count: usize,
}

enum Source {
    Deliveries(Box<Deliveries>),
    Results(Box<Results>),
}

/// A stream that was opened, and what has come of it.
struct Opened {
    source: Source,
    seen: HashSet<(String, String)>,
    total: BTreeMap<&'static str, u64>,
    states: BTreeMap<String, u64>,
}

#[tokio::main]
async fn main() {
    let (mut client, mut streams) = (None, HashMap::new());
    for line in std::io::stdin().lock().lines() {
        let step: Step = serde_json::from_str(&line.expect("a line")).expect("a step");
        let mut given = json!({});
        let answered = run(&mut client, &mut streams, step, &mut given).await;
        if let Err(error) = answered {
            given["error"] = described(&error);
        }
        println!("{given}");
    }
}

async fn run(
    connected: &mut Option<Client>,
    streams: &mut HashMap<String, Opened>,
    step: Step,
    given: &mut Value,
) -> Result<(), Error> {
    if step.r#do == "connect" {
        let mut options = Options { token: step.token, ..Options::default() };
        if !step.certificate.is_empty() {
            options.tls =
                Some(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(step.certificate)));
        }
        if step.accept_for > 0.0 {
            options.accept_for = Duration::from_secs_f64(step.accept_for);
        }
        if step.reconnect_for > 0.0 {
            options.reconnect_for = Duration::from_secs_f64(step.reconnect_for);
        }
        *connected = Some(connect(&step.target, options)?);
        return Ok(());
    }
    let client = connected.as_ref().expect("connect comes first");
    let client = match step.deadline {
        0.0 => client.clone(),
        deadline => client.within(Duration::from_secs_f64(deadline)),
    };
    match step.r#do.as_str() {
        "call" => given["response"] = call(&client, &step).await?,
        "subscribe" => {
            let with: SubscribeRequest = json::read("SubscribeRequest", &step.request);
            let response = client.subscribe(step.subscription.to_string(), with).await?;
            given["response"] = json::written("SubscribeResponse", &response);
        }
        "open" => {
            let opened = open(&client, &step, given).await?;
            streams.insert(step.stream, opened);
        }
        "read" => {
            let stream = streams.get_mut(&step.stream).expect("an open stream");
            read_on(stream, step.events, given).await?;
        }
        "close" => drop(streams.remove(&step.stream)),
        "many" => *given = many(&client, &step).await?,
        other => panic!("no step is called {other}"),
    }
    Ok(())
}

/// Makes a unary call by its name.
async fn call(client: &Client, step: &Step) -> Result<Value, Error> {
    let method = json::method(&step.rpc);
    let request = json::dynamic(method.input(), &step.request);
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut stub = tonic::client::Grpc::new(client.calls());
    let path = path.parse().expect("a path");
    let response = stub.unary(tonic::Request::new(request), path, Dynamic(method)).await?;
    Ok(json::written_dynamic(response.get_ref()))
}

/// The stubs of all unary calls are alike; this reaches the connection beneath them.
struct Dynamic(prost_reflect::MethodDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        DynamicDecoder(self.0.output())
    }
}

struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = tonic::Status;

    fn encode(&mut self, message: DynamicMessage, into: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        message.encode(into).map_err(|error| tonic::Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

struct DynamicDecoder(prost_reflect::MessageDescriptor);

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, tonic::Status> {
        let decoded = DynamicMessage::decode(self.0.clone(), from);
        decoded.map(Some).map_err(|error| tonic::Status::internal(error.to_string()))
    }
}

async fn open(client: &Client, step: &Step, given: &mut Value) -> Result<Opened, Error> {
    let source = match step.rpc.as_str() {
        "SendStream" => {
            let request: SendRequest = json::read("SendRequest", &step.request);
            let requests = stream::iter(std::iter::repeat_n(request, step.count));
            Source::Results(Box::new(client.send_stream(requests)))
        }
        rpc => {
            let deliveries = match rpc {
                "Send" => {
                    let request: SendRequest = json::read("SendRequest", &step.request);
                    client.send(request).await?
                }
                "Broadcast" => {
                    let request: BroadcastRequest = json::read("BroadcastRequest", &step.request);
                    client.broadcast(request).await?
                }
                _ => {
                    let request: WatchDeliveriesRequest = json::read("WatchDeliveriesRequest", &step.request);
                    client.watch(request).await?
                }
            };
            given["replayed"] = json!(deliveries.replayed());
            position(&deliveries, given);
            Source::Deliveries(Box::new(deliveries))
        }
    };
    let names = ["frames", "events", "duplicates", "answers", "rejected"];
    Ok(Opened {
        source,
        seen: HashSet::new(),
        total: names.map(|name| (name, 0)).into(),
        states: BTreeMap::new(),
    })
}

fn position(deliveries: &Deliveries, given: &mut Value) {
    given["resume_token"] = json!(deliveries.resume_token());
    if let Some(message) = deliveries.message() {
        given["message"] = json::written("MessageStatus", message);
    }
}

/// Reads until so many more events have come, or the end.
async fn read_on(stream: &mut Opened, events: u64, given: &mut Value) -> Result<(), Error> {
    let until = (events > 0).then(|| stream.total["events"] + events);
    let ended = loop {
        if until.is_some_and(|until| stream.total["events"] >= until) {
            break Ok(false);
        }
        match stream.next().await {
            Ok(true) => {}
            Ok(false) => break Ok(true),
            Err(error) => break Err(error),
        }
    };
    for (name, number) in &stream.total {
        given[*name] = json!(number);
    }
    given["states"] = json!(stream.states);
    given["ended"] = json!(matches!(ended, Ok(true)));
    if let Source::Deliveries(deliveries) = &stream.source {
        position(deliveries, given);
    }
    ended.map(|_| ())
}

impl Opened {
    /// Notes what comes next; false at the end.
    async fn next(&mut self) -> Result<bool, Error> {
        let frame = match &mut self.source {
            Source::Deliveries(deliveries) => match deliveries.next().await? {
                Some(frame) => frame,
                None => return Ok(false),
            },
            Source::Results(results) => match results.next().await?.map(|response| response.content) {
                Some(Some(Content::Frame(frame))) => frame,
                Some(Some(Content::Answers(answers))) => {
                    self.add("answers", answers.answers.len());
                    let rejected = |answer: &&_| matches!(answer, Some(Answer::Rejected(_)));
                    let answers = answers.answers.into_iter().map(|answer| answer.answer);
                    self.add("rejected", answers.collect::<Vec<_>>().iter().filter(rejected).count());
                    return Ok(true);
                }
                Some(None) => return Ok(true),
                None => return Ok(false),
            },
        };
        self.note(frame);
        Ok(true)
    }

    fn note(&mut self, frame: DeliveryFrame) {
        self.add("frames", 1);
        let Some(Kind::Events(events)) = frame.kind else { return };
        for event in events.events {
            self.add("events", 1);
            *self.states.entry(event.state().as_str_name().to_owned()).or_default() += 1;
            let new = self.seen.insert((event.message, event.event_id));
            self.add("duplicates", usize::from(!new));
        }
    }

    fn add(&mut self, name: &'static str, by: usize) {
        *self.total.entry(name).or_default() += by as u64;
    }
}

/// Sends the same at once, so many times, each to its end.
async fn many(client: &Client, step: &Step) -> Result<Value, Error> {
    let request: SendRequest = json::read("SendRequest", &step.request);
    let sends: Vec<_> = (0..step.count)
        .map(|_| {
            let (client, request) = (client.clone(), request.clone());
            tokio::spawn(async move {
                let mut deliveries = client.send(request).await?;
                let mut events = 0_u64;
                while deliveries.next_event().await?.is_some() {
                    events += 1;
                }
                let message = deliveries.message().map(|message| message.name.clone());
                Ok::<_, Error>((message.unwrap_or_default(), events))
            })
        })
        .collect();
    let (mut messages, mut events) = (HashSet::new(), 0);
    for send in sends {
        let (message, of_it) = send.await.expect("a send ends")?;
        messages.insert(message);
        events += of_it;
    }
    Ok(json!({"messages": messages.len(), "events": events}))
}

fn described(error: &Error) -> Value {
    let fields: Vec<_> = error.violations().iter().map(|violation| &violation.field).collect();
    let mut given = json!({
        "code": code_name(&format!("{:?}", error.code())),
        "reason": error.reason(),
        "violations": fields,
        "metadata": error.metadata(),
    });
    if let Some(resource) = error.resource() {
        given["resource"] = json!([resource.kind, resource.name]);
    }
    if let Some(delay) = error.retry_after() {
        given["retry_after"] = json!(delay.as_secs_f64());
    }
    given
}

/// The code as the other languages write it.
fn code_name(code: &str) -> String {
    let mut name = String::new();
    for letter in code.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
