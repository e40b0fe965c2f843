//! Which applications there are: one picture that API and engine share, and how it is made of what is stored and what is
//! configured.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use crate::domain::application::DEFAULT_APPLICATION;
use crate::domain::{
    Application, ApplicationId, Endpoint, EndpointPolicy, ExceptionId, HostChoice, MessageDefaults, Origin,
    PassedBy, Refusal, VapidKeyId, Violations,
};
use crate::store::ApplicationRecord;

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Arc<Application>>,
    by_id: HashMap<ApplicationId, Arc<Application>>,
    /// Cancelled when one is deleted.
    ends: HashMap<ApplicationId, CancellationToken>,
}

/// The applications as they are now. Whoever was given one has it as it was then. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Applications(Arc<RwLock<Known>>);

impl Applications {
    /// The application of that name; an empty one means the default application.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Application>> {
        let name = if name.is_empty() { DEFAULT_APPLICATION } else { name };
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    /// By its number; one that was deleted too, as long as its data is not cleared away.
    #[must_use]
    pub fn by_id(&self, id: ApplicationId) -> Option<Arc<Application>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// All that can be named, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Application>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known.by_name.values().cloned().collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Cancelled as soon as that application is deleted, and for one that is not there.
    #[must_use]
    pub fn end_of(&self, id: ApplicationId) -> CancellationToken {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.ends.get(&id).cloned().unwrap_or_else(|| {
            let ended = CancellationToken::new();
            ended.cancel();
            ended
        })
    }

    /// The numbers of all.
    pub(super) fn ids(&self) -> Vec<ApplicationId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.keys().copied().collect()
    }

    /// Puts one in place of what it was.
    pub(super) fn put(&self, application: Arc<Application>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.ends.entry(application.id).or_default();
        known.by_name.insert(application.name.clone(), Arc::clone(&application));
        known.by_id.insert(application.id, application);
    }

    /// One that nobody can name any more, and whose messages still end.
    pub(super) fn put_nameless(&self, application: Arc<Application>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.by_name.get(&application.name).is_some_and(|named| named.id == application.id) {
            known.by_name.remove(&application.name);
        }
        if let Some(end) = known.ends.remove(&application.id) {
            end.cancel();
        }
        known.by_id.insert(application.id, application);
    }

    /// Nothing is left of it.
    pub(super) fn forget(&self, id: ApplicationId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).by_id.remove(&id);
    }
}

impl FromIterator<Arc<Application>> for Applications {
    fn from_iter<I: IntoIterator<Item = Arc<Application>>>(applications: I) -> Self {
        let made = Self::default();
        for application in applications {
            made.put(application);
        }
        made
    }
}

/// What holds for an application that sets nothing itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// VAPID's `sub`.
    pub contact: String,
    /// See [`Application::weight`].
    pub weight: u32,
    /// What a message leaves unset.
    pub defaults: MessageDefaults,
}

/// What the configuration says of applications: some by name, and all others.
#[derive(Clone, Debug)]
pub struct Bases {
    /// Of those that the configuration names.
    pub named: HashMap<String, Base>,
    /// Of all others.
    pub others: Base,
}

impl Bases {
    /// An application as it is: what is stored of it, over what is configured. What it may use of the configuration and is
    /// not there any more, it may not use.
    #[must_use]
    pub fn application(&self, record: ApplicationRecord, policy: &dyn EndpointPolicy) -> Application {
        let own = record.settings.hosts.as_ref().map(|choice| chosen(&record.name, choice, policy));
        let base = self.named.get(&record.name).unwrap_or(&self.others);
        let settings = record.settings;
        Application {
            id: record.id,
            contact: settings.contact.as_ref().unwrap_or(&base.contact).clone(),
            weight: settings.quotas.weight.unwrap_or(base.weight),
            defaults: MessageDefaults {
                ttl: settings.ttl.unwrap_or(base.defaults.ttl),
                urgency: settings.urgency.unwrap_or(base.defaults.urgency),
                padding: settings.padding.unwrap_or(base.defaults.padding),
            },
            vapid_keys: record.vapid_keys,
            current_vapid_key: record.current_vapid_key.unwrap_or(VapidKeyId(0)),
            name: record.name,
            settings,
            policy: own,
            created: record.created,
            updated: record.updated,
            revision: record.revision,
        }
    }
}

/// What is left of a choice under the present configuration, which may have fewer exceptions than when it was made.
fn chosen(name: &str, choice: &HostChoice, policy: &dyn EndpointPolicy) -> Arc<dyn EndpointPolicy> {
    policy
        .chosen(choice)
        .or_else(|wrong| {
            let fields: Vec<_> = wrong.as_slice().iter().map(|wrong| wrong.field.as_str()).collect();
            tracing::error!(
                application = name,
                ?fields,
                "hosts of an application are not configured any more"
            );
            policy.chosen(&HostChoice { exceptions: Vec::new(), ..choice.clone() })
        })
        .unwrap_or_else(|_| Arc::new(Nowhere))
}

/// No endpoint may be posted to.
#[derive(Debug)]
struct Nowhere;

impl EndpointPolicy for Nowhere {
    fn allows_http(&self, _: &str, _: u16) -> bool {
        false
    }

    fn check(&self, _: &Endpoint) -> Result<PassedBy, Refusal> {
        Err(Refusal::HostNotAllowed)
    }

    fn exception(&self, _: &Origin) -> Option<ExceptionId> {
        None
    }

    fn chosen(&self, _: &HostChoice) -> Result<Arc<dyn EndpointPolicy>, Violations> {
        Ok(Arc::new(Self))
    }
}
