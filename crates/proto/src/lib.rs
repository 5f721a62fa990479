//! The contract between the token broker and its consumers: generated gRPC code, the reading of its errors, and with
//! the feature `client` what a consumer calls it with.
//!
//! The source is `proto/token_broker/v1/token_broker.proto`. The generated code is checked in under `src/gen`, so
//! building needs no protoc; `tests/generated.rs` regenerates it and fails on a difference, and
//! `REGENERATE=1 cargo test -p proto` rewrites it.
//!
//! This crate must not know how a token is exchanged, validated or cached.

pub use status::{BrokerError, Reason};

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod status;

mod redacted;

/// Package `token_broker.v1`, version 1 of the contract.
pub mod v1 {
    #![expect(
        unused_qualifications,
        clippy::allow_attributes,
        clippy::clone_on_ref_ptr,
        clippy::pedantic,
        reason = "generated code: the .proto file is what is read and reviewed"
    )]
    include!("gen/token_broker.v1.rs");
}

/// The encoded `google.protobuf.FileDescriptorSet` of this contract and its imports, for gRPC server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/token_broker.v1.fds.bin");
