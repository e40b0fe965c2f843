//! Applications, their VAPID keys and tokens, and the store's own secrets.

use rand::Rng as _;

use super::backend::Order;
use super::keys;
use super::records::application::{
    ApplicationValue, SecretValue, SettingsValue, VapidKeyValue, VapidTokenValue,
};
use super::records::{Number, Record, array};
use super::rotation;
use super::transaction::{Reader, Rows, Transaction};
use super::writer::Writer;
use crate::domain::{ApplicationId, ApplicationSettings, Timestamp, VapidKey, VapidKeyId};
use crate::store::rules::vapid_keys;
use crate::store::{ApplicationRecord, StoreError, StoredToken};

/// The name of the number of the last application.
const LAST_APPLICATION: &str = "last_application";

/// An application by its number.
pub(super) fn load(
    reader: &Reader,
    id: ApplicationId,
    value: ApplicationValue,
) -> Result<ApplicationRecord, StoreError> {
    let mut vapid_keys = Vec::new();
    for row in reader.scan(keys::vapid_keys(id), Order::Ascending) {
        let (key, value) = row?;
        let vapid_key = VapidKeyValue::from_value(&value).and_then(|value| {
            let number = keys::vapid_key_of(&key).ok_or(StoreError::Corrupt(VapidKeyValue::KIND))?;
            value.into_key(number)
        });
        vapid_keys.extend(reader.readable(vapid_key)?);
    }
    let current =
        u16::try_from(value.current_vapid_key).map_err(|_| StoreError::Corrupt(ApplicationValue::KIND))?;
    let current_vapid_key = (current > 0).then_some(VapidKeyId(current));
    Ok(ApplicationRecord {
        id,
        name: value.name,
        vapid_keys,
        current_vapid_key,
        settings: value.settings.unwrap_or_default().into_settings()?,
        created: Timestamp::from_micros(value.created),
        updated: Timestamp::from_micros(value.updated),
        revision: value.revision,
        deleted: value.deleted,
    })
}

/// An application by its name.
pub(crate) fn by_name(reader: &Reader, name: &str) -> Result<Option<ApplicationRecord>, StoreError> {
    let Some(number) = reader.record::<Number>(&keys::application_name(name))? else { return Ok(None) };
    let id = ApplicationId(number.narrow()?);
    let value = reader.record(&keys::application(id))?;
    load(reader, id, value.ok_or(StoreError::Corrupt(ApplicationValue::KIND))?).map(Some)
}

/// All applications.
pub(crate) fn all(reader: &Reader) -> Result<Vec<ApplicationRecord>, StoreError> {
    let mut applications = Vec::new();
    for row in reader.scan(keys::applications(), Order::Ascending) {
        let (key, value) = row?;
        let application = ApplicationValue::from_value(&value).and_then(|value| {
            let id = keys::application_of(&key).ok_or(StoreError::Corrupt(ApplicationValue::KIND))?;
            load(reader, id, value)
        });
        applications.extend(reader.readable(application)?);
    }
    Ok(applications)
}

/// The numbers of all applications.
pub(crate) fn ids(reader: &Reader) -> Result<Vec<ApplicationId>, StoreError> {
    let mut ids = Vec::new();
    for row in reader.scan(keys::applications(), Order::Ascending) {
        ids.extend(keys::application_of(&row?.0));
    }
    Ok(ids)
}

/// The tokens of all applications.
pub(crate) fn tokens(reader: &Reader) -> Result<Vec<StoredToken>, StoreError> {
    let mut tokens = Vec::new();
    for row in reader.scan(keys::vapid_tokens(), Order::Ascending) {
        let (key, value) = row?;
        let token = VapidTokenValue::from_value(&value).and_then(|value| {
            let corrupt = StoreError::Corrupt(VapidTokenValue::KIND);
            match (keys::application_of(&key), keys::vapid_key_of(&key)) {
                (Some(application), Some(id)) => Ok(value.into_token(application, id)),
                (None | Some(_), None | Some(_)) => Err(corrupt),
            }
        });
        tokens.extend(reader.readable(token)?);
    }
    Ok(tokens)
}

/// A secret that was made before.
pub(crate) fn secret(rows: &impl Rows, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let value: Option<SecretValue> = rows.record(&keys::secret(name))?;
    value.map(|value| array(&value.octets, SecretValue::KIND)).transpose()
}

/// Takes the next number from a counter.
pub(crate) fn next_number(transaction: &mut Transaction, key: Vec<u8>) -> Result<u32, StoreError> {
    let last = transaction.record::<Number>(&key)?.unwrap_or_default().narrow()?;
    let next = last.checked_add(1).ok_or(StoreError::Corrupt(Number::KIND))?;
    transaction.put(key, &Number::new(next));
    Ok(next)
}

/// An application that has not ended.
pub(super) fn live(rows: &impl Rows, id: ApplicationId) -> Result<ApplicationValue, StoreError> {
    let value: Option<ApplicationValue> = rows.record(&keys::application(id))?;
    value.filter(|value| !value.deleted).ok_or(StoreError::NotFound)
}

/// A new application.
fn made(
    transaction: &mut Transaction,
    name: &str,
    settings: &ApplicationSettings,
    now: Timestamp,
) -> Result<(ApplicationId, ApplicationValue), StoreError> {
    let id = ApplicationId(next_number(transaction, keys::meta(LAST_APPLICATION))?);
    let value = ApplicationValue {
        name: name.to_owned(),
        settings: Some(SettingsValue::new(settings)),
        created: now.as_micros(),
        updated: now.as_micros(),
        revision: 1,
        ..ApplicationValue::default()
    };
    transaction.put(keys::application(id), &value);
    transaction.put(keys::application_name(name), &Number::new(id.0));
    Ok((id, value))
}

impl Writer {
    /// See [`crate::store::Store::application`].
    pub(crate) fn application(&mut self, name: &str) -> Result<ApplicationRecord, StoreError> {
        if let Some(application) = by_name(&self.reader, name)? {
            return Ok(application);
        }
        let mut transaction = self.begin();
        let (id, value) = made(&mut transaction, name, &ApplicationSettings::default(), self.clock.now())?;
        self.apply(transaction)?;
        load(&self.reader, id, value)
    }

    /// See [`crate::store::Store::create_application`].
    pub(crate) fn create_application(
        &mut self,
        name: &str,
        settings: &ApplicationSettings,
        mut key: VapidKey,
    ) -> Result<ApplicationRecord, StoreError> {
        if by_name(&self.reader, name)?.is_some() {
            return Err(StoreError::AlreadyExists);
        }
        let now = self.clock.now();
        let mut transaction = self.begin();
        let (id, mut value) = made(&mut transaction, name, settings, now)?;
        key.id = VapidKeyId(1);
        key.activated = Some(now);
        transaction.put(keys::vapid_key(id, key.id), &VapidKeyValue::new(&key));
        value.current_vapid_key = u32::from(key.id.0);
        transaction.put(keys::application(id), &value);
        self.apply(transaction)?;
        load(&self.reader, id, value)
    }

    /// See [`crate::store::Store::update_application`].
    pub(crate) fn update_application(
        &mut self,
        application: ApplicationId,
        settings: &ApplicationSettings,
        revision: u64,
    ) -> Result<ApplicationRecord, StoreError> {
        let mut transaction = self.begin();
        let mut value = live(&transaction, application)?;
        if value.revision != revision {
            return Err(StoreError::RevisionMismatch);
        }
        value.settings = Some(SettingsValue::new(settings));
        value.revision += 1;
        value.updated = self.clock.now().as_micros();
        transaction.put(keys::application(application), &value);
        self.apply(transaction)?;
        load(&self.reader, application, value)
    }

    /// See [`crate::store::Store::add_vapid_key`].
    pub(crate) fn add_vapid_key(
        &mut self,
        application: ApplicationId,
        mut key: VapidKey,
        make_current: bool,
    ) -> Result<VapidKey, StoreError> {
        let mut transaction = self.begin();
        let mut value = live(&transaction, application)?;
        let stored = load(&self.reader, application, value.clone())?;
        let same = stored.vapid_keys.into_iter().find(|stored| stored.public == key.public);
        let makes_current = make_current || value.current_vapid_key == 0;
        let mut key = if let Some(same) = same {
            if makes_current && same.retired.is_some() {
                return Err(StoreError::NotFound);
            }
            same
        } else {
            // By the keys of rows: one whose value does not read keeps its number.
            let last = self.reader.scan_by(keys::vapid_keys(application), Order::Descending, 1).next();
            let last = last.transpose()?.and_then(|(key, _)| keys::vapid_key_of(&key));
            key.id = vapid_keys::next_number(last, value.last_removed_key)?;
            transaction.put(keys::vapid_key(application, key.id), &VapidKeyValue::new(&key));
            key
        };
        if makes_current {
            rotation::make_current(&mut transaction, application, &mut value, &mut key, self.clock.now());
        }
        self.apply(transaction)?;
        Ok(key)
    }

    /// See [`crate::store::Store::put_vapid_token`].
    pub(crate) fn put_vapid_token(&mut self, token: StoredToken) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        let key = keys::vapid_token(token.application, token.key, &token.origin);
        transaction.put(key, &VapidTokenValue::new(token));
        self.apply(transaction)
    }

    /// See [`crate::store::Store::secret`].
    pub(crate) fn secret(&mut self, name: &str) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = secret(&self.reader, name)? {
            return Ok(secret);
        }
        let mut octets = [0; 32];
        self.random.fill_bytes(&mut octets);
        let mut transaction = self.begin();
        transaction.put(keys::secret(name), &SecretValue { octets: octets.to_vec() });
        self.apply(transaction)?;
        Ok(octets)
    }
}
