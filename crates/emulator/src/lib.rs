//! A pretend Microsoft cloud for development and tests: Entra ID, Azure Resource Manager with Cost Management, Microsoft
//! Graph and blob storage, each behind TLS on a loopback port of its own; and, over plain HTTP, the metadata service that
//! gives out tokens of managed identities.
//!
//! It behaves as the real services do where a client can see it, and depends on no crate of this workspace, so that a
//! misreading shared with the code under test cannot hide. It protects nothing: anyone who can reach it can mint tokens.
//!
//! One deliberate difference: tokens of v1 format have the issuer `{authority}/{tid}/` where the real ones have
//! `https://sts.windows.net/{tid}/`, because a client must find everything below one local authority.
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! use emulator::{Config, Emulator, TokenSpec};
//!
//! let emulator = Emulator::start(Config::default()).await?;
//! let token = emulator.mint(&TokenSpec::for_person("alice"))?;
//! assert!(!token.is_empty());
//! # Ok(()) }
//! ```

pub use arm::budgets::BudgetError;
pub use arm::costs::{NothingToPlant, Planted, PlantedCause};
pub use arm::raw::UnknownScope;
pub use config::{Config, Ports, Quotas};
pub use counters::Counts;
pub use emulator::Emulator;
pub use endpoints::{AZURE_HOSTS, Endpoints};
pub use entra::mint::{MintError, SignedBy, TokenKind, TokenSpec};
pub use error::StartError;
pub use faults::{
    Answering, ArmChallenge, CaeDialect, CostRefusal, CostRefusalKind, EndpointFault, FaultSettings, Faults,
    ForecastForm, OddAnswer, ReportFaults,
};
pub use keys::Rollover;
pub use tenant::UnknownRole;
pub use tenant::conditional_access::{Control, Policy};
pub use tenant::contoso::{
    API_CLIENT_ID, API_IDENTIFIER_URI, ARM_APP_ID, BIG_SUBSCRIPTION, CONSUMERS_TENANT_ID, DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET, DEPLOYER_CLIENT_ID, DEPLOYER_CLIENT_SECRET, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION,
    FEDERATED_AUDIENCE, GRAPH_APP_ID, LAB_SUBSCRIPTION, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_ID,
    PROD_SUBSCRIPTION, PUBLIC_CLIENT_ID, RETAIL_SUBSCRIPTION, TENANT_DOMAIN, TENANT_ID, VERIFIED_DOMAIN,
    VSCODE_CLIENT_ID,
};
pub use tenant::directory::{
    NeverOffered, OwnRefresh, Platform, PreAuthorized, RedirectUri, RegisteredRole, RegisteredScope,
    Registration, WhoCanConsent,
};
pub use tenant::federation::{FederatedCredential, ServiceAccountToken};
pub use tenant::graph_settings::{GraphSettings, ScopeText};
pub use tenant::people::UnknownPerson;

mod arm;
mod blob;
mod bounded;
mod clock;
mod cluster;
mod config;
mod control;
mod counters;
mod emulator;
mod endpoints;
mod entra;
mod env_file;
mod error;
mod faults;
mod graph;
mod jwt;
mod keys;
mod metadata;
mod sas;
mod secrets;
mod server;
mod store;
mod tenant;
mod tls;
mod world;
