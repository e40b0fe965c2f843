//! The contract's text form: a line for each field, enum value and RPC, so that a change on the wire shows in review.

use std::fmt::Write;
use std::{env, fs};

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MessageOptions,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/descriptor.txt");

fn files() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(fanfare::proto::OWN_DESCRIPTOR_SET).expect("the descriptor reads");
    let mut files = set.file;
    files.sort_by(|a, b| a.name().cmp(b.name()));
    files
}

fn field_type(field: &FieldDescriptorProto) -> String {
    if matches!(field.r#type(), Type::Message | Type::Enum) {
        field.type_name().trim_start_matches('.').to_owned()
    } else {
        format!("{:?}", field.r#type()).to_lowercase()
    }
}

fn write_message(text: &mut String, prefix: &str, message: &DescriptorProto) {
    let name = format!("{prefix}.{}", message.name());
    let map_entry = |field: &FieldDescriptorProto| {
        message.nested_type.iter().find(|nested| {
            nested.options.as_ref().is_some_and(MessageOptions::map_entry)
                && field.type_name().ends_with(&format!(".{}", nested.name()))
        })
    };
    writeln!(text, "message {name}").unwrap();
    for field in &message.field {
        let shape = match map_entry(field) {
            Some(entry) => format!("map<{}, {}>", field_type(&entry.field[0]), field_type(&entry.field[1])),
            None if field.label() == Label::Repeated => format!("repeated {}", field_type(field)),
            None if field.proto3_optional() => format!("optional {}", field_type(field)),
            None => field_type(field),
        };
        let oneof = match field.oneof_index {
            Some(index) if !field.proto3_optional() => {
                format!(" oneof {}", message.oneof_decl[usize::try_from(index).unwrap()].name())
            }
            _ => String::new(),
        };
        let (number, field_name, json) = (field.number(), field.name(), field.json_name());
        writeln!(text, "  {name}.{field_name} = {number} {shape} json {json}{oneof}").unwrap();
    }
    for nested in &message.nested_type {
        if !nested.options.as_ref().is_some_and(MessageOptions::map_entry) {
            write_message(text, &name, nested);
        }
    }
}

fn write_enum(text: &mut String, package: &str, of: &EnumDescriptorProto) {
    writeln!(text, "enum {package}.{}", of.name()).unwrap();
    for value in &of.value {
        writeln!(text, "  {} = {}", value.name(), value.number()).unwrap();
    }
}

fn text_form() -> String {
    let mut text = "# Made by tests/api/contract.rs from proto/fanfare/v1/. Renew: UPDATE=1 cargo test --test api contract\n".to_owned();
    for file in files() {
        let package = file.package();
        let options = file.options.clone().unwrap_or_default();
        writeln!(text, "\nfile {} package {package}", file.name()).unwrap();
        writeln!(text, "  go_package {}", options.go_package()).unwrap();
        writeln!(
            text,
            "  java_package {} multiple_files {}",
            options.java_package(),
            options.java_multiple_files()
        )
        .unwrap();
        for service in &file.service {
            writeln!(text, "service {package}.{}", service.name()).unwrap();
            for rpc in &service.method {
                let stream = |streaming: bool| if streaming { "stream " } else { "" };
                let level = rpc
                    .options
                    .as_ref()
                    .map(prost_types::MethodOptions::idempotency_level)
                    .unwrap_or_default();
                writeln!(
                    text,
                    "  {}({}{}) returns ({}{}) {}",
                    rpc.name(),
                    stream(rpc.client_streaming()),
                    rpc.input_type().trim_start_matches('.'),
                    stream(rpc.server_streaming()),
                    rpc.output_type().trim_start_matches('.'),
                    level.as_str_name()
                )
                .unwrap();
            }
        }
        for message in &file.message_type {
            write_message(&mut text, package, message);
        }
        for of in &file.enum_type {
            write_enum(&mut text, package, of);
        }
    }
    text
}

#[test]
fn the_contract_is_the_one_that_was_reviewed() {
    let now = text_form();
    if env::var_os("UPDATE").is_some() {
        fs::write(FILE, &now).unwrap();
    }
    let reviewed = fs::read_to_string(FILE).unwrap_or_default();
    let differs = now.lines().zip(reviewed.lines()).find(|(now, reviewed)| now != reviewed);
    assert!(
        now == reviewed,
        "proto/descriptor.txt is not the contract any more ({differs:?}). If the change is meant and old clients go on \
         working, renew it: UPDATE=1 cargo test --test api contract"
    );
}

/// What `buf lint` checks too, for those without it: the rules that shape this contract.
#[test]
fn the_contract_keeps_bufs_standard_rules() {
    for file in files() {
        let package = file.package().to_owned();
        assert_eq!(package, "fanfare.v1", "PACKAGE_VERSION_SUFFIX");
        assert!(file.name().starts_with("fanfare/v1/"), "PACKAGE_DIRECTORY_MATCH");
        assert_eq!(file.syntax(), "proto3", "SYNTAX_SPECIFIED");
        let options = file.options.clone().unwrap_or_default();
        assert!(!options.go_package().is_empty() && !options.java_package().is_empty());
        assert!(options.java_multiple_files());
        for of in &file.enum_type {
            let prefix = of.name().chars().enumerate().fold(String::new(), |prefix, (index, c)| {
                let gap = if index > 0 && c.is_uppercase() { "_" } else { "" };
                format!("{prefix}{gap}{}", c.to_ascii_uppercase())
            });
            assert_eq!(of.value[0].name(), format!("{prefix}_UNSPECIFIED"), "ENUM_ZERO_VALUE_SUFFIX");
            assert_eq!(of.value[0].number(), 0, "ENUM_FIRST_VALUE_ZERO");
            for value in &of.value {
                assert!(
                    value.name().starts_with(&format!("{prefix}_")),
                    "ENUM_VALUE_PREFIX {}",
                    value.name()
                );
            }
        }
        for message in &file.message_type {
            for field in &message.field {
                let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(field.name().chars().all(lower), "FIELD_LOWER_SNAKE_CASE {}", field.name());
            }
        }
        for service in &file.service {
            assert!(service.name().ends_with("Service"), "SERVICE_SUFFIX");
            for rpc in &service.method {
                let of = |kind: &str| format!(".{package}.{}{kind}", rpc.name());
                assert_eq!(rpc.input_type(), of("Request"), "RPC_REQUEST_STANDARD_NAME");
                assert_eq!(rpc.output_type(), of("Response"), "RPC_RESPONSE_STANDARD_NAME");
            }
        }
    }
}
