//! The token broker: exchanges a user's access token for the same user's token for Azure, On-Behalf-Of.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the settings of all parts, and the rules between them |
//! | [`Application`] | who the broker is to Entra ID |
//! | `credential` | how the broker proves to Entra ID who it is |
//! | `entra` | the token endpoint: request, answer, and what they mean |
//! | `aadsts` | what the numbers of its errors mean |
//! | `consumers` | which service calls, and what it may do |
//! | `connections`, [`Listeners`] | sockets, mutual TLS, who is at the other end |
//! | `health` | where the broker says how it is |
//! | `tls` | the certificate that is shown, followed |
//! | `crowd` | tasks in bounded number: the oldest gives way |
//! | `outcome`, `error` | what an exchange ends with |
//! | `throttle` | the pause that Entra ID asks for, kept by all |
//! | `cache`, `flights` | what was exchanged already, here and by other replicas; one exchange at a time per key |
//! | `watched` | values that follow their files |
//! | `challenges` | how often a session may pass by the cache |
//! | [`exchange`](Exchanger) | the order of it all: prove, look up, ask |
//! | `grpc` | the contract's words for it |
//! | `preflight` | whether the tenant is set up as all of this needs it |
//! | [`purge()`] | the command that has running brokers forget a person |
//! | `background` | work that never ends, and what happens where it does |
//! | [`Broker`], [`serve`] | putting together, serving, ending |
//!
//! The broker trusts nobody who calls it: it proves each assertion itself before it answers, also from the cache.

pub use aadsts::known as known_aadsts;
pub use application::Application;
pub use background::BackgroundEnded;
pub use broker::{Broker, BuildError, preflight};
pub use cache::{
    CacheArgs, CacheSettings, CacheSettingsError, RedisUrl, RedisUrlError, SharedCacheError,
    SharedCacheSettings,
};
pub use config::{Args, Command, Config, ConfigError, NEXT};
pub use credential::{
    CredentialArgs, CredentialConfig, CredentialConfigError, CredentialError, IdentityEndpoint,
};
pub use error::{Evidence, ExchangeError, Kind};
pub use exchange::{ExchangeCommand, Exchanger, Granted};
pub use health::{HealthArgs, probe};
pub use listeners::{BindError, InvalidListen, InvalidSocketMode, Listen, Listeners, SocketMode};
pub use outcome::{DownstreamToken, Source};
pub use preflight::{
    GraphSettings, KnownClient, Needs, NeedsError, PreflightArgs, PreflightSettings, PreflightSettingsError,
};
pub use purge::{Here, PurgeArgs, PurgeError, Purged, purge};
pub use resource::{Resource, Resources, ResourcesError};
pub use server::{ServeError, serve};
pub use tls::{TlsError, TlsFiles};
pub use watched::WatchError;

mod aadsts;
mod application;
mod audited;
mod background;
mod broker;
mod cache;
mod challenges;
pub mod config;
mod connections;
mod consumers;
mod credential;
mod crowd;
mod entra;
mod error;
mod exchange;
mod flights;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod grpc;
mod health;
mod list;
mod listeners;
mod metrics;
mod outcome;
mod preflight;
mod purge;
mod resource;
mod server;
#[cfg(test)]
mod testing;
mod throttle;
mod tls;
mod toml_file;
