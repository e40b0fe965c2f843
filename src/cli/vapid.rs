//! `fanfare vapid`: key pairs in the forms that other libraries print.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::config::ConfigSource;
use super::failure::Failure;
use super::input;
use super::key_pair::parse_pair;
use super::vapid_export::ExportArgs;
use crate::app;
use crate::config;
use crate::domain::application::is_application_name;
use crate::domain::{Clock as _, SystemClock, VapidKeyId};
use crate::store::kv::KvStore;
use crate::store::{Store as _, StoreError};
use crate::webpush::keys::{VapidKeyPair, encode_base64url};

/// Makes, shows and imports VAPID key pairs (RFC 8292)
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A server makes a key pair of its own at its first start. Import one to keep subscribers that were made \
                        with it.

Examples:
  fanfare vapid generate
  fanfare vapid generate --pem > vapid.pem
  npx web-push generate-vapid-keys --json | fanfare vapid import --data-dir fanfare-data --make-current
  fanfare vapid export --data-dir fanfare-data vapid.pem
  fanfare vapid show vapid.pem"
)]
pub(super) struct VapidArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints a new key pair
    Generate {
        #[command(flatten)]
        form: Form,
    },
    /// Prints public keys: of a key file, or of the applications in a data directory
    Show(ShowArgs),
    /// Puts a key pair into a data directory whose server is stopped
    Import(ImportArgs),
    Export(ExportArgs),
}

/// How a pair is printed: by default as two lines of base64url.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct Form {
    /// As PKCS #8 PEM
    #[arg(long)]
    pem: bool,
    /// As JSON, like npm's web-push
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
struct ShowArgs {
    /// A file with a key pair; - for standard input
    #[arg(value_name = "FILE", required_unless_present = "data_dir", conflicts_with = "data_dir")]
    file: Option<String>,
    /// A data directory whose server is stopped
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
struct ImportArgs {
    /// A file with a key pair: PEM, DER, JWK, JSON, lines as npm's web-push prints them, base64url, hexadecimal, an .env; - for
    /// standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: String,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The application that it is for
    #[arg(long, value_name = "NAME", default_value = crate::domain::application::DEFAULT_APPLICATION)]
    application: String,
    /// Browsers are given this key from now on
    #[arg(long)]
    make_current: bool,
}

impl VapidArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Generate { form } => generate(form),
            Action::Show(args) => show(args).await,
            Action::Import(args) => import(args).await,
            Action::Export(args) => args.run().await,
        }
    }
}

fn generate(form: Form) -> Result<(), Failure> {
    let pair = VapidKeyPair::generate().map_err(anyhow::Error::from)?;
    if form.pem {
        print!("{}", pair.to_pem().map_err(anyhow::Error::from)?.as_str());
    } else if form.json {
        let json = WebPushKeys {
            public_key: pair.public_base64url(),
            private_key: pair.private_base64url().to_string(),
        };
        println!("{}", serde_json::to_string(&json).map_err(anyhow::Error::from)?);
    } else {
        println!(
            "Public Key:\n{}\n\nPrivate Key:\n{}",
            pair.public_base64url(),
            pair.private_base64url().as_str()
        );
    }
    Ok(())
}

async fn show(args: ShowArgs) -> Result<(), Failure> {
    if let Some(path) = &args.file {
        println!("{}", read_pair(path)?.public_base64url());
        return Ok(());
    }
    // Opening would make it.
    if let Some(directory) = args.data_dir.as_ref().filter(|directory| !directory.is_dir()) {
        return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
    }
    let store = open(args.data_dir).await?;
    let applications = store.applications().await.map_err(anyhow::Error::from)?;
    for application in applications.iter().filter(|application| !application.deleted) {
        for key in &application.vapid_keys {
            let state = match key.retired {
                Some(_) => " retired",
                None if application.current_vapid_key == Some(key.id) => " current",
                None => "",
            };
            println!("{} {}{state}", application.name, encode_base64url(&key.public));
        }
    }
    store.close().await;
    Ok(())
}

async fn import(args: ImportArgs) -> Result<(), Failure> {
    let pair = read_pair(&args.file)?;
    if !is_application_name(&args.application) {
        return Err(Failure::usage("--application: must have a to z, 0 to 9 and -, and begin with a letter"));
    }
    let public = pair.public_base64url();
    let store = open(Some(args.data_dir)).await?;
    let added = async {
        let application = store.application(&args.application).await?;
        // The store numbers it.
        let key = pair.into_vapid_key(VapidKeyId(1), SystemClock.now());
        let key = store.add_vapid_key(application.id, key, args.make_current).await?;
        let application = store.application(&args.application).await?;
        Ok(application.current_vapid_key == Some(key.id))
    };
    let added: Result<bool, StoreError> = added.await;
    store.close().await;
    let current = added.map_err(anyhow::Error::from)?;
    let role =
        if current { "browsers are given it from now on" } else { "browsers are still given another key" };
    println!("{public} is a key of {}; {role}", args.application);
    Ok(())
}

/// Opens the store that the configuration of the environment, or the argument, names.
pub(super) async fn open(data_dir: Option<PathBuf>) -> Result<KvStore, Failure> {
    let sources = ConfigSource::of_environment().sources();
    let sources =
        sources.with_flag("--data-dir", "store.data_dir", data_dir.map(|dir| dir.display().to_string()));
    let config = config::load(&sources)?.config;
    Ok(app::open_store(&config, Arc::new(SystemClock)).await?)
}

/// What `web-push generate-vapid-keys --json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebPushKeys {
    public_key: String,
    private_key: String,
}

pub(super) fn read_pair(path: &str) -> Result<VapidKeyPair, Failure> {
    parse_pair(&input::read(path)?).map_err(|error| Failure::usage(format!("{path}: {error:#}")))
}
