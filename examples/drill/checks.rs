//! Promises that did not hold.

/// Listed in full, at most.
const LISTED_MAX: usize = 40;

/// Collects them: a drill goes on, so that all are told.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    problems: Vec<String>,
    left_out: usize,
}

impl Checks {
    /// Notes what is wrong, unless it holds.
    pub(crate) fn check(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if holds {
        } else if self.problems.len() < LISTED_MAX {
            self.problems.push(problem());
        } else {
            self.left_out += 1;
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// All of them.
    pub(crate) fn problems(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.problems.push(format!("and {} more", self.left_out));
        }
        self.problems
    }
}
