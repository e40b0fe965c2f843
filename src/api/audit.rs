//! The audit log: what was done by whom to what, as lines of the log under the target `fanfare::audit`. Never a secret.

use super::access::{Principal, Rpc, Scope};

/// The target of its lines, for `log.filter`.
const TARGET: &str = "fanfare::audit";

fn reach(scope: &Scope) -> &str {
    match scope {
        Scope::All => "*",
        Scope::Application(name) => name,
    }
}

/// Something was changed.
pub(super) fn done(principal: &Principal, action: &'static str, application: &str, object: &str) {
    tracing::info!(target: TARGET, caller = %principal.name, action, application, object, "done");
}

/// A caller tried what it may not do.
pub(super) fn refused(principal: &Principal, rpc: &Rpc) {
    let application = reach(&principal.scope);
    tracing::warn!(target: TARGET, caller = %principal.name, action = rpc.name, application, "refused");
}
