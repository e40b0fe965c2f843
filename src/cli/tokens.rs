//! `fanfare tokens`.

use std::path::{Path, PathBuf};
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
use crate::store::{Store as _, StoreError};

/// Makes, lists and revokes API tokens
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A token is shown once, when it is made. With the first one, callers need credentials from then on: it must be one
of an administrator (--role admin --all-applications), or --without-admin says that none is meant.
While the server is stopped, --data-dir makes a token without asking it: the first one, or one for who has lost theirs. It makes
the directory too.

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
    /// The data directory of a server that is stopped; made if it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    data_dir: Option<PathBuf>,
    /// Also if it is the first token and no administrator's, who then need --data-dir or a certificate
    #[arg(long)]
    without_admin: bool,
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

    /// Whether this token, as the first one, would leave nobody who makes others.
    fn locks_out(&self) -> bool {
        !(self.without_admin || self.all_applications && self.roles.contains(&Role::Admin))
    }

    async fn ask(self) -> Result<(), Failure> {
        let mut client = self.connection.open_admin().await?;
        if self.locks_out() {
            let request = ListApiTokensRequest { all_applications: true, page_size: 1, ..Default::default() };
            // Who may not ask has credentials, so it is not the first token.
            if client.list_api_tokens(request).await.is_ok_and(|page| page.get_ref().api_tokens.is_empty()) {
                return Err(locked_out());
            }
        }
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
        let response = client.create_api_token(request).await?.into_inner();
        if self.connection.json {
            let writer = ProtoJson::of("fanfare.v1.CreateApiTokenResponse")?;
            return Ok(output::line(writer.write(&response)?)?);
        }
        Ok(output::line(response.token)?)
    }

    /// The same, on the store itself.
    async fn offline(self, directory: PathBuf) -> Result<(), Failure> {
        // It is made, but not where a name is misspelt on the way there.
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        let is_new = !directory.exists() && parent.is_none_or(Path::is_dir);
        if !directory.is_dir() && !is_new {
            return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
        }
        if is_new && self.locks_out() {
            return Err(locked_out());
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
        let locks_out = self.locks_out();
        let store = vapid::open(Some(directory)).await?;
        let now = SystemClock.now();
        let (id, secret_hash, text) = callers::new_api_token(now);
        let kept = async {
            if locks_out && store.api_tokens().await?.is_empty() {
                return Ok(false);
            }
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
            store.put_api_token(token).await?;
            Ok::<_, StoreError>(true)
        };
        let kept = kept.await;
        store.close().await;
        if !kept.map_err(anyhow::Error::from)? {
            return Err(locked_out());
        }
        Ok(output::line(text.as_str())?)
    }
}

fn locked_out() -> Failure {
    Failure::usage(
        "this would be the first token: from then on every call needs one, and with this one nobody makes others. Make an \
         administrator's first (--role admin --all-applications), or go on with --without-admin",
    )
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
