//! API tokens.

use super::backend::Order;
use super::keys;
use super::records::Record;
use super::records::api_token::ApiTokenValue;
use super::transaction::{Reader, Rows};
use super::writer::Writer;
use crate::domain::{ApiToken, ApiTokenId, Timestamp};
use crate::store::StoreError;

/// All tokens.
pub(crate) fn all(reader: &Reader) -> Result<Vec<ApiToken>, StoreError> {
    let mut tokens = Vec::new();
    for row in reader.scan(keys::api_tokens(), Order::Ascending) {
        let (key, value) = row?;
        let token = ApiTokenValue::from_value(&value).and_then(|value| {
            let id = keys::api_token_of(&key).ok_or(StoreError::Corrupt(ApiTokenValue::KIND))?;
            value.into_token(id)
        });
        tokens.extend(reader.readable(token)?);
    }
    Ok(tokens)
}

impl Writer {
    /// See [`crate::store::Store::put_api_token`].
    pub(crate) fn put_api_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        transaction.put(keys::api_token(token.id), &ApiTokenValue::new(token));
        self.apply(transaction)
    }

    /// See [`crate::store::Store::api_token_used`].
    pub(crate) fn api_token_used(&mut self, id: ApiTokenId, time: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        let Some(mut value) = transaction.record::<ApiTokenValue>(&keys::api_token(id))? else {
            return Ok(());
        };
        value.last_used = Some(time.as_micros());
        transaction.put(keys::api_token(id), &value);
        self.apply(transaction)
    }

    /// See [`crate::store::Store::remove_api_token`]. One that does not read can be removed too.
    pub(crate) fn remove_api_token(&mut self, id: ApiTokenId) -> Result<bool, StoreError> {
        let mut transaction = self.begin();
        let found = transaction.value(&keys::api_token(id))?.is_some();
        if found {
            transaction.remove(keys::api_token(id));
            self.apply(transaction)?;
        }
        Ok(found)
    }
}
