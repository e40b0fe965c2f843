//! Groups of synthetic subscribers. All that a subscriber is follows from its group's seed and its index.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::control_json::{GroupStatus, OriginRange};
use super::counts::Counters;
use super::fault::{Fault, Stage};
use super::fault_shares::{FaultError, FaultShares};
use super::push_headers::Encryption;
use super::received::{LineBudget, NotDecrypted, PlaintextDigest, Received, ReceivedLog};
use super::records::Records;
use super::settings::SandboxLimits;
use super::subscriber::{PushMessage, ServerKey, Subscriber};
use super::synthetic_keys::{EndpointToken, SyntheticKeys};
use crate::domain::{Clock, ContentEncoding};
use crate::webpush::{aes128gcm, aesgcm};

/// Messages of each subscriber among which a duplicate is looked for, unless the group is told.
pub(crate) const REMEMBERED_DEFAULT: u8 = 5;
/// Most of them.
const REMEMBERED_MAX: u8 = 64;

/// Why a group cannot be made, or a subscriber not be given a fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("count must be at least 1")]
    Empty,
    #[error("this sandbox has as many groups as it may have")]
    TooManyGroups,
    #[error("all groups together may have no more than {0} subscribers")]
    TooManySubscribers(usize),
    #[error("no more than {0} subscribers of a group may have a fault of their own")]
    TooManyOwnFaults(usize),
    #[error("no more than {0} messages may be remembered in all groups")]
    TooManyRemembered(usize),
    #[error("remembered must be at most {REMEMBERED_MAX}")]
    Remembered,
    #[error("the group has no subscriber of this index")]
    NoSuchSubscriber,
    #[error(transparent)]
    Fault(#[from] FaultError),
}

/// What a new group is like.
pub(crate) struct GroupSpec {
    pub(crate) count: u32,
    pub(crate) application_server_key: Option<[u8; 65]>,
    pub(crate) encoding: ContentEncoding,
    pub(crate) faults: FaultShares,
    pub(crate) keys: SyntheticKeys,
    /// All of them must be there.
    pub(crate) origins: OriginRange,
    pub(crate) remembered: u8,
    pub(crate) log: bool,
}

/// All groups of a sandbox, and what they share.
pub(crate) struct Groups {
    /// The group of number n is at n - 1; none is ever removed.
    all: RwLock<Vec<Arc<Group>>>,
    count_max: usize,
    subscribers_max: usize,
    own_faults_max: usize,
    remembered_max: usize,
    shared: Arc<Shared>,
}

struct Shared {
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    lines: LineBudget,
}

impl Groups {
    pub(crate) fn new(limits: &SandboxLimits, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { counters, clock, lines: LineBudget::new(limits.received_lines_max) };
        Self {
            all: RwLock::default(),
            count_max: limits.groups_max,
            subscribers_max: limits.subscribers_max,
            own_faults_max: limits.own_faults_max,
            remembered_max: limits.remembered_max,
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn add(&self, spec: GroupSpec) -> Result<Arc<Group>, GroupError> {
        if spec.count == 0 {
            return Err(GroupError::Empty);
        }
        if spec.remembered > REMEMBERED_MAX {
            return Err(GroupError::Remembered);
        }
        let mut groups = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if groups.len() >= self.count_max {
            return Err(GroupError::TooManyGroups);
        }
        let others: usize = groups.iter().map(|group| group.count as usize).sum();
        if others + spec.count as usize > self.subscribers_max {
            return Err(GroupError::TooManySubscribers(self.subscribers_max));
        }
        let remembered = |count: u32, each: u8| count as usize * usize::from(each);
        let others: usize = groups.iter().map(|group| remembered(group.count, group.remembered)).sum();
        if others + remembered(spec.count, spec.remembered) > self.remembered_max {
            return Err(GroupError::TooManyRemembered(self.remembered_max));
        }
        let number = u32::try_from(groups.len() + 1).map_err(|_| GroupError::TooManyGroups)?;
        let group = Arc::new(Group {
            number,
            count: spec.count,
            application_server_key: spec.application_server_key,
            encoding: spec.encoding,
            keys: spec.keys,
            faults: RwLock::new(spec.faults),
            own_faults: RwLock::default(),
            own_faults_max: self.own_faults_max,
            own_faults_count: AtomicUsize::new(0),
            origins: spec.origins,
            remembered: spec.remembered,
            records: Records::new(spec.count, spec.remembered),
            posts: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            log: ReceivedLog::default(),
            is_logged: spec.log,
            shared: Arc::clone(&self.shared),
        });
        groups.push(Arc::clone(&group));
        Ok(group)
    }

    /// By its number.
    pub(crate) fn get(&self, number: u32) -> Option<Arc<Group>> {
        let position = usize::try_from(number).ok()?.checked_sub(1)?;
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(position).cloned()
    }

    /// The subscriber whose endpoint has this token, at an origin.
    pub(crate) fn find(&self, token: &str, origin: u32) -> Option<SyntheticSubscriber> {
        let token = EndpointToken::parse(token)?;
        let group = self.get(token.group)?;
        let is_here = token.index < group.count && group.origin_of(token.index) == origin;
        if !is_here || !group.keys.made(&token) {
            return None;
        }
        group.posts.fetch_add(1, Ordering::Relaxed);
        Some(SyntheticSubscriber { group, index: token.index })
    }

    /// Messages that no log has a line for.
    pub(crate) fn left_out(&self) -> u64 {
        let groups = self.all.read().unwrap_or_else(PoisonError::into_inner);
        groups.iter().map(|group| group.log.left_out() as u64).sum()
    }
}

/// A group.
pub(crate) struct Group {
    pub(crate) number: u32,
    pub(crate) count: u32,
    pub(crate) keys: SyntheticKeys,
    pub(crate) log: ReceivedLog,
    application_server_key: Option<[u8; 65]>,
    encoding: ContentEncoding,
    faults: RwLock<FaultShares>,
    own_faults: RwLock<HashMap<u32, Option<Arc<Fault>>>>,
    own_faults_max: usize,
    /// How many there are, so that the usual group's subscribers need not look.
    own_faults_count: AtomicUsize,
    origins: OriginRange,
    remembered: u8,
    records: Records,
    posts: AtomicU64,
    accepted: AtomicU64,
    duplicates: AtomicU64,
    is_logged: bool,
    shared: Arc<Shared>,
}

impl Group {
    pub(crate) fn status(&self) -> GroupStatus {
        // Read before what it can be no larger than.
        let duplicates = self.duplicates.load(Ordering::Relaxed);
        let accepted = self.accepted.load(Ordering::Relaxed);
        GroupStatus {
            origins: self.origins,
            posts: self.posts.load(Ordering::Relaxed),
            duplicates,
            distinct: accepted.saturating_sub(duplicates),
            accepted,
            group: self.number,
            count: self.count,
            content_encoding: self.encoding.as_str().to_owned(),
            faults: self.faults.read().unwrap_or_else(PoisonError::into_inner).clone(),
            received_left_out: self.log.left_out() as u64,
        }
    }

    /// Changes who has which fault, and lets all faults begin anew. What single subscribers were given stays.
    pub(crate) fn set_faults(&self, shares: FaultShares) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = shares;
        self.records.forget_refused();
    }

    /// Gives one subscriber a fault of its own, or none, whatever the shares say.
    pub(crate) fn set_own_fault(&self, index: u32, fault: Option<Fault>) -> Result<(), GroupError> {
        if index >= self.count {
            return Err(GroupError::NoSuchSubscriber);
        }
        if let Some(fault) = &fault {
            fault.check()?;
        }
        let mut own = self.own_faults.write().unwrap_or_else(PoisonError::into_inner);
        if own.len() >= self.own_faults_max && !own.contains_key(&index) {
            return Err(GroupError::TooManyOwnFaults(self.own_faults_max));
        }
        own.insert(index, fault.map(Arc::new));
        self.own_faults_count.store(own.len(), Ordering::Release);
        self.records.with_progress(index, |progress| progress.refused = 0);
        Ok(())
    }

    /// The number of the origin that a subscriber is at.
    pub(crate) fn origin_of(&self, index: u32) -> u32 {
        self.origins.from + index % self.origins.count
    }

    /// The fault of a subscriber: a function of the seed, the index and the shares, unless it was given its own.
    pub(crate) fn fault(&self, index: u32) -> Option<Arc<Fault>> {
        if self.own_faults_count.load(Ordering::Acquire) > 0 {
            let own = self.own_faults.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(fault) = own.get(&index) {
                return fault.clone();
            }
        }
        let faults = self.faults.read().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() { None } else { faults.at(self.keys.position(index)).cloned() }
    }
}

/// One subscriber of a group.
pub(crate) struct SyntheticSubscriber {
    group: Arc<Group>,
    index: u32,
}

impl SyntheticSubscriber {
    /// What a browser does: only with the subscriber's own private key and authentication secret.
    fn decrypt(&self, message: &PushMessage) -> Result<PlaintextDigest, NotDecrypted> {
        let Some(encryption) = &message.headers.encryption else {
            return Ok(PlaintextDigest::of(&[]));
        };
        if encryption.encoding() != self.group.encoding {
            return Err(NotDecrypted::Encoding);
        }
        let receiver = self.group.keys.receiver(self.index).ok_or(NotDecrypted::NoKeys)?;
        let plaintext = match encryption {
            Encryption::Aes128Gcm => aes128gcm::decrypt(&receiver.key, &receiver.auth, &message.body),
            Encryption::AesGcmAsSent { .. } => return Err(NotDecrypted::Parameters),
            Encryption::AesGcm(parameters) => {
                aesgcm::decrypt(&receiver.key, &receiver.auth, parameters, &message.body)
            }
        }?;
        Ok(PlaintextDigest::of(&plaintext))
    }
}

impl Subscriber for SyntheticSubscriber {
    fn server_key(&self) -> Option<ServerKey<'_>> {
        self.group.application_server_key.as_ref().map(ServerKey::Point)
    }

    fn check(&self, stage: Stage, chance: &dyn Fn() -> f64) -> Option<Arc<Fault>> {
        let fault = self.group.fault(self.index)?;
        let acts =
            self.group.records.with_progress(self.index, |progress| fault.acts(stage, progress, chance));
        acts.then_some(fault)
    }

    fn deliver(&self, message: PushMessage) {
        let (group, shared) = (&self.group, &self.group.shared);
        let plaintext = self.decrypt(&message);
        if plaintext.is_err() {
            shared.counters.decrypt_failures.fetch_add(1, Ordering::Relaxed);
        }
        let fingerprint = plaintext.as_ref().ok().map(PlaintextDigest::fingerprint);
        group.accepted.fetch_add(1, Ordering::Relaxed);
        if group.records.take(self.index, fingerprint) {
            group.duplicates.fetch_add(1, Ordering::Relaxed);
            shared.counters.duplicates.fetch_add(1, Ordering::Relaxed);
        }
        if !group.is_logged {
            return;
        }
        let line = Received {
            sequence: message.sequence,
            index: self.index,
            plaintext,
            ttl_seconds: message.headers.ttl_seconds,
            urgency: message.headers.urgency,
            encoding: message.headers.encryption.as_ref().map(Encryption::encoding),
            topic: message.headers.topic,
            time: shared.clock.now(),
        };
        group.log.write(line, &shared.lines);
    }
}
