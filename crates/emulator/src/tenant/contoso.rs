//! The constants of Contoso, the tenant that the emulator plays. Knows no other module.

/// The tenant (contoso) the emulator plays.
pub const TENANT_ID: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// The tenant's initial domain, accepted wherever the tenant id is.
pub const TENANT_DOMAIN: &str = "contoso.onmicrosoft.com";
/// A domain that the tenant has proven to be its own.
pub const VERIFIED_DOMAIN: &str = "contoso.com";
/// Client id of the API application: the audience of user tokens and the middle tier of the exchange.
pub const API_CLIENT_ID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
/// Identifier URI of the API application that is always registered.
pub const API_IDENTIFIER_URI: &str = "api://mcp-cost-server";
/// Client id of "Contoso Assistant", the pre-registered public client with any loopback redirect URI.
pub const PUBLIC_CLIENT_ID: &str = "22223333-cccc-4444-dddd-5555eeee6666";
/// Client id of the daemon, which can get app-only tokens alone.
pub const DAEMON_CLIENT_ID: &str = "33334444-dddd-5555-eeee-6666ffff7777";
/// The daemon's client secret. A constant: it protects nothing.
pub const DAEMON_CLIENT_SECRET: &str = "emulator-daemon-secret";
/// Client id of the platform team's pipeline: may register applications, consent, and give roles on subscriptions.
pub const DEPLOYER_CLIENT_ID: &str = "66667777-aaaa-8888-bbbb-9999cccc0000";
/// The pipeline's client secret. A constant: it protects nothing.
pub const DEPLOYER_CLIENT_SECRET: &str = "emulator-deployer-secret";
/// Client id of Visual Studio Code in every tenant.
pub const VSCODE_CLIENT_ID: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";
/// Object id of the user-assigned managed identity the API application trusts as a federated credential.
pub const MANAGED_IDENTITY_ID: &str = "44445555-eeee-6666-ffff-7777aaaa8888";
/// Client id of that managed identity: what `AZURE_MANAGED_IDENTITY_CLIENT_ID` names.
pub const MANAGED_IDENTITY_CLIENT_ID: &str = "55556666-ffff-7777-aaaa-8888bbbb9999";
/// How long a managed identity's token lasts, in seconds.
pub(crate) const MANAGED_IDENTITY_LIFETIME: i64 = 86_400;
/// Audience of a managed identity's token that serves as a client assertion.
pub const FEDERATED_AUDIENCE: &str = "api://AzureADTokenExchange";
/// Application id of Azure Resource Manager in every tenant.
pub const ARM_APP_ID: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// Application id of Microsoft Graph in every tenant.
pub const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
/// The tenant of personal Microsoft accounts; one published signing key is valid for it alone.
pub const CONSUMERS_TENANT_ID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Subscription "Contoso Prod".
pub const PROD_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000001";
/// Subscription "Contoso Dev".
pub const DEV_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000002";
/// Subscription "Contoso Factory", of an enrolment.
pub const FACTORY_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000003";
/// Subscription "Contoso Lab", pay-as-you-go.
pub const LAB_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000004";
/// Subscription "Contoso Retail", of the Customer Agreement: with all that a bill can have.
pub const RETAIL_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000005";
/// Subscription "Contoso Big", which is there only where it was asked for.
pub const BIG_SUBSCRIPTION: &str = "10000000-0000-4000-8000-000000000006";
