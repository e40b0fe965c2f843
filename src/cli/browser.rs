//! Installed browsers, started on a fresh profile with what makes them use the sandbox.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::desktop;
use super::failure::Failure;

/// What is kept of a browser's complaints, in octets: the last.
const COMPLAINTS_OCTETS_MAX: usize = 4 * 1024;
/// How many lines of them are told, of how many characters each.
const COMPLAINTS_TOLD: usize = 5;
const COMPLAINT_CHARACTERS_MAX: usize = 300;
/// How long the complaints of a browser that has ended are waited for: processes that it left behind may hold them open.
const COMPLAINTS_TIMEOUT: Duration = Duration::from_secs(1);

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
    complaints: JoinHandle<String>,
    _profile: TempDir,
}

impl RunningBrowser {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// Waits until a browser has ended by itself, which one that is not there never does; gives what is to be told of it, with
/// what goes on all the same.
pub(super) async fn ended(browser: Option<&mut RunningBrowser>, goes_on: &str) -> String {
    let Some(browser) = browser else { return std::future::pending().await };
    let name = browser.name;
    match browser.child.wait().await {
        Ok(status) if status.success() => format!("{name} was closed; {goes_on}"),
        Ok(status) => {
            let complaints = timeout(COMPLAINTS_TIMEOUT, &mut browser.complaints).await;
            why(
                &format!("{name} ended with {status}; {goes_on}"),
                &complaints.ok().and_then(Result::ok).unwrap_or_default(),
            )
        }
        // What cannot be waited for is not there.
        Err(_) => format!("{name} has ended; {goes_on}"),
    }
}

/// That a browser failed, with its own last words.
fn why(failed: &str, complaints: &str) -> String {
    let lines: Vec<&str> = complaints.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut text = failed.to_owned();
    for line in &lines[lines.len().saturating_sub(COMPLAINTS_TOLD)..] {
        text.push_str("\n  ");
        text.extend(line.chars().take(COMPLAINT_CHARACTERS_MAX));
    }
    text
}

/// Reads to the end, and keeps the last of it.
async fn last_of(mut complaints: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut part = [0; 1_024];
    while let Ok(octets @ 1..) = complaints.read(&mut part).await {
        kept.extend_from_slice(&part[..octets]);
        kept.drain(..kept.len().saturating_sub(COMPLAINTS_OCTETS_MAX));
    }
    String::from_utf8_lossy(&kept).into_owned()
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

    /// Starts it with a page. What whoever sees it should know goes to standard error.
    pub(super) async fn start(&self, url: &str) -> Result<RunningBrowser, Failure> {
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
                let by_desktop = desktop::shows_notifications().await;
                if !by_desktop {
                    eprintln!(
                        "fanfare: this desktop has no notification service: Firefox shows notifications by itself, \
                         without buttons and icons"
                    );
                }
                std::fs::write(profile.path().join("user.js"), preferences(push, by_desktop))
                    .context("cannot write the browser's preferences")?;
                command.args(["--no-remote", "--new-instance", "--profile"]).arg(profile.path());
            }
            Self::Chromium(arguments) => {
                let mut folder = std::ffi::OsString::from("--user-data-dir=");
                folder.push(profile.path());
                command.arg(folder).args(["--no-first-run", "--no-default-browser-check"]).args(arguments);
                if belongs_to_root(profile.path()) {
                    eprintln!(
                        "fanfare: Chromium runs as root only without its own sandbox (--no-sandbox): open nothing else in it"
                    );
                    command.arg("--no-sandbox");
                }
            }
        }
        let mut child = command
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let complaints = child.stderr.take().context("the browser has no standard error")?;
        let complaints = tokio::spawn(last_of(complaints));
        Ok(RunningBrowser { name, child, complaints, _profile: profile })
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

/// Whether a file that this program made is root's, and the program root.
#[cfg(unix)]
fn belongs_to_root(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn belongs_to_root(_path: &Path) -> bool {
    false
}

/// Firefox's `user.js`; the desktop shows its notifications, or it does by itself.
fn preferences(push: &str, by_desktop: bool) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("dom.push.serverURL", format!("\"{push}\"")),
        // ws: instead of wss:.
        ("dom.push.testing.allowInsecureServerURL", "true".to_owned()),
        ("dom.push.connection.enabled", "true".to_owned()),
        // Its own windows have neither buttons nor icons; but where there is no service, it shows nothing with `true`.
        ("alerts.useSystemBackend", by_desktop.to_string()),
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
