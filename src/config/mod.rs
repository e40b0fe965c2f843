//! Configuration: what an operator may set. `default.toml` is built in and is the documentation of every setting; a file,
//! the environment and flags go over it ([`load`]). What does not belong together is refused, all of it at once
//! ([`validate`]).

mod address;
mod error;
mod file;
mod load;
mod open_files;
mod path;
mod sealing;
mod show;
mod sources;
mod unreadable;
mod validate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use crate::api::ApiSettings;
use crate::api::server::ServerSettings;
use crate::api::tls::TlsSettings;
use crate::domain::application::DEFAULT_APPLICATION;
use crate::domain::{MessageDefaults, Padding, Urgency};
use crate::engine::applications::{Base, Bases};
use crate::engine::{EngineSettings, ReceiptSettings, RetentionSettings};
use crate::observe::LogSettings;
use crate::store::kv;
use crate::transport::{HttpSettings, PushServicesSettings};

pub use address::listen_address;
pub use error::{ConfigError, Problem};
pub use load::{Loaded, load};
pub use sealing::{MasterKeyFailure, SealingConfig, mode_open_to_others};
pub use sources::{Override, Sources};

/// The built-in layer, with comments.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The contact in `default.toml`: somebody else's.
pub const PLACEHOLDER_CONTACT: &str = "mailto:webpush@example.com";

/// Everything that can be set. The fields and their defaults are documented in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where and how callers are served.
    pub server: ServerConfig,
    /// Where metrics and health are served.
    pub admin: AdminConfig,
    /// Where browsers report, and which reports are taken.
    pub receipts: ReceiptsConfig,
    /// What is logged.
    pub log: LogSettings,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// How messages are worked off.
    pub engine: EngineSettings,
    /// How long what has ended is kept.
    pub retention: RetentionSettings,
    /// How push services are posted to.
    pub transport: HttpSettings,
    /// Which push services may be posted to.
    pub push_services: PushServicesSettings,
    /// Endpoints of the time of GCM.
    pub gcm: GcmConfig,
    /// What messages and applications leave unset.
    pub application_defaults: ApplicationDefaults,
    /// The tenants, in the order of the file; `default` is always among them.
    pub applications: Vec<ApplicationConfig>,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port of the gRPC server; port 0 takes a free one.
    #[serde(deserialize_with = "address::read")]
    pub listen: SocketAddr,
    /// Other than loopback addresses may be listened on although nobody is asked who they are.
    pub insecure: bool,
    /// Callers need credentials also while there is no API token.
    pub credentials_required: bool,
    /// Time for an orderly shutdown as a whole.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// TLS for callers.
    pub tls: TlsSettings,
    /// Connections and calls.
    pub http: ServerSettings,
    /// The service itself.
    pub calls: ApiSettings,
}

impl ServerConfig {
    /// Whether callers need credentials from the start.
    #[must_use]
    pub fn asks_who_calls(&self) -> bool {
        self.credentials_required || self.tls.client_ca.is_some()
    }
}

/// `[admin]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Address and port of metrics and health; port 0 takes a free one.
    #[serde(deserialize_with = "address::read")]
    pub listen: SocketAddr,
}

/// `[receipts]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsConfig {
    /// Address and port where browsers report; port 0 takes a free one. Without it receipts cannot be asked for.
    #[serde(default, deserialize_with = "address::read_optional")]
    pub listen: Option<SocketAddr>,
    /// How long after a message's ttl receipts of it are taken.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// Receipts that are taken in a second, over all browsers.
    pub max_per_second: u32,
}

impl ReceiptsConfig {
    /// As the engine takes them.
    #[must_use]
    pub fn settings(&self) -> ReceiptSettings {
        ReceiptSettings { window: self.window, max_per_second: self.max_per_second }
    }
}

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The directory that everything is kept in; made if there is none.
    pub data_dir: PathBuf,
    /// Octets of the disk that are left free.
    pub free_octets_min: u64,
    /// What sled's cache may hold, in octets.
    pub cache_octets: u64,
    /// Commands of each class that may wait for the writer.
    pub queue_commands: usize,
    /// Commands at most that share a sync.
    pub group_commands: usize,
    /// Rows after which a group takes no more commands.
    pub group_rows: usize,
    /// Reads that may run at once.
    pub reads: usize,
    /// What is sealed, and under which keys.
    pub sealing: SealingConfig,
}

impl StoreConfig {
    /// As the store takes them.
    #[must_use]
    pub fn settings(&self) -> kv::Settings {
        kv::Settings {
            free_octets_min: self.free_octets_min,
            cache_octets: self.cache_octets,
            queue_commands: self.queue_commands,
            group_commands: self.group_commands,
            group_rows: self.group_rows,
            reads: self.reads,
        }
    }
}

/// `[gcm]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GcmConfig {
    /// Sent to endpoints of the time of GCM (`Authorization: key=…`).
    pub api_key: Option<SecretString>,
}

/// `[application_defaults]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationDefaults {
    /// VAPID's `sub`.
    pub contact: String,
    /// Share of what the server can send, 1 to 1,000.
    pub weight: u32,
    /// How long a message is worth delivering.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// RFC 8030 section 5.3.
    pub urgency: UrgencyName,
    /// How the length of payloads is hidden.
    pub padding: PaddingName,
}

/// `[[applications]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationConfig {
    /// What callers name it by.
    pub name: String,
    /// Else that of [`ApplicationDefaults`]; so for all that follow.
    pub contact: Option<String>,
    /// Share of what the server can send, 1 to 1,000.
    pub weight: Option<u32>,
    /// How long a message is worth delivering.
    #[serde(default, with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// RFC 8030 section 5.3.
    pub urgency: Option<UrgencyName>,
    /// How the length of payloads is hidden.
    pub padding: Option<PaddingName>,
}

impl ApplicationConfig {
    /// An application of which nothing but the name is set.
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), contact: None, weight: None, ttl: None, urgency: None, padding: None }
    }
}

/// An application with what it left unset filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveApplication {
    /// What callers name it by.
    pub name: String,
    /// VAPID's `sub`.
    pub contact: String,
    /// Share of what the server can send, 1 to 1,000.
    pub weight: u32,
    /// What a message leaves unset.
    pub defaults: MessageDefaults,
}

impl Config {
    /// What holds for applications that set nothing themselves.
    #[must_use]
    pub fn bases(&self) -> Bases {
        let defaults = &self.application_defaults;
        let base =
            |of: EffectiveApplication| Base { contact: of.contact, weight: of.weight, defaults: of.defaults };
        Bases {
            named: self.effective_applications().into_iter().map(|of| (of.name.clone(), base(of))).collect(),
            others: Base {
                contact: defaults.contact.clone(),
                weight: defaults.weight,
                defaults: MessageDefaults {
                    ttl: defaults.ttl,
                    urgency: defaults.urgency.into(),
                    padding: defaults.padding.into(),
                },
            },
        }
    }

    /// The applications with what they leave unset filled in.
    #[must_use]
    pub fn effective_applications(&self) -> Vec<EffectiveApplication> {
        let defaults = &self.application_defaults;
        self.applications
            .iter()
            .map(|application| EffectiveApplication {
                name: application.name.clone(),
                contact: application.contact.as_ref().unwrap_or(&defaults.contact).clone(),
                weight: application.weight.unwrap_or(defaults.weight),
                defaults: MessageDefaults {
                    ttl: application.ttl.unwrap_or(defaults.ttl),
                    urgency: application.urgency.unwrap_or(defaults.urgency).into(),
                    padding: application.padding.unwrap_or(defaults.padding).into(),
                },
            })
            .collect()
    }

    /// Adds the application that always exists.
    fn with_default_application(mut self) -> Self {
        if !self.applications.iter().any(|application| application.name == DEFAULT_APPLICATION) {
            self.applications.push(ApplicationConfig::named(DEFAULT_APPLICATION));
        }
        self
    }
}

/// [`Urgency`] as it is written in a configuration and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum UrgencyName {
    /// On power and Wi-Fi.
    VeryLow,
    /// On either power or Wi-Fi.
    Low,
    /// The usual.
    Normal,
    /// Low battery too.
    High,
}

impl From<UrgencyName> for Urgency {
    fn from(name: UrgencyName) -> Self {
        match name {
            UrgencyName::VeryLow => Self::VeryLow,
            UrgencyName::Low => Self::Low,
            UrgencyName::Normal => Self::Normal,
            UrgencyName::High => Self::High,
        }
    }
}

/// [`Padding`] as it is written in a configuration and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PaddingName {
    /// The length shows.
    None,
    /// To the next power of two, from 128 octets on.
    PowerOfTwo,
    /// To the largest payload that fits.
    Maximum,
}

impl From<PaddingName> for Padding {
    fn from(name: PaddingName) -> Self {
        match name {
            PaddingName::None => Self::None,
            PaddingName::PowerOfTwo => Self::PowerOfTwo,
            PaddingName::Maximum => Self::Maximum,
        }
    }
}
