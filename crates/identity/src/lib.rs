//! Who is calling: the one place that turns an Entra ID access token into a [`Principal`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`token`](BearerToken) | the credential as it came: opaque, redacted, zeroized |
//! | `unverified` | the token taken apart, with nothing believed yet |
//! | `keys` | the tenant's signing keys: discovery, cache, rollover |
//! | `validate` | every rule, in one list |
//! | `proved` | what was proved already, by digest |
//! | `explain` | the same list, told in full for one token: for the operator, never for a request |
//! | `claims`, [`Principal`] | what is known once every rule held |
//! | [`cloud`], [`outbound`], [`clock`] | which hosts, through which HTTP client, at what time |
//! | `audience`, `loopback` | settings that both services read in the same way |
//!
//! The crate knows no HTTP server and no gRPC: gateway and broker each map its errors to their protocol.
//!
//! A token is proved before anything in it is believed:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use identity::clock::SystemClock;
//! use identity::{BearerToken, ValidationError, Validator, ValidatorConfig, outbound};
//!
//! # async fn serve(text: String) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ValidatorConfig {
//!     tenant: "aaaabbbb-0000-cccc-1111-dddd2222eeee".parse()?,
//!     audiences: vec!["11112222-bbbb-3333-cccc-4444dddd5555".to_owned()],
//!     identifier_uris: vec![],
//!     accept_v1: false,
//! };
//! let authority = "https://login.microsoftonline.com/".parse()?;
//! let validator = Validator::new(config, &authority, outbound::client(None)?, Arc::new(SystemClock))?;
//! // Without it keys are fetched when they are needed, and a withdrawn one is believed for as long as a day.
//! let refreshed = validator.spawn_refresh();
//!
//! match validator.validate(&BearerToken::parse(text)?).await {
//!     Ok(principal) => println!("{} may use {:?}", principal.oid(), principal.scopes()),
//!     Err(ValidationError::Invalid(invalid)) => println!("401: {}", invalid.reason().as_str()),
//!     Err(_) => println!("503: the tenant's keys cannot be fetched, which says nothing of the token"),
//! }
//! # refreshed.abort();
//! # Ok(())
//! # }
//! ```

pub use audience::{EmptyAudience, audiences};
pub use error::{InvalidToken, Reason, ValidationError};
pub use explain::{Explanation, Pin, Verdict};
pub use ids::{ClientId, InvalidId, ObjectId, TenantId};
pub use keys::{FAILED_FETCH_PAUSE, KEY_MAX_AGE, REFRESH_INTERVAL, UNKNOWN_KEY_FETCHES, UNKNOWN_KEY_PAUSE};
pub use loopback::is_loopback;
pub use principal::Principal;
pub use scope::ScopeSet;
pub use token::{BearerToken, MAX_TOKEN_BYTES};
pub use validate::{LEEWAY, Validator, ValidatorConfig, ValidatorError};

pub mod clock;
pub mod cloud;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod outbound;

mod audience;
mod claims;
mod error;
mod explain;
mod ids;
mod keys;
mod loopback;
mod principal;
mod proved;
mod scope;
mod strict_json;
mod token;
mod unverified;
mod validate;
