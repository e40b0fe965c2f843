//! `fanfare tokens`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use prost_types::Timestamp;

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::{output, vapid};
use crate::api::callers;
use crate::api::role;
use crate::domain::application::{DEFAULT_APPLICATION, is_application_name};
use crate::domain::{self, Clock as _, Role, SystemClock};
use crate::proto::v1::{
    ApiToken, CreateApiTokenRequest, ListApiTokensRequest, RevokeApiTokenRequest, Role as ProtoRole,
};
use crate::store::Store as _;

/// Makes, lists and revokes API tokens
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A token is shown once, when it is made. With the first one, callers need credentials from then on.
While the server is stopped, --data-dir makes a token without asking it: the first one, or one for who has lost theirs.

Roles: publisher sends and sees what became of it; subscriber keeps subscriptions; reader reads; admin does everything.

Examples:
  fanfare tokens create --data-dir fanfare-data --role admin --all-applications
  fanfare tokens create --role publisher --name orders --expires 90days
  fanfare tokens list
  fanfare tokens revoke apiTokens/01a2040561b3007073e4c20306f26b6b"
)]
pub(super) struct TokensArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Makes a token and prints it
    Create(CreateArgs),
    /// Prints a line for each token, the newest first
    List {
        #[command(flatten)]
        connection: Connection,
        /// Those of all applications together
        #[arg(long)]
        all_applications: bool,
    },
    /// Ends a token at once, with the streams that it opened
    Revoke {
        #[command(flatten)]
        connection: Connection,
        /// Its name, apiTokens/…
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Args, Clone, Debug)]
struct CreateArgs {
    #[command(flatten)]
    connection: Connection,
    /// What it may do; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<Role>,
    /// What you call it
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// After how long it ends, for example 90days; without it, never
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// It is for all applications
    #[arg(long)]
    all_applications: bool,
    /// The data directory of a server that is stopped
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    data_dir: Option<PathBuf>,
}

impl TokensArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Create(args) => args.run().await,
            Action::List { connection, all_applications } => list(&connection, all_applications).await,
            Action::Revoke { connection, name } => {
                let request = RevokeApiTokenRequest { name: name.clone(), allow_missing: false };
                connection.open_admin().await?.revoke_api_token(request).await?;
                Ok(output::line(format!("{name} revoked"))?)
            }
        }
    }
}

impl CreateArgs {
    async fn run(self) -> Result<(), Failure> {
        if self.all_applications && !self.connection.application.is_empty() {
            return Err(Failure::usage("--application cannot be used with --all-applications"));
        }
        match self.data_dir.clone() {
            Some(directory) => self.offline(directory).await,
            None => self.ask().await,
        }
    }

    async fn ask(self) -> Result<(), Failure> {
        let expires = self.expires.map(|expires| {
            let end = SystemClock.now().plus(expires);
            Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_micros(end.as_micros()))
        });
        let api_token = ApiToken {
            all_applications: self.all_applications,
            roles: self.roles.iter().map(|one| role(*one).into()).collect(),
            display_name: self.name,
            expire_time: expires,
            ..ApiToken::default()
        };
        let application = self.connection.application.clone();
        let request = CreateApiTokenRequest { application, api_token: Some(api_token) };
        let response = self.connection.open_admin().await?.create_api_token(request).await?.into_inner();
        if self.connection.json {
            let writer = ProtoJson::of("fanfare.v1.CreateApiTokenResponse")?;
            return Ok(output::line(writer.write(&response)?)?);
        }
        Ok(output::line(response.token)?)
    }

    /// The same, on the store itself.
    async fn offline(self, directory: PathBuf) -> Result<(), Failure> {
        if !directory.is_dir() {
            // It would be made.
            return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
        }
        let name = match self.connection.application.as_str() {
            "" => DEFAULT_APPLICATION,
            name => name,
        };
        if !is_application_name(name) {
            return Err(Failure::usage(
                "--application: must be a to z, 0 to 9 and -, beginning with a letter",
            ));
        }
        let store = vapid::open(Some(directory)).await?;
        let now = SystemClock.now();
        let (id, secret_hash, text) = callers::new_api_token(now);
        let kept = async {
            let application =
                if self.all_applications { None } else { Some(store.application(name).await?.id) };
            let token = domain::ApiToken {
                id,
                application,
                roles: self.roles.iter().copied().collect(),
                display_name: self.name,
                secret_hash,
                expires: self.expires.map(|expires| now.plus(expires)),
                created: now,
                last_used: None,
            };
            store.put_api_token(token).await
        };
        let kept = kept.await;
        store.close().await;
        kept.map_err(anyhow::Error::from)?;
        Ok(output::line(text.as_str())?)
    }
}

async fn list(connection: &Connection, all_applications: bool) -> Result<(), Failure> {
    let json = connection.json.then(|| ProtoJson::of("fanfare.v1.ApiToken")).transpose()?;
    let mut client = connection.open_admin().await?;
    let application = connection.application.clone();
    let mut request =
        ListApiTokensRequest { application, all_applications, ..ListApiTokensRequest::default() };
    loop {
        let page = client.list_api_tokens(request.clone()).await?.into_inner();
        for token in &page.api_tokens {
            match &json {
                Some(writer) => output::line(writer.write(token)?)?,
                None => output::line(line(token))?,
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

fn line(token: &ApiToken) -> String {
    let whose = if token.all_applications { "all applications" } else { token.application.as_str() };
    let roles: Vec<_> = token.roles().map(role_name).collect();
    let mut line = format!("{} {}… {whose} {}", token.name, token.hint, roles.join(","));
    if !token.display_name.is_empty() {
        line = format!("{line} {:?}", token.display_name);
    }
    for (what, time) in [("expires", token.expire_time), ("last used", token.last_used_time)] {
        if let Some(time) = time {
            line = format!("{line}, {what} {time}");
        }
    }
    line
}

fn role_name(role: ProtoRole) -> String {
    let name = role.as_str_name();
    name.strip_prefix("ROLE_").unwrap_or(name).to_lowercase()
}
