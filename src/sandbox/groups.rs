//! Groups of synthetic subscribers. All that a subscriber is follows from its group's seed and its index, so that only
//! three octets are kept for each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::control_json::GroupStatus;
use super::counts::Counters;
use super::fault::{Fault, FaultShares, Stage};
use super::push_headers::Encryption;
use super::received::{DuplicateWindow, LineBudget, NotDecrypted, PlaintextDigest, Received, ReceivedLog};
use super::refusal::Refusal;
use super::settings::SandboxLimits;
use super::subscriber::{PushMessage, Subscriber};
use super::synthetic_keys::{EndpointToken, SyntheticKeys};
use crate::domain::{Clock, ContentEncoding};
use crate::webpush::{aes128gcm, aesgcm};

/// Why a group cannot be made, or a subscriber not be given a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("count must be at least 1")]
    Empty,
    #[error("this sandbox has as many groups as it may have")]
    TooManyGroups,
    #[error("all groups together may have no more than {0} subscribers")]
    TooManySubscribers(usize),
    #[error("no more than {0} subscribers of a group may have a fault of their own")]
    TooManyOwnFaults(usize),
    #[error("the group has no subscriber of this index")]
    NoSuchSubscriber,
}

/// What a new group is like.
pub(crate) struct GroupSpec {
    pub(crate) count: u32,
    pub(crate) application_server_key: Option<[u8; 65]>,
    pub(crate) encoding: ContentEncoding,
    pub(crate) faults: FaultShares,
    pub(crate) keys: SyntheticKeys,
}

/// All groups of a sandbox, and what they share.
pub(crate) struct Groups {
    /// The group of number n is at n - 1; none is ever removed.
    all: RwLock<Vec<Arc<Group>>>,
    count_max: usize,
    subscribers_max: usize,
    own_faults_max: usize,
    shared: Arc<Shared>,
}

struct Shared {
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    lines: LineBudget,
    duplicates: DuplicateWindow,
}

impl Groups {
    pub(crate) fn new(limits: &SandboxLimits, counters: Arc<Counters>, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            counters,
            clock,
            lines: LineBudget::new(limits.received_lines_max),
            duplicates: DuplicateWindow::new(limits.duplicate_window),
        };
        Self {
            all: RwLock::default(),
            count_max: limits.groups_max,
            subscribers_max: limits.subscribers_max,
            own_faults_max: limits.own_faults_max,
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn add(&self, spec: GroupSpec) -> Result<Arc<Group>, GroupError> {
        if spec.count == 0 {
            return Err(GroupError::Empty);
        }
        let mut groups = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if groups.len() >= self.count_max {
            return Err(GroupError::TooManyGroups);
        }
        let others: usize = groups.iter().map(|group| group.count as usize).sum();
        if others + spec.count as usize > self.subscribers_max {
            return Err(GroupError::TooManySubscribers(self.subscribers_max));
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
            taken: (0..spec.count).map(|_| AtomicU16::new(0)).collect(),
            refused: (0..spec.count).map(|_| AtomicU8::new(0)).collect(),
            accepted: AtomicU64::new(0),
            log: ReceivedLog::default(),
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

    /// The subscriber whose endpoint has this token.
    pub(crate) fn find(&self, token: &str) -> Option<SyntheticSubscriber> {
        let token = EndpointToken::parse(token)?;
        let group = self.get(token.group)?;
        (token.index < group.count && group.keys.made(&token))
            .then_some(SyntheticSubscriber { group, index: token.index })
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
    own_faults: RwLock<HashMap<u32, Option<Fault>>>,
    own_faults_max: usize,
    /// How many there are, so that the usual group's subscribers need not look.
    own_faults_count: AtomicUsize,
    /// Messages that each took, up to 65,535.
    taken: Box<[AtomicU16]>,
    /// Messages that each refused by its fault.
    refused: Box<[AtomicU8]>,
    accepted: AtomicU64,
    shared: Arc<Shared>,
}

impl Group {
    pub(crate) fn status(&self) -> GroupStatus {
        GroupStatus {
            group: self.number,
            count: self.count,
            content_encoding: self.encoding.as_str().to_owned(),
            faults: self.faults.read().unwrap_or_else(PoisonError::into_inner).clone(),
            accepted: self.accepted.load(Ordering::Relaxed),
            received_left_out: self.log.left_out() as u64,
        }
    }

    /// Changes who has which fault, and lets all faults begin anew. What single subscribers were given stays.
    pub(crate) fn set_faults(&self, shares: FaultShares) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = shares;
        for refused in &self.refused {
            refused.store(0, Ordering::Relaxed);
        }
    }

    /// Gives one subscriber a fault of its own, or none, whatever the shares say.
    pub(crate) fn set_own_fault(&self, index: u32, fault: Option<Fault>) -> Result<(), GroupError> {
        let refused = self.refused.get(index as usize).ok_or(GroupError::NoSuchSubscriber)?;
        let mut own = self.own_faults.write().unwrap_or_else(PoisonError::into_inner);
        if own.len() >= self.own_faults_max && !own.contains_key(&index) {
            return Err(GroupError::TooManyOwnFaults(self.own_faults_max));
        }
        own.insert(index, fault);
        self.own_faults_count.store(own.len(), Ordering::Release);
        refused.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// The fault of a subscriber: a function of the seed, the index and the shares, unless it was given its own.
    pub(crate) fn fault(&self, index: u32) -> Option<Fault> {
        if self.own_faults_count.load(Ordering::Acquire) > 0 {
            let own = self.own_faults.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(fault) = own.get(&index) {
                return *fault;
            }
        }
        let faults = self.faults.read().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() { None } else { faults.at(self.keys.position(index)) }
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
            Encryption::AesGcm(parameters) => {
                aesgcm::decrypt(&receiver.key, &receiver.auth, parameters, &message.body)
            }
        }?;
        Ok(PlaintextDigest::of(&plaintext))
    }
}

impl Subscriber for SyntheticSubscriber {
    fn application_server_key(&self) -> Option<&[u8; 65]> {
        self.group.application_server_key.as_ref()
    }

    fn check(&self, stage: Stage) -> Result<(), Refusal> {
        let Some(fault) = self.group.fault(self.index) else { return Ok(()) };
        let index = self.index as usize;
        let taken = self.group.taken[index].load(Ordering::Relaxed);
        fault.act(stage, taken, &self.group.refused[index])
    }

    fn deliver(&self, message: PushMessage) {
        let (group, shared) = (&self.group, &self.group.shared);
        let plaintext = self.decrypt(&message);
        match &plaintext {
            Ok(digest) => {
                if shared.duplicates.is_duplicate(group.number, self.index, &digest.sha256) {
                    shared.counters.duplicates.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(_) => {
                shared.counters.decrypt_failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        group.accepted.fetch_add(1, Ordering::Relaxed);
        let taken = &group.taken[self.index as usize];
        // Nothing to do where it does not fit: no fault asks for more.
        let _ = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| taken.checked_add(1));
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
