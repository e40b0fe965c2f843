//! A line of the log for a call that has ended: who called what, for which application, and what came of it. What a caller did
//! wrong is its own affair, and is told with `debug`; what this server could not do with `warn` or `error`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;

use crate::domain::Application;
use crate::observe::Lines;

/// The target of its lines, for `log.filter`.
const TARGET: &str = "fanfare::calls";

/// What is learned of a call while it is under way. It stands among the extensions of its request.
#[derive(Clone, Debug, Default)]
pub(super) struct CallNotes(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    caller: OnceLock<Arc<str>>,
    application: OnceLock<Arc<Application>>,
}

impl CallNotes {
    /// Who calls.
    pub(super) fn caller(&self, name: &Arc<str>) {
        let _ = self.0.caller.set(Arc::clone(name));
    }

    /// For which application: the first that it named.
    pub(super) fn application(&self, application: &Arc<Application>) {
        let _ = self.0.application.set(Arc::clone(application));
    }
}

/// Where calls are told of.
#[derive(Clone, Debug, Default)]
pub(super) struct CallLog(Arc<Mutex<Lines>>);

impl CallLog {
    /// Tells of a call that has ended.
    pub(super) fn ended(&self, method: &'static str, notes: &CallNotes, code: Code, elapsed: Duration) {
        let CallNotes(noted) = notes;
        let caller = noted.caller.get().map(|caller| &**caller);
        let application = noted.application.get().map(|application| &*application.name);
        let whose = whose_affair(code);
        if whose == Affair::OfCaller {
            tracing::debug!(target: TARGET, method, caller, application, ?code, ?elapsed, "ended");
            return;
        }
        let room = self.0.lock().unwrap_or_else(PoisonError::into_inner).room(Instant::now());
        let Some(left_out) = room else { return };
        if left_out > 0 {
            tracing::warn!(target: TARGET, left_out, "more calls failed than there are lines for");
        }
        match whose {
            Affair::OfCaller | Affair::NotServed => {
                tracing::warn!(target: TARGET, method, caller, application, ?code, ?elapsed, "not served");
            }
            Affair::Failed => {
                tracing::error!(target: TARGET, method, caller, application, ?code, ?elapsed, "failed");
            }
        }
    }
}

/// Whose affair the end of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affair {
    /// It ended as it should, or the caller did something wrong.
    OfCaller,
    /// This server did not serve it, and may later.
    NotServed,
    /// There is a fault in this server.
    Failed,
}

fn whose_affair(code: Code) -> Affair {
    match code {
        Code::Unavailable | Code::DeadlineExceeded => Affair::NotServed,
        Code::Internal | Code::DataLoss | Code::Unknown => Affair::Failed,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => Affair::OfCaller,
    }
}
