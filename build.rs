//! Compiles `proto/` with protox, so that nobody needs protoc.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

const FILES: [&str; 6] = [
    "fanfare/v1/push.proto",
    "fanfare/v1/subscription.proto",
    "fanfare/v1/message.proto",
    "fanfare/v1/delivery.proto",
    "fanfare/v1/errors.proto",
    "fanfare/v1/admin.proto",
];
/// Messages that hold what must not be logged: their `Debug` is written by hand in `src/proto.rs`.
const SECRET: [&str; 11] = [
    ".fanfare.v1.PushSubscription",
    ".fanfare.v1.PushSubscriptionKeys",
    ".fanfare.v1.SubscribeRequest",
    ".fanfare.v1.UnsubscribeRequest",
    ".fanfare.v1.GetSubscriptionRequest",
    ".fanfare.v1.UpdateSubscriptionRequest",
    ".fanfare.v1.Message",
    ".fanfare.v1.CreateSubscriberTokenResponse",
    ".fanfare.v1.CreateApiTokenResponse",
    ".fanfare.v1.CreateVapidKeyRequest",
    ".fanfare.v1.BackupResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    // tonic-prost-build emits none of its own (grpc/grpc-rust#2511).
    for path in ["proto", "third_party", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let compiler = || protox::Compiler::new(["proto", "third_party/googleapis"]);

    // With comments, which become rustdoc.
    let mut code = compiler()?;
    code.include_imports(true).include_source_info(true).open_files(FILES)?;
    tonic_prost_build::configure()
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        .extern_path(".google.rpc", "::tonic_types::pb")
        .bytes(".fanfare.v1.Message.data")
        .bytes(".fanfare.v1.BackupResponse.data")
        // Sorted, so that equal requests encode to equal octets: `api::validate::request_hash`.
        .btree_map(".")
        .skip_debug(SECRET)
        .compile_fds(code.file_descriptor_set())?;

    // For reflection, as encoded bytes, which keep custom options. The error details are in it so that grpcurl can show
    // them.
    let mut reflection = compiler()?;
    reflection
        .include_imports(true)
        .include_source_info(false)
        .open_files(FILES)?
        .open_file("google/rpc/error_details.proto")?;
    fs::write(out.join("fanfare_descriptor.bin"), reflection.encode_file_descriptor_set())?;

    // For tests that read the contract with its options but without what it imports.
    let mut own = compiler()?;
    own.include_imports(false).include_source_info(false).open_files(FILES)?;
    fs::write(out.join("fanfare_own_descriptor.bin"), own.file_descriptor_set().encode_to_vec())?;
    Ok(())
}
