//! Applications, VAPID keys and tokens, origins.

use zeroize::Zeroizing;

use super::{Record, array, nanos, numbers};
use crate::domain::{
    ApplicationId, ApplicationSettings, HostChoice, Origin, OriginId, Quotas, Timestamp, VapidKey, VapidKeyId,
};
use crate::store::{OriginInfo, StoreError, StoredToken};

/// An application.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ApplicationValue {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// 0 for none.
    #[prost(uint32, tag = "2")]
    pub(crate) current_vapid_key: u32,
    #[prost(message, optional, tag = "3")]
    pub(crate) settings: Option<SettingsValue>,
    #[prost(uint64, tag = "4")]
    pub(crate) created: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) updated: u64,
    /// Counts changes of the settings.
    #[prost(uint64, tag = "6")]
    pub(crate) revision: u64,
    /// It has ended; its data is being cleared away.
    #[prost(bool, tag = "7")]
    pub(crate) deleted: bool,
    /// The highest number of a VAPID key that was removed: it is not given again.
    #[prost(uint32, tag = "8")]
    pub(crate) last_removed_key: u32,
}

/// What was set for an application.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SettingsValue {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(string, optional, tag = "2")]
    contact: Option<String>,
    #[prost(uint64, optional, tag = "3")]
    ttl_nanos: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    urgency: Option<u32>,
    #[prost(uint32, optional, tag = "5")]
    padding: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    max_subscriptions: Option<u32>,
    #[prost(double, optional, tag = "7")]
    max_messages_per_second: Option<f64>,
    #[prost(uint32, optional, tag = "8")]
    max_broadcast_targets: Option<u32>,
    #[prost(uint32, optional, tag = "9")]
    max_pending_deliveries: Option<u32>,
    #[prost(uint32, optional, tag = "10")]
    max_streams: Option<u32>,
    #[prost(uint32, optional, tag = "11")]
    weight: Option<u32>,
    #[prost(message, optional, tag = "12")]
    hosts: Option<HostsValue>,
    #[prost(bool, tag = "13")]
    suspended: bool,
}

/// Which hosts an application has chosen.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HostsValue {
    /// 0 for the server's.
    #[prost(uint32, tag = "1")]
    profile: u32,
    #[prost(string, repeated, tag = "2")]
    extra_hosts: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    exceptions: Vec<String>,
}

/// A number that a later version may have written is damage to this one.
fn known<T>(value: Option<T>) -> Result<T, StoreError> {
    value.ok_or(StoreError::Corrupt(ApplicationValue::KIND))
}

impl SettingsValue {
    pub(crate) fn new(settings: &ApplicationSettings) -> Self {
        let quotas = &settings.quotas;
        Self {
            display_name: settings.display_name.clone(),
            contact: settings.contact.clone(),
            ttl_nanos: settings.ttl.map(nanos),
            urgency: settings.urgency.map(numbers::of_urgency),
            padding: settings.padding.map(numbers::of_padding),
            max_subscriptions: quotas.max_subscriptions,
            max_messages_per_second: quotas.max_messages_per_second,
            max_broadcast_targets: quotas.max_broadcast_targets,
            max_pending_deliveries: quotas.max_pending_deliveries,
            max_streams: quotas.max_streams,
            weight: quotas.weight,
            hosts: settings.hosts.as_ref().map(HostsValue::new),
            suspended: settings.suspended,
        }
    }

    pub(crate) fn into_settings(self) -> Result<ApplicationSettings, StoreError> {
        Ok(ApplicationSettings {
            display_name: self.display_name,
            contact: self.contact,
            ttl: self.ttl_nanos.map(std::time::Duration::from_nanos),
            urgency: self.urgency.map(|number| known(numbers::urgency(number))).transpose()?,
            padding: self.padding.map(|number| known(numbers::padding(number))).transpose()?,
            quotas: Quotas {
                max_subscriptions: self.max_subscriptions,
                max_messages_per_second: self.max_messages_per_second,
                max_broadcast_targets: self.max_broadcast_targets,
                max_pending_deliveries: self.max_pending_deliveries,
                max_streams: self.max_streams,
                weight: self.weight,
            },
            hosts: self.hosts.map(HostsValue::into_choice).transpose()?,
            suspended: self.suspended,
        })
    }
}

impl HostsValue {
    fn new(choice: &HostChoice) -> Self {
        let profile = choice.profile.map_or(0, numbers::of_host_profile);
        Self { profile, extra_hosts: choice.extra_hosts.clone(), exceptions: choice.exceptions.clone() }
    }

    fn into_choice(self) -> Result<HostChoice, StoreError> {
        let profile = match self.profile {
            0 => None,
            number => Some(known(numbers::host_profile(number))?),
        };
        Ok(HostChoice { profile, extra_hosts: self.extra_hosts, exceptions: self.exceptions })
    }
}

impl Record for ApplicationValue {
    const KIND: &'static str = "application";
}

/// A VAPID key pair.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct VapidKeyValue {
    #[prost(bytes = "vec", tag = "1")]
    private: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    public: Vec<u8>,
    #[prost(uint64, tag = "3")]
    created: u64,
    #[prost(uint64, optional, tag = "4")]
    activated: Option<u64>,
    /// From then on `private` is empty.
    #[prost(uint64, optional, tag = "5")]
    retired: Option<u64>,
}

impl Record for VapidKeyValue {
    const KIND: &'static str = "VAPID key";
}

impl VapidKeyValue {
    pub(crate) fn new(key: &VapidKey) -> Self {
        Self {
            private: key.private.as_deref().map(|private| private.to_vec()).unwrap_or_default(),
            public: key.public.to_vec(),
            created: key.created.as_micros(),
            activated: key.activated.map(Timestamp::as_micros),
            retired: key.retired.map(Timestamp::as_micros),
        }
    }

    pub(crate) fn into_key(self, id: VapidKeyId) -> Result<VapidKey, StoreError> {
        let private = Zeroizing::new(self.private);
        let retired = self.retired.map(Timestamp::from_micros);
        Ok(VapidKey {
            id,
            private: match retired {
                None => Some(Zeroizing::new(array(&private, Self::KIND)?)),
                Some(_) => None,
            },
            public: array(&self.public, Self::KIND)?,
            created: Timestamp::from_micros(self.created),
            activated: self.activated.map(Timestamp::from_micros),
            retired,
        })
    }
}

/// A signed VAPID token.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct VapidTokenValue {
    #[prost(string, tag = "1")]
    origin: String,
    #[prost(uint64, tag = "2")]
    issued: u64,
    #[prost(uint64, tag = "3")]
    expires: u64,
    #[prost(string, tag = "4")]
    jwt: String,
    #[prost(bool, tag = "5")]
    extra: bool,
}

impl Record for VapidTokenValue {
    const KIND: &'static str = "VAPID token";
}

impl VapidTokenValue {
    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from_micros(self.expires)
    }

    pub(crate) fn new(token: StoredToken) -> Self {
        Self {
            origin: token.origin,
            issued: token.issued.as_micros(),
            expires: token.expires.as_micros(),
            jwt: token.jwt,
            extra: token.extra,
        }
    }

    pub(crate) fn into_token(self, application: ApplicationId, key: VapidKeyId) -> StoredToken {
        StoredToken {
            application,
            key,
            origin: self.origin,
            issued: Timestamp::from_micros(self.issued),
            expires: Timestamp::from_micros(self.expires),
            jwt: self.jwt,
            extra: self.extra,
        }
    }
}

/// Octets that are kept secret.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SecretValue {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) octets: Vec<u8>,
}

impl Record for SecretValue {
    const KIND: &'static str = "secret";
}

/// An origin. Its tag 2 was its group, which its number tells.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct OriginValue {
    #[prost(string, tag = "1")]
    text: String,
}

impl Record for OriginValue {
    const KIND: &'static str = "origin";
}

impl OriginValue {
    pub(crate) fn new(origin: &Origin) -> Self {
        Self { text: origin.as_str().to_owned() }
    }

    pub(crate) fn into_info(self, id: OriginId) -> Result<OriginInfo, StoreError> {
        let origin = Origin::parse(&self.text).ok_or(StoreError::Corrupt(Self::KIND))?;
        Ok(OriginInfo { id, origin })
    }
}
