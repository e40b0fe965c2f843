//! Drills: each starts the real program as processes, does to it what production does, and says whether every promise
//! held. Run them by `cargo drill NAME`; `cargo drill --list` names them. Progress goes to stderr; the last line is one
//! JSON object with the figures, and the exit code is the verdict.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod adaptation;
mod backup;
mod calls;
mod checks;
mod clients;
mod crash;
mod disk;
mod flood;
mod hostile;
mod import;
mod isolation;
mod leaks;
mod matrix;
mod memory;
mod metrics;
mod poison;
mod powerloss;
mod restart;
mod scale;
mod semantics;
mod send_stream;
mod soak;
mod stage;
mod story;
mod witness;

use std::process::ExitCode;

use clap::Parser;

/// Does to the real program what production does, and says whether every promise held
#[derive(Parser, Debug)]
#[command(
    name = "drill",
    after_help = "DRILL_PROGRAM=path in the environment: drills that program instead of building the release."
)]
struct Arguments {
    /// Which; see --list
    #[arg(required_unless_present = "list")]
    name: Option<Drill>,
    /// Name all drills
    #[arg(long)]
    list: bool,
    /// Fewer targets: for the gate
    #[arg(long)]
    short: bool,
    /// Five million subscriptions: for `scale`
    #[arg(long, conflicts_with = "short")]
    large: bool,
    /// How many: for `import`
    #[arg(long, value_name = "COUNT", conflicts_with = "short")]
    entries: Option<u64>,
    /// Repeats the choices of an earlier run, which prints its seed; new ones without
    #[arg(long)]
    seed: Option<u64>,
    /// Only this share of bad endpoints, in percent: for `poison`
    #[arg(long, value_name = "PERCENT")]
    share: Option<f64>,
    /// Only what is bad in ways whose name begins so, as 503 or hanging: for `poison`
    #[arg(long)]
    kind: Option<String>,
    /// Only this scene: for `isolation`
    #[arg(long)]
    scene: Option<isolation::Scene>,
    /// The attacker of the drill `flood`: what it is to do
    #[arg(long, hide = true)]
    attack: Option<String>,
}

/// All drills.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Drill {
    /// The server is stopped, and then killed, in the middle of a broadcast
    Restart,
    /// The server is killed again and again, at random instants and at the worst ones
    Crash,
    /// Push services with limits that nobody told of are driven at what they allow
    Adaptation,
    /// A broadcast to very many takes no more memory than one to few
    Memory,
    /// What subscriptions cost in time, memory and on disk, and how that grows with their number
    Scale,
    /// Everything at once for ten minutes, and trimming
    Soak,
    /// What callers may do in the middle of things, and a disk that is full
    Semantics,
    /// Personalised messages by SendStream, and by one Send after the other
    SendStream,
    /// Endpoints that lead where they must not, and push services that never come to an end
    Hostile,
    /// Callers who mean harm, from a process of their own
    Flood,
    /// Every RPC with every kind of caller, by TLS
    Matrix,
    /// Nothing secret is in logs, metrics, errors or answers
    Leaks,
    /// Every client is installed, passes one suite of scenarios, and its examples run
    Clients,
    /// Very many are imported, and first the command, then the server is killed
    Import,
    /// Small file systems that fill, by the server and by others; it is stopped, killed and started then. Needs root
    Disk,
    /// Power is lost at any instant, with all that a disk does then to what was not synced. Needs a C compiler
    Powerloss,
    /// Bad push services beside a good one, a Send beside a broadcast, two applications beside each other
    Isolation,
    /// Some endpoints of an origin always fail, in every way there is, beside others that do not
    Poison,
    /// Backups are made of a server that sends, and each is restored
    Backup,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(drill) = arguments.name else {
        for drill in <Drill as clap::ValueEnum>::value_variants() {
            if let Some(value) = clap::ValueEnum::to_possible_value(drill) {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                println!("{:<12} {help}", value.get_name());
            }
        }
        return ExitCode::SUCCESS;
    };
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let drilled = match drill {
        Drill::Restart => restart::drill(arguments.short).await,
        Drill::Crash => crash::drill(arguments.short, seed).await,
        Drill::Adaptation => adaptation::drill(arguments.short).await,
        Drill::Memory => memory::drill(arguments.short).await,
        Drill::Scale => scale::drill(arguments.short, arguments.large).await,
        Drill::Soak => soak::drill(arguments.short, seed).await,
        Drill::Semantics => semantics::drill(arguments.short).await,
        Drill::SendStream => send_stream::drill(arguments.short).await,
        Drill::Hostile => hostile::drill(arguments.short).await,
        Drill::Flood => match &arguments.attack {
            Some(plan) => flood::attack(plan).await.map(|()| Vec::new()),
            None => flood::drill(arguments.short).await,
        },
        Drill::Matrix => matrix::drill(arguments.short).await,
        Drill::Leaks => leaks::drill().await,
        Drill::Clients => clients::drill(arguments.short).await,
        Drill::Import => import::drill(arguments.short, arguments.entries).await,
        Drill::Disk => disk::drill(arguments.short).await,
        Drill::Powerloss => powerloss::drill(arguments.short, seed).await,
        Drill::Isolation => isolation::drill(arguments.short, arguments.scene).await,
        Drill::Poison => {
            poison::drill(arguments.short, seed, arguments.share, arguments.kind.as_deref()).await
        }
        Drill::Backup => backup::drill(arguments.short).await,
    };
    match drilled {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            eprintln!("drill: {} promise(s) did not hold:\n  {}", problems.len(), problems.join("\n  "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("drill: {error:#}");
            ExitCode::FAILURE
        }
    }
}
