//! `fanfare vapid-keys`.

use clap::{Args, Subcommand};

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::vapid::read_pair;
use crate::proto::v1::{
    CreateVapidKeyRequest, ListVapidKeysRequest, RetireVapidKeyRequest, SetCurrentVapidKeyRequest, VapidKey,
    VapidKeyState,
};

/// Rotates the VAPID keys of an application while the server runs
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare vapid-keys list
  fanfare vapid-keys create --make-current          browsers that come now are given the new key
  fanfare vapid-keys retire vapidKeys/1             once no subscription was made with it any more
  fanfare vapid-keys retire --remove vapidKeys/1    the same, and nothing of it is left

A subscription is always signed for with the key that it was made with, so none is lost while browsers change over one after
the other: pages that use clients/web do so at their next visit. `list` shows how many are left with each key. `fanfare vapid`
makes and imports keys without a server.")]
pub(super) struct VapidKeysArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints a line for each, the current one first
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Makes one, or imports one
    Create {
        #[command(flatten)]
        connection: Connection,
        /// A file with the pair to import, in any form that libraries print; - for standard input
        #[arg(long, value_name = "FILE")]
        import: Option<String>,
        /// Give it to browsers from now on
        #[arg(long)]
        make_current: bool,
    },
    /// Gives this one to browsers from now on
    Use {
        #[command(flatten)]
        connection: Connection,
        /// Its name, vapidKeys/…
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Destroys the private half of one that is not current
    Retire {
        #[command(flatten)]
        connection: Connection,
        /// Its name, vapidKeys/…
        #[arg(value_name = "NAME")]
        name: String,
        /// Also if subscriptions were made with it: they are disabled
        #[arg(long)]
        force: bool,
        /// Remove it altogether, retired or not, once no active subscription is made with it
        #[arg(long, conflicts_with = "force")]
        remove: bool,
    },
}

impl VapidKeysArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List { connection } => list(&connection).await,
            Action::Create { connection, import, make_current } => {
                let private_key = match &import {
                    Some(file) => read_pair(file)?.private_base64url().to_string(),
                    None => String::new(),
                };
                let application = connection.application.clone();
                let request = CreateVapidKeyRequest { application, private_key, make_current };
                let made = connection.open_admin().await?.create_vapid_key(request).await?.into_inner();
                show(&connection, made.vapid_key.as_ref())
            }
            Action::Use { connection, name } => {
                let request = SetCurrentVapidKeyRequest { application: connection.application.clone(), name };
                let set = connection.open_admin().await?.set_current_vapid_key(request).await?.into_inner();
                show(&connection, set.vapid_key.as_ref())
            }
            Action::Retire { connection, name, force, remove } => {
                let application = connection.application.clone();
                let request = RetireVapidKeyRequest { application, name, force, remove };
                let retired = connection.open_admin().await?.retire_vapid_key(request).await?.into_inner();
                show(&connection, retired.vapid_key.as_ref())
            }
        }
    }
}

async fn list(connection: &Connection) -> Result<(), Failure> {
    let mut client = connection.open_admin().await?;
    let mut request =
        ListVapidKeysRequest { application: connection.application.clone(), ..Default::default() };
    loop {
        let page = client.list_vapid_keys(request.clone()).await?.into_inner();
        for key in &page.vapid_keys {
            show(connection, Some(key))?;
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

fn show(connection: &Connection, key: Option<&VapidKey>) -> Result<(), Failure> {
    let Some(key) = key else { return Ok(()) };
    if connection.json {
        let writer = ProtoJson::of("fanfare.v1.VapidKey")?;
        return Ok(output::line(writer.write(key)?)?);
    }
    let state = match key.state() {
        VapidKeyState::Current => "current",
        VapidKeyState::Standby => "standby",
        VapidKeyState::Retired => "retired",
        VapidKeyState::Unspecified => "unknown",
    };
    let line = format!(
        "{} {} {state}, {} subscriptions",
        key.name, key.application_server_key, key.subscription_count
    );
    Ok(output::line(line)?)
}
