//! When to stop: a signal, or the end of standard input.

use std::io::{Read as _, stdin};

use clap::Args;
use tokio::sync::oneshot;

use super::failure::EXIT_INTERRUPTED;

/// What ends a command that runs until it is stopped.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct StopArgs {
    /// Stop when standard input is closed too: for a parent process that must leave nothing behind
    #[arg(long)]
    exit_with_stdin: bool,
}

impl StopArgs {
    /// Waits for SIGINT, SIGTERM or, if asked for, the end of standard input. A second signal ends the process at once.
    pub(super) async fn asked(self) -> std::io::Result<()> {
        let mut signals = Signals::listen()?;
        let (closed, stdin_closed) = oneshot::channel();
        if self.exit_with_stdin {
            // Not tokio's stdin, for which the runtime would wait at its end.
            std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
                let mut nowhere = [0; 1_024];
                while stdin().lock().read(&mut nowhere).is_ok_and(|octets| octets > 0) {}
                let _ = closed.send(());
            })?;
        }
        tokio::select! {
            () = signals.next() => {}
            Ok(()) = stdin_closed, if self.exit_with_stdin => {}
        }
        tokio::spawn(async move {
            signals.next().await;
            eprintln!("fanfare: stopped at once");
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        });
        Ok(())
    }
}

/// SIGHUP, which from the first listening on does not end the process any more.
#[derive(Debug)]
pub(super) struct Hangups(#[cfg(unix)] tokio::signal::unix::Signal);

impl Hangups {
    #[cfg(unix)]
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?))
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self())
    }

    /// Waits for the next one. May be dropped.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
