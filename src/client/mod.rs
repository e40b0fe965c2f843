//! Calls a Fanfare server.
//!
//! A thin layer over the generated stubs, which are there as [`Client::push`] and [`Client::admin`]. It adds what every
//! caller needs: a connection with sensible keepalive, deadlines and retries; status streams that go on by themselves
//! after a lost connection, without a gap or a duplicate; and errors whose details can be read. It has the shape that
//! `clients/README.md` describes for every language.
//!
//! ```no_run
//! use fanfare::client::{Options, connect};
//! use fanfare::proto::v1::{Message, Notification, SendRequest, message::Payload, send_request::Recipient};
//!
//! # async fn dinner() -> Result<(), fanfare::client::Error> {
//! let client = connect("http://127.0.0.1:8030", Options::default())?;
//! let notification = Notification { title: "Dinner is ready".to_owned(), ..Notification::default() };
//! let mut stream = client
//!     .send(SendRequest {
//!         recipient: Some(Recipient::UserId("alice".to_owned())),
//!         message: Some(Message { payload: Some(Payload::Notification(notification)), ..Message::default() }),
//!         ..SendRequest::default()
//!     })
//!     .await?;
//! while let Some(event) = stream.next_event().await? {
//!     println!("{} {:?}", event.subscription, event.outcome());
//! }
//! # Ok(()) }
//! ```

mod calls;
mod connect;
mod deliveries;
mod error;
mod pause;
mod rules;
mod send_stream;
mod subscribe;

pub use calls::Calls;
pub use connect::{Client, Options, connect};
#[cfg(feature = "server")]
pub(crate) use connect::{endpoint, server_uri};
pub use deliveries::Deliveries;
pub use error::{Error, Resource, Violation};
#[cfg(feature = "server")]
pub(crate) use pause::Pause;
pub use send_stream::Results;
pub use tonic::Code;
pub use tonic::transport::{Certificate, ClientTlsConfig, Identity};
