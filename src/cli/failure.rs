//! How a command fails, and what the process then says and returns.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::anyhow;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::output;
use crate::client;
use crate::domain::text::escaped;

/// `EX_USAGE` of sysexits.h: arguments or configuration are wrong; nothing was done.
pub(super) const EXIT_USAGE: u8 = 64;

/// Something was sent, and there was nobody to send it to.
pub(super) const EXIT_NOBODY: u8 = 3;
/// 128 + SIGINT, as shells have it.
pub(super) const EXIT_INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// Arguments or configuration are wrong: exit code 64.
    Usage(anyhow::Error),
    /// It went wrong: exit code 1.
    Failed(anyhow::Error),
    /// It did what it could, which is not what somebody may have hoped for.
    Ended {
        /// What is to be told of it.
        said: String,
        /// The exit code.
        code: u8,
    },
}

impl Failure {
    /// Arguments are wrong.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(anyhow!(message.into()))
    }

    /// It went wrong.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(anyhow!(message.into()))
    }

    /// What is wrong, without the exit code.
    pub(super) fn into_error(self) -> anyhow::Error {
        match self {
            Self::Usage(error) | Self::Failed(error) => error,
            Self::Ended { said, code: _ } => anyhow!(said),
        }
    }

    /// Tells it on stderr and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (error, code) = match self {
            Self::Usage(error) => (error, ExitCode::from(EXIT_USAGE)),
            Self::Failed(error) => (error, ExitCode::FAILURE),
            Self::Ended { said, code } => {
                output::note(said);
                return ExitCode::from(*code);
            }
        };
        output::note(format!("{error:#}"));
        code
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

impl From<crate::app::AppError> for Failure {
    fn from(error: crate::app::AppError) -> Self {
        if error.is_of_configuration() { Self::Usage(error.into()) } else { Self::Failed(error.into()) }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::failed(describe(&status))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::failed(describe(error.status()))
    }
}

/// A call's status with its details, for people.
pub(super) fn describe(status: &Status) -> String {
    let details = status.get_error_details();
    let mut text = format!("{:?}", status.code());
    if let Some(info) = details.error_info() {
        let _ = write!(text, " {}", escaped(&info.reason));
    }
    let _ = write!(text, ": {}", escaped(status.message()));
    for violation in details.bad_request().map_or(&[][..], |request| &request.field_violations) {
        let _ = write!(text, "\n  {}: {}", escaped(&violation.field), escaped(&violation.description));
    }
    if let Some(resource) = details.resource_info() {
        let (kind, name) = (escaped(&resource.resource_type), escaped(&resource.resource_name));
        let _ = write!(text, "\n  {kind} {name}");
    }
    text
}
