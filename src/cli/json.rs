//! The JSON form of the contract's messages, as grpcurl and browsers write it.

use anyhow::{Context as _, anyhow};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde::de::Deserializer;

use crate::proto::REFLECTION_DESCRIPTOR_SET;

/// Writes and reads messages of one type. Making one reads the whole contract: keep it.
#[derive(Clone, Debug)]
pub(crate) struct ProtoJson(MessageDescriptor);

impl ProtoJson {
    /// Of a type by its full name, for example `fanfare.v1.DeliveryFrame`.
    pub(crate) fn of(full_name: &str) -> anyhow::Result<Self> {
        let pool = DescriptorPool::decode(REFLECTION_DESCRIPTOR_SET).context("the contract does not read")?;
        let descriptor =
            pool.get_message_by_name(full_name).ok_or_else(|| anyhow!("no message {full_name}"))?;
        Ok(Self(descriptor))
    }

    /// On one line.
    pub(crate) fn write(&self, message: &impl Message) -> anyhow::Result<String> {
        let mut dynamic = DynamicMessage::new(self.0.clone());
        dynamic.transcode_from(message)?;
        Ok(serde_json::to_string(&dynamic)?)
    }

    /// Reads one object.
    pub(crate) fn read<'de, M, D>(&self, json: D) -> anyhow::Result<M>
    where
        M: Message + Default,
        D: Deserializer<'de>,
        D::Error: Send + Sync + 'static,
    {
        Ok(DynamicMessage::deserialize(self.0.clone(), json)?.transcode_to()?)
    }
}
