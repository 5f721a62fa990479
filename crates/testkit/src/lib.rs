//! What tests of several crates need: keys and certificates made on the spot, an authority that signs them, a real Redis,
//! a patient look at what comes true in time, numbers that a seed decides, and the inputs that are kept of fuzzing.
//!
//! For tests alone, and it must not know any crate of this workspace: what is under test cannot be in the tools that test it.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up has failed"
)]

use jiff::Timestamp;

pub use authority::{Authority, Issued};
pub use eventually::eventually;
pub use kept::kept_inputs;
pub use keys::{KeyAndCert, certified, ec_key, key_and_cert, pem, rsa_key};
pub use redis::{INSTALL_REDIS, RedisOptions, RedisServer, RedisWay, cache_keys};
pub use seeded::Seeded;

mod authority;
mod eventually;
mod kept;
mod keys;
mod redis;
mod seeded;

/// The time at which tests take place: 2026-11-22T12:00:00Z.
pub const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);
