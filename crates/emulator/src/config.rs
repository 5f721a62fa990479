//! What a caller can choose when it starts an emulator.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use jiff::civil::Date;

use crate::tenant::directory::{RedirectUri, TenantSettings, WhoCanConsent};
use crate::tenant::graph_settings::GraphSettings;

/// Everything that can be chosen at start. `Config::default()` is what tests want.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Config {
    /// Address the listeners bind to. Default 127.0.0.1.
    pub bind: IpAddr,
    /// Host name in every public URL and in the certificate. Default `localhost`.
    pub host: String,
    /// Take the names of Azure's own hosts, in every public URL and in the certificate: for callers behind a proxy that leads
    /// those names here ([`crate::AZURE_HOSTS`]), and need no setting that differs from life. Default `false`.
    pub as_azure: bool,
    /// Ports of the five listeners; 0 lets the system choose. Default all 0.
    pub ports: Ports,
    /// Directory that keeps the CA and all keys, so that a restart keeps them. Emulators running at the
    /// same time may share it. Default: nothing is kept.
    pub state_dir: Option<PathBuf>,
    /// Identifier URIs of the API application beside `api://mcp-cost-server`, such as the MCP public URL.
    pub identifier_uris: Vec<String>,
    /// Generated people `person-0001`…, each with the one subscription that is theirs. Default 0.
    pub extra_people: usize,
    /// The day Azure's data ends on; it is looked at from its noon on, and moves with the clock. Default: today by the
    /// emulator's clock.
    pub today: Option<Date>,
    /// Publish `code_challenge_methods_supported` in discovery, which real Entra does not. Default `false`.
    pub publish_code_challenge_methods: bool,
    /// Refuse a `resource` parameter that is not an identifier URI of the scope's application (AADSTS9010010),
    /// as real Entra does. Default `true`.
    pub check_resource_parameter: bool,
    /// Send `iss` with the answer of the authorize endpoint (RFC 9207), and say so in discovery. Nobody has seen real Entra
    /// do it. Default `false`.
    pub authorization_response_iss: bool,
    /// Whether people may consent to anything. If not: AADSTS90095 in place of every consent page. Default `true`.
    pub users_may_consent: bool,
    /// Redirect URIs of the pre-registered client. Default: `http://localhost` and `http://127.0.0.1`, as public clients' are.
    pub client_redirect_uris: Vec<RedirectUri>,
    /// Who can consent to `cost.export`. Default: administrators only.
    pub export_consent: WhoCanConsent,
    /// Lifetime of access tokens in seconds; default: 60 to 90 minutes, different for each token, as Entra does.
    pub access_token_lifetime: Option<u32>,
    /// Lifetime in seconds of tokens whose client can handle CAE (`cp1`). Default 24 hours.
    pub cae_token_lifetime: u32,
    /// Remember every credential issued or seen: [`crate::Emulator::issued_secrets`]. Default `false`.
    pub record_secrets: bool,
    /// Cost Management's limits. Default: none.
    pub quotas: Quotas,
    /// Most rows of one page of a query, and values of one of a dimension, whatever `$top` asks. Default 5000, as in life.
    pub max_page_rows: usize,
    /// Subscriptions on one page of `GET /subscriptions`. Default 1, so that paging is met early.
    pub subscriptions_page: usize,
    /// Budgets on one page of a list. Default 2, so that paging is met early.
    pub budgets_page: usize,
    /// Whether budgets that were made at one provider show at the other: it is written nowhere. Default `true`.
    pub budgets_are_shared: bool,
    /// How often a cost details report answers 202 to a poll before it is complete. Default 1.
    pub report_polls: u32,
    /// `Retry-After` of a cost details report in seconds. Default 1 (real: 60).
    pub report_retry_after: u32,
    /// How Graph answers, and what the API may read there.
    pub graph: GraphSettings,
    /// Stands at the end of every name that people chose (subscriptions, services) and of every message of ARM. Default: nothing.
    pub written: String,
    /// Resources of "Contoso Big", a subscription that frank alone sees: 8,000 make a daily answer of 25 days by resource
    /// 200,000 rows long. Default 0: there is no such subscription.
    pub big_subscription: usize,
    /// Of how many generated people's subscriptions alice has a role too. Default 0.
    pub alice_also_sees: usize,
    /// What nobody used of a reservation or savings plan is charged at billing scopes alone, and not with the subscription that
    /// bought it: of shared ones nobody has said which it is. Default `false`.
    pub unused_at_billing_scopes: bool,
    /// Rows in one blob of a cost details report. Default 400, so that a month of Prod has several.
    pub report_rows_per_blob: usize,
}

impl Default for Config {
    fn default() -> Self {
        let tenant = TenantSettings::default();
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            host: "localhost".to_owned(),
            as_azure: false,
            ports: Ports::default(),
            state_dir: None,
            identifier_uris: tenant.identifier_uris,
            extra_people: tenant.extra_people,
            today: None,
            publish_code_challenge_methods: false,
            check_resource_parameter: true,
            authorization_response_iss: false,
            users_may_consent: true,
            client_redirect_uris: tenant.client_redirect_uris,
            export_consent: tenant.export_consent,
            access_token_lifetime: None,
            cae_token_lifetime: 86_400,
            record_secrets: false,
            quotas: Quotas::default(),
            max_page_rows: 5_000,
            subscriptions_page: 1,
            budgets_page: 2,
            budgets_are_shared: true,
            report_polls: 1,
            report_retry_after: 1,
            graph: tenant.graph,
            written: String::new(),
            big_subscription: 0,
            alice_also_sees: tenant.alice_also_sees,
            unused_at_billing_scopes: false,
            report_rows_per_blob: 400,
        }
    }
}

impl Config {
    /// What of it is about the tenant.
    pub(crate) fn tenant(&self) -> TenantSettings {
        TenantSettings {
            identifier_uris: self.identifier_uris.clone(),
            client_redirect_uris: self.client_redirect_uris.clone(),
            export_consent: self.export_consent,
            extra_people: self.extra_people,
            alice_also_sees: self.alice_also_sees,
            graph: self.graph.clone(),
        }
    }
}

/// Ports of the five listeners; 0 lets the system choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Entra ID, and the control API.
    pub entra: u16,
    /// Azure Resource Manager and Cost Management.
    pub arm: u16,
    /// Microsoft Graph.
    pub graph: u16,
    /// Blob storage.
    pub blob: u16,
    /// Tokens of the managed identity, over plain HTTP on loopback.
    pub metadata: u16,
}

/// Cost Management's limits; `None` means no limit. The windows are the ones the real headers name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Requests per scope ("entity") and minute. Real: about 4.
    pub entity_per_minute: Option<u32>,
    /// Requests per user and minute. Real: about 20.
    pub user_per_minute: Option<u32>,
    /// Requests per tenant and minute.
    pub tenant_per_minute: Option<u32>,
    /// Requests per `ClientType` header value and minute; callers without the header share one bucket. Real: 2000.
    pub client_type_per_minute: Option<u32>,
    /// Query processing units per tenant and 10 seconds: one unit is one month of data. Real: 12.
    pub qpu_per_10_seconds: Option<u32>,
    /// The same per minute. Real: 60.
    pub qpu_per_minute: Option<u32>,
    /// The same per hour. Real: 600.
    pub qpu_per_hour: Option<u32>,
    /// What of each window of query units another program has taken as soon as it begins, in per cent.
    pub foreign_percent: u32,
    /// Requests of the older provider (`Microsoft.Consumption`) per scope and minute. Real: 2 to 10.
    pub consumption_per_minute: Option<u32>,
    /// Reads of ARM's own that a person has at a subscription; a tenth of them comes back each second. Real: 250.
    pub arm_read_bucket: Option<u32>,
}

impl Quotas {
    /// The limits that Microsoft documents and tells when asked. That of a tenant's requests is not among them.
    /// <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>
    pub const DOCUMENTED: Self = Self {
        entity_per_minute: Some(4),
        user_per_minute: Some(20),
        tenant_per_minute: None,
        client_type_per_minute: Some(2_000),
        qpu_per_10_seconds: Some(12),
        qpu_per_minute: Some(60),
        qpu_per_hour: Some(600),
        foreign_percent: 0,
        consumption_per_minute: Some(10),
        arm_read_bucket: Some(250),
    };
}
