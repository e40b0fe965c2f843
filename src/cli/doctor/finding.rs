//! One thing that is weak.

use std::fmt;

use serde::Serialize;

/// How bad it is; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Strangers, or other users of the machine, get what is not theirs.
    Serious,
    /// One mistake more, and they do.
    Warning,
    /// Fine for trying things out, or worth knowing.
    Hint,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// How bad it is.
    pub(super) severity: Severity,
    /// Its name, which stays.
    pub(super) name: &'static str,
    /// What is so.
    pub(super) what: String,
    /// What comes of it.
    pub(super) why: &'static str,
    /// What to do.
    pub(super) mend: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        name: &'static str,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) -> Self {
        Self { severity, name, what: what.into(), why, mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Serious => "serious",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        };
        writeln!(f, "{severity:<8} {} [{}]", self.what, self.name)?;
        writeln!(f, "         why:  {}", self.why)?;
        write!(f, "         mend: {}", self.mend)
    }
}
