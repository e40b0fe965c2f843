//! Installed browsers, started on a fresh profile with what makes them use the sandbox.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::failure::Failure;

/// A browser to start.
#[derive(Clone, Debug)]
pub(super) enum Browser {
    /// Firefox, with the WebSocket's URL.
    Firefox(String),
    /// Chromium, with the arguments by which it finds its push back end.
    Chromium(Vec<String>),
}

/// A browser that runs until this is dropped, with its profile.
#[derive(Debug)]
pub(super) struct RunningBrowser {
    name: &'static str,
    child: Child,
    _profile: TempDir,
}

impl RunningBrowser {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits until it has ended by itself, as one does that has no screen.
    pub(super) async fn ended(&mut self) {
        // What cannot be waited for is not there.
        let _ = self.child.wait().await;
    }
}

impl Browser {
    /// Where Firefox is, in the order in which it is looked for.
    pub(super) const FIREFOX: [&str; 3] =
        ["firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"];
    /// Where Chromium is, or what is made of it.
    pub(super) const CHROMIUM: [&str; 5] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];

    /// Starts it with a page.
    pub(super) fn start(&self, url: &str) -> Result<RunningBrowser, Failure> {
        let (name, places) = match self {
            Self::Firefox(_) => ("Firefox", &Self::FIREFOX[..]),
            Self::Chromium(_) => ("Chromium", &Self::CHROMIUM[..]),
        };
        let found = places.iter().find_map(|place| find(place));
        let program = found.ok_or_else(|| {
            Failure::failed(format!("{name} is not installed: none of {}", places.join(", ")))
        })?;
        let profile = tempfile::Builder::new()
            .prefix("fanfare-browser-")
            .tempdir()
            .context("cannot make a profile for the browser")?;
        let mut command = Command::new(&program);
        match self {
            Self::Firefox(push) => {
                std::fs::write(profile.path().join("user.js"), preferences(push))
                    .context("cannot write the browser's preferences")?;
                command.args(["--no-remote", "--new-instance", "--profile"]).arg(profile.path());
            }
            Self::Chromium(arguments) => {
                let mut folder = std::ffi::OsString::from("--user-data-dir=");
                folder.push(profile.path());
                command.arg(folder).args(["--no-first-run", "--no-default-browser-check"]).args(arguments);
            }
        }
        let child = command
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(RunningBrowser { name, child, _profile: profile })
    }
}

/// Whether a browser is in one of its places.
pub(super) fn is_installed(places: &[&str]) -> bool {
    places.iter().any(|place| find(place).is_some())
}

/// A program by its path, or by its name in the search path.
fn find(place: &str) -> Option<PathBuf> {
    if Path::new(place).is_absolute() {
        return Path::new(place).is_file().then(|| place.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(place)).find(|program| program.is_file())
}

/// Firefox's `user.js`.
fn preferences(push: &str) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("dom.push.serverURL", format!("\"{push}\"")),
        // ws: instead of wss:.
        ("dom.push.testing.allowInsecureServerURL", "true".to_owned()),
        ("dom.push.connection.enabled", "true".to_owned()),
        // Its own windows: a desktop's notification service is not everywhere.
        ("alerts.useSystemBackend", "false".to_owned()),
        ("browser.shell.checkDefaultBrowser", "false".to_owned()),
        ("browser.aboutwelcome.enabled", "false".to_owned()),
        ("datareporting.policy.dataSubmissionEnabled", "false".to_owned()),
        ("app.update.auto", "false".to_owned()),
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "user_pref(\"{name}\", {value});");
    }
    text
}
