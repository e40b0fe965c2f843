//! What the desktop has that browsers need.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// The interface and the bus name of notification services: the Desktop Notifications Specification, 1.2.
const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How long a notification service may take to start and to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether notifications can be handed to the desktop. On Linux that takes a service on the session's bus, which is asked
/// who it is; one that can be started is started by that. Other systems have theirs built in.
pub(super) async fn shows_notifications() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    // Without a bus the programs would start one, for themselves alone.
    let bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
        || std::env::var_os("XDG_RUNTIME_DIR")
            .is_some_and(|folder| std::path::Path::new(&folder).join("bus").exists());
    if !bus {
        return false;
    }
    let method = format!("{SERVICE}.GetServerInformation");
    let destination = format!("--dest={SERVICE}");
    // One or the other comes with the bus, or with the desktop.
    answers("dbus-send", &["--session", "--print-reply", &destination, PATH, &method]).await
        || answers(
            "gdbus",
            &["call", "--session", "--dest", SERVICE, "--object-path", PATH, "--method", &method],
        )
        .await
}

/// Whether a program ends well, and soon.
async fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let Ok(mut child) = command.spawn() else { return false };
    matches!(timeout(ANSWER_TIMEOUT, child.wait()).await, Ok(Ok(status)) if status.success())
}
