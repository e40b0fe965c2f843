//! The gRPC service.
mod status;
mod tokens;
