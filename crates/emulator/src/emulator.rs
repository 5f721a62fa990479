//! The handle of a running emulator: puts its parts together, and changes what a test wants changed.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::arm;
use crate::arm::budgets::BudgetError;
use crate::arm::costs::{Basis, NothingToPlant, Planted};
use crate::arm::raw::{self, UnknownScope};
use crate::blob;
use crate::clock::{Clock, utc_day};
use crate::cluster;
use crate::config::{Config, Quotas};
use crate::control;
use crate::counters::Counts;
use crate::endpoints::Endpoints;
use crate::entra;
use crate::entra::mint::{self, MintError, TokenSpec};
use crate::error::StartError;
use crate::faults::Faults;
use crate::graph;
use crate::keys::{Rollover, RsaKey};
use crate::metadata;
use crate::server::{Listeners, Routers, Servers};
use crate::store::Store;
use crate::tenant::UnknownRole;
use crate::tenant::conditional_access::Policy;
use crate::tenant::contoso::{API_CLIENT_ID, ARM_APP_ID, PUBLIC_CLIENT_ID, TENANT_ID};
use crate::tenant::directory::{NeverOffered, Registration};
use crate::tenant::federation::{self, FederatedCredential, ServiceAccountToken};
use crate::tenant::graph_settings::GraphSettings;
use crate::tenant::people::UnknownPerson;
use crate::tls::Tls;
use crate::world::World;

/// A running emulator. Dropping it stops the listeners at once; [`Emulator::shutdown`] lets calls in flight finish.
#[derive(Debug)]
pub struct Emulator {
    world: Arc<World>,
    arm: Arc<arm::state::State>,
    servers: Servers,
    addresses: Endpoints,
}

impl Emulator {
    /// Makes (or loads) all keys, binds the five listeners and serves. Takes about half a second for the keys.
    ///
    /// # Errors
    /// A taken port, an unusable state directory, a damaged file in it.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listeners = Listeners::bind(&config)?;
        let addresses = listeners.endpoints(&config.host)?;
        let endpoints =
            if config.as_azure { addresses.clone().under_azures_names() } else { addresses.clone() };
        let (world, arm, tls) = tokio::task::spawn_blocking(move || prepare(config, endpoints))
            .await
            .map_err(|_| StartError::Key)??;
        let servers = listeners.serve(routers(&world, &arm), tls, &world)?;
        tracing::info!(
            authority = world.endpoints.authority,
            arm = world.endpoints.arm,
            "emulator is listening"
        );
        Ok(Self { world, arm, servers, addresses })
    }

    /// Stops listening and lets calls in flight finish, for at most five seconds.
    pub async fn shutdown(self) {
        self.servers.shutdown().await;
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.world.endpoints
    }

    /// The sockets behind [`Emulator::endpoints`], which bear other names with [`Config::as_azure`].
    pub fn addresses(&self) -> &Endpoints {
        &self.addresses
    }

    /// The CA certificate clients must trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.world.ca_pem
    }

    /// Certificate and RSA key registered on the API application, as one PEM: what `AZURE_CLIENT_CERTIFICATE_PATH` names.
    pub fn app_credential_pem(&self) -> &str {
        self.world.app_key.pem()
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &'static str {
        TENANT_ID
    }

    /// Client id of the API application.
    pub fn api_client_id(&self) -> &'static str {
        API_CLIENT_ID
    }

    /// Object id of a person.
    ///
    /// # Errors
    /// No such person.
    pub fn oid(&self, person: &str) -> Result<String, UnknownPerson> {
        let found = self.world.tenant.people.find(person);
        found.map(|found| found.oid.clone()).ok_or_else(|| UnknownPerson(person.to_owned()))
    }

    /// Ids of the subscriptions a person has a role on.
    ///
    /// # Errors
    /// No such person.
    pub fn subscriptions_of(&self, person: &str) -> Result<Vec<String>, UnknownPerson> {
        let found = self.world.tenant.people.find(person);
        found.map(|found| found.subscriptions.clone()).ok_or_else(|| UnknownPerson(person.to_owned()))
    }

    /// Makes a token to order; good ones are as the pre-registered client would get them.
    ///
    /// # Errors
    /// No such person or application.
    pub fn mint(&self, spec: &TokenSpec) -> Result<String, MintError> {
        mint::mint(&self.world, spec)
    }

    /// The switches for outages, delays, throttling and challenges.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        self.world.counters.snapshot()
    }

    /// Starts counting anew.
    pub fn reset_counts(&self) {
        self.world.counters.reset();
    }

    /// Every credential issued or seen, each once. Empty unless [`Config::record_secrets`] is set.
    pub fn issued_secrets(&self) -> Vec<String> {
        self.world.secrets.all()
    }

    /// Moves the emulator's clock ahead (or back).
    pub fn advance_clock(&self, seconds: i64) {
        self.world.clock.advance(seconds);
    }

    /// Changes the signing keys. Blocks for key generation: a tenth of a second or two.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn roll_keys(&self, rollover: Rollover) -> Result<(), StartError> {
        self.world.roll_keys(rollover)
    }

    /// Ends every session of the person: older assertions and refresh tokens answer AADSTS50173, older ARM tokens that
    /// declared `cp1` are challenged.
    ///
    /// # Errors
    /// No such person.
    pub fn revoke_sessions(&self, person: &str) -> Result<(), UnknownPerson> {
        let oid = self.oid(person)?;
        self.world.tenant.directory_mut().revoke_sessions(&oid, self.world.clock.seconds());
        Ok(())
    }

    /// The raw usage rows of a scope, by its path, that every answer about costs is made of: as they are to be seen now.
    ///
    /// # Errors
    /// No such scope.
    pub fn raw_rows(
        &self,
        scope: &str,
        days: RangeInclusive<Date>,
        is_amortized: bool,
    ) -> Result<Vec<Value>, UnknownScope> {
        let basis = if is_amortized { Basis::Amortized } else { Basis::Actual };
        raw::all(&self.arm, scope, days.into_inner(), basis)
    }

    /// All budgets, each as Azure's own request to make it, with `scope`, `name`, `created` and `provider` beside its
    /// `properties`.
    pub fn budgets(&self) -> Vec<Value> {
        self.arm.budgets().orders()
    }

    /// Replaces all budgets.
    ///
    /// # Errors
    /// One that Azure would not take.
    pub fn set_budgets(&self, orders: Vec<Value>) -> Result<(), BudgetError> {
        self.arm.set_budgets(orders)
    }

    /// Gives a person a built-in role in Azure (`Reader`, if none is named) at a subscription, a management group or a billing
    /// account, by its path.
    ///
    /// # Errors
    /// No such person or role.
    pub fn give_azure_role(&self, person: &str, role: Option<&str>, scope: &str) -> Result<(), UnknownRole> {
        self.world.tenant.give_azure_role(person, role, scope)
    }

    /// Takes a role in Azure away from a person; every one that they have at the scope, if none is named.
    ///
    /// # Errors
    /// No such person or role.
    pub fn take_azure_role(&self, person: &str, role: Option<&str>, scope: &str) -> Result<(), UnknownRole> {
        self.world.tenant.take_azure_role(person, role, scope)
    }

    /// Grants scopes of the API to the pre-registered client, as an administrator would: for one person, or for everyone.
    ///
    /// # Errors
    /// No such person.
    pub fn grant_consent(&self, person: Option<&str>, scopes: &[&str]) -> Result<(), UnknownPerson> {
        self.grant(PUBLIC_CLIENT_ID, API_CLIENT_ID, person, scopes)
    }

    /// Takes scopes of the API away from the pre-registered client; all of them if none is named.
    ///
    /// # Errors
    /// No such person.
    pub fn withdraw_consent(&self, person: Option<&str>, scopes: &[&str]) -> Result<(), UnknownPerson> {
        self.withdraw(PUBLIC_CLIENT_ID, API_CLIENT_ID, person, scopes)
    }

    /// Grants scopes of any application to any other, as an administrator would: for one person, or for everyone.
    ///
    /// # Errors
    /// No such person.
    pub fn grant(
        &self,
        client: &str,
        resource: &str,
        person: Option<&str>,
        scopes: &[&str],
    ) -> Result<(), UnknownPerson> {
        let oid = person.map(|person| self.oid(person)).transpose()?;
        self.world.tenant.directory_mut().grants.add(client, resource, oid.as_deref(), scopes);
        Ok(())
    }

    /// Takes scopes away that [`Emulator::grant`] granted; all of them if none is named.
    ///
    /// # Errors
    /// No such person.
    pub fn withdraw(
        &self,
        client: &str,
        resource: &str,
        person: Option<&str>,
        scopes: &[&str],
    ) -> Result<(), UnknownPerson> {
        let oid = person.map(|person| self.oid(person)).transpose()?;
        self.world.tenant.directory_mut().grants.remove(client, resource, oid.as_deref(), scopes);
        Ok(())
    }

    /// Grants (or takes away) the API's access to Azure Resource Manager: without it every exchange answers AADSTS65001.
    pub fn set_arm_consent(&self, granted: bool) {
        let grants = &mut self.world.tenant.directory_mut().grants;
        let scopes = ["user_impersonation"];
        if granted {
            grants.add(API_CLIENT_ID, ARM_APP_ID, None, &scopes);
        } else {
            grants.remove(API_CLIENT_ID, ARM_APP_ID, None, &scopes);
        }
    }

    /// The API application's registration.
    pub fn registration(&self) -> Registration {
        self.world.tenant.directory().registration().clone()
    }

    /// Changes the API application's registration: see [`Registration`] for what can be wrong about it.
    ///
    /// # Errors
    /// It offers a scope or a role that the application never had.
    pub fn register(&self, change: impl FnOnce(&mut Registration)) -> Result<(), NeverOffered> {
        let mut registration = self.registration();
        change(&mut registration);
        self.world.tenant.directory_mut().set_registration(registration)
    }

    /// Changes how Graph answers, and what the API may read there.
    pub fn graph(&self, change: impl FnOnce(&mut GraphSettings)) {
        let mut settings = self.world.tenant.graph().clone();
        change(&mut settings);
        self.world.tenant.set_graph(settings);
    }

    /// The Conditional Access policies in force.
    pub fn policies(&self) -> Vec<Policy> {
        self.world.tenant.directory().policies.clone()
    }

    /// Replaces all Conditional Access policies.
    pub fn set_policies(&self, policies: Vec<Policy>) {
        self.world.tenant.directory_mut().policies = policies;
    }

    /// Replaces Cost Management's limits.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.arm.set_quotas(quotas);
    }

    /// Takes query units from the tenant's budget, as another program does that asks Cost Management.
    pub fn take_query_units(&self, query_units: u32) {
        arm::throttle::taken_elsewhere(&self.arm, query_units);
    }

    /// Plants causes of odd costs, in place of those that there are. None: costs are what they always were.
    ///
    /// # Errors
    /// Nothing of Contoso can have such a cause; then all stays as it was.
    pub fn plant(&self, causes: Vec<Planted>) -> Result<(), NothingToPlant> {
        self.arm.plant(causes)
    }

    /// Registers another identifier URI on the API application, such as the MCP URL of a gateway that just got its port.
    pub fn add_identifier_uri(&self, uri: &str) {
        self.world.tenant.directory_mut().add_identifier_uri(uri);
    }

    /// Makes another certificate with its key, registers it on the API application beside the present ones, and returns
    /// the PEM: the first step of a certificate rotation.
    ///
    /// # Errors
    /// A key could not be generated.
    pub fn add_app_credential(&self) -> Result<String, StartError> {
        let pem = self.new_app_credential()?;
        self.register_app_credential(&pem)?;
        Ok(pem)
    }

    /// Makes another certificate with its key, which Entra does not know yet.
    ///
    /// # Errors
    /// A key could not be generated.
    pub fn new_app_credential(&self) -> Result<String, StartError> {
        Ok(RsaKey::generate("app-credential", year(&self.world.clock))?.pem().to_owned())
    }

    /// Registers the certificate in this PEM on the API application.
    ///
    /// # Errors
    /// No certificate can be read from the PEM.
    pub fn register_app_credential(&self, pem: &str) -> Result<(), StartError> {
        self.world.tenant.register_certificate(pem)
    }

    /// A service account token of the Kubernetes cluster, as a pod finds it in `AZURE_FEDERATED_TOKEN_FILE`.
    pub fn service_account_token(&self, order: &ServiceAccountToken) -> String {
        cluster::mint(&self.world, order)
    }

    /// The issuer of those tokens.
    pub fn cluster_issuer(&self) -> String {
        federation::issuer(&self.world.endpoints.authority)
    }

    /// The API application's federated identity credentials.
    pub fn federated_credentials(&self) -> Vec<FederatedCredential> {
        self.world.tenant.directory().federated_credentials(API_CLIENT_ID).to_vec()
    }

    /// Replaces them all. Entra allows twenty.
    pub fn set_federated_credentials(&self, credentials: Vec<FederatedCredential>) {
        *self.world.tenant.directory_mut().federated_credentials_mut(API_CLIENT_ID) = credentials;
    }

    /// What the endpoint of App Service and Container Apps wants to see (`IDENTITY_HEADER`).
    pub fn identity_header(&self) -> &str {
        &self.world.identity_header
    }

    /// Removes the certificate in this PEM from the API application: assertions signed with it answer AADSTS700027.
    ///
    /// # Errors
    /// No certificate can be read from the PEM.
    pub fn remove_app_credential(&self, pem: &str) -> Result<(), StartError> {
        self.world.tenant.remove_certificate(pem)
    }
}

fn prepare(
    config: Config,
    endpoints: Endpoints,
) -> Result<(Arc<World>, Arc<arm::state::State>, Tls), StartError> {
    let year = year(&Clock::default());
    let store = Store::open(config.state_dir.as_deref())?;
    let tls = Tls::load(&store, &config.host, config.as_azure, year)?;
    let world = Arc::new(World::new(config, endpoints, tls.ca_pem.clone(), store, year)?);
    let arm = arm::state::State::new(Arc::clone(&world))?;
    Ok((world, Arc::new(arm), tls))
}

fn year(clock: &Clock) -> i32 {
    utc_day(clock.now()).year().into()
}

fn routers(world: &Arc<World>, arm: &Arc<arm::state::State>) -> Routers {
    Routers {
        entra: entra::router(Arc::clone(world))
            .merge(control::router(Arc::clone(world), Arc::clone(arm)))
            .merge(cluster::router(Arc::clone(world))),
        arm: arm::router(Arc::clone(arm)),
        graph: graph::router(Arc::clone(world)),
        blob: blob::router(Arc::clone(arm)),
        metadata: metadata::router(Arc::clone(world)),
    }
}
