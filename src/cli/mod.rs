//! The command line: what people type, and what they see. Everything that prints is here.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the command line is what prints")]

mod applications;
mod audit;
mod backup;
mod bench;
mod browser;
mod cancel;
mod changes;
mod config;
mod connection;
mod course;
mod decide;
mod deliveries;
pub mod demo;
mod desktop;
mod doctor;
mod explain;
mod export;
mod failure;
mod follow;
mod generated;
mod health;
mod import;
mod input;
mod json;
mod key_pair;
mod message;
mod messages;
mod origins;
mod output;
pub mod process;
mod restore;
mod sandbox;
mod send;
mod serve;
mod site;
mod snapshot;
mod stop;
mod store;
mod subscribe;
mod subscriptions;
mod supervisor;
mod table;
mod times;
mod tokens;
mod vapid;
mod vapid_export;
mod vapid_keys;
mod view;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;
pub use sandbox::SandboxReady;
pub use serve::{ReadyApplication, ServeReady};

/// Fanfare delivers Web Push messages: gRPC in, RFC 8030 out, the status of every endpoint streamed back
#[derive(Parser, Clone, Debug)]
#[command(name = "fanfare", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    Bench(bench::BenchArgs),
    Sandbox(sandbox::SandboxArgs),
    Config(config::ConfigArgs),
    Vapid(vapid::VapidArgs),
    VapidKeys(vapid_keys::VapidKeysArgs),
    Applications(applications::ApplicationsArgs),
    Subscribe(subscribe::SubscribeArgs),
    Subscriptions(subscriptions::SubscriptionsArgs),
    Send(send::SendArgs),
    Broadcast(send::BroadcastArgs),
    Watch(watch::WatchArgs),
    Messages(messages::MessagesArgs),
    Deliveries(deliveries::DeliveriesArgs),
    Cancel(cancel::CancelArgs),
    Origins(origins::OriginsArgs),
    Tokens(tokens::TokensArgs),
    Explain(explain::ExplainArgs),
    Audit(audit::AuditArgs),
    Store(store::StoreArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Doctor(doctor::DoctorArgs),
    Health(health::HealthArgs),
    Completions(generated::CompletionsArgs),
    Man(generated::ManArgs),
}

/// Runs a command line to its end: arguments as the process got them.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors too, that go to stdout.
            let code = if error.use_stderr() { failure::EXIT_USAGE } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    match cli.command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(args) => args.run().await,
            Self::Demo(args) => args.run().await,
            Self::Bench(args) => args.run().await,
            Self::Sandbox(args) => args.run().await,
            Self::Config(args) => args.run(),
            Self::Vapid(args) => args.run().await,
            Self::VapidKeys(args) => args.run().await,
            Self::Applications(args) => args.run().await,
            Self::Subscribe(args) => args.run().await,
            Self::Subscriptions(args) => args.run().await,
            Self::Send(args) => args.run().await,
            Self::Broadcast(args) => args.run().await,
            Self::Watch(args) => args.run().await,
            Self::Messages(args) => args.run().await,
            Self::Deliveries(args) => args.run().await,
            Self::Cancel(args) => args.run().await,
            Self::Origins(args) => args.run().await,
            Self::Tokens(args) => args.run().await,
            Self::Explain(args) => args.run().await,
            Self::Audit(args) => args.run().await,
            Self::Store(args) => args.run().await,
            Self::Backup(args) => args.run().await,
            Self::Restore(args) => args.run().await,
            Self::Doctor(args) => args.run().await,
            Self::Health(args) => args.run().await,
            Self::Completions(args) => args.run(),
            Self::Man(args) => args.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
