//! The JSON form of the contract's messages, which prost alone does not know.

use std::sync::LazyLock;

use fanfare::proto::REFLECTION_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::Value;

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(REFLECTION_DESCRIPTOR_SET).expect("the contract can be read"));

/// A call by its name, for example "PushService.GetMessage".
pub fn method(name: &str) -> MethodDescriptor {
    let (service, method) = name.split_once('.').expect("Service.Method");
    let service = CONTRACT.get_service_by_name(&format!("fanfare.v1.{service}")).expect("a service");
    service.methods().find(|found| found.name() == method).expect("a method")
}

pub fn dynamic(of: MessageDescriptor, json: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(of, json).expect("the request is a message")
}

pub fn read<M: Message + Default>(name: &str, json: &Value) -> M {
    if json.is_null() {
        return M::default();
    }
    let of = CONTRACT.get_message_by_name(&format!("fanfare.v1.{name}")).expect("a message");
    dynamic(of, json).transcode_to().expect("the types agree")
}

pub fn written(name: &str, message: &impl Message) -> Value {
    let of = CONTRACT.get_message_by_name(&format!("fanfare.v1.{name}")).expect("a message");
    written_dynamic(&DynamicMessage::decode(of, &*message.encode_to_vec()).expect("the types agree"))
}

pub fn written_dynamic(message: &DynamicMessage) -> Value {
    message
        .serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())
        .expect("messages can be written")
}
