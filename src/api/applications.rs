//! Which applications there are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::Application;
use crate::domain::application::DEFAULT_APPLICATION;

/// The applications, by name.
#[derive(Clone, Debug, Default)]
pub struct Applications(Arc<HashMap<String, Arc<Application>>>);

impl Applications {
    /// The application of that name; an empty one means the default application.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Application>> {
        let name = if name.is_empty() { DEFAULT_APPLICATION } else { name };
        self.0.get(name).cloned()
    }
}

impl FromIterator<Arc<Application>> for Applications {
    fn from_iter<I: IntoIterator<Item = Arc<Application>>>(applications: I) -> Self {
        let by_name = applications.into_iter().map(|application| (application.name.clone(), application));
        Self(Arc::new(by_name.collect()))
    }
}
