//! Every fault of a tenant is named by the preflight, and nothing else is; what cannot be seen is unknown, never wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::{ShiftedClock, Stack};
use emulator::{
    API_CLIENT_ID, ARM_APP_ID, DAEMON_CLIENT_ID, Emulator, EndpointFault, GraphSettings, PUBLIC_CLIENT_ID,
    Platform, PreAuthorized, RedirectUri, Registration, ScopeText, ServiceAccountToken,
};
use proto::v1::{PreflightRequest, PreflightResponse, PreflightResult};
use serde_json::json;
use telemetry::report::{Outcome, Report};
use tempfile::TempDir;

use crate::hostile::broker;

const PUBLIC_URL: &str = "https://mcp.contoso.com/mcp";
const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// Asks for all that a policy can ask for, so that every check has something to look at.
const POLICY: &str = r#"
[tools.list_subscriptions]
scopes = ["cost.read"]
[tools.cost_export]
scopes = ["cost.export"]
roles = ["Cost.Exporter"]
auth_context = "c1"
"#;
/// Checks that need Graph.
const AT_GRAPH: [&str; 13] = [
    "app_roles",
    "audiences",
    "client_consent",
    "client_redirect_uris",
    "downstream_consent",
    "identifier_uris",
    "optional_claims",
    "own_redirect_uris",
    "pre_authorization",
    "scopes",
    "service_principal",
    "token_version",
    "user_assignment",
];

/// A tenant without services: what the command `token-broker preflight` looks at.
struct Tenant {
    emulator: Emulator,
    files: TempDir,
    initial: Registration,
}

impl Tenant {
    async fn start() -> Self {
        let config =
            emulator::Config { identifier_uris: vec![PUBLIC_URL.to_owned()], ..emulator::Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let tenant = Self { initial: emulator.registration(), emulator, files };
        tenant.write("ca.pem", tenant.emulator.ca_pem());
        tenant.write("credential.pem", tenant.emulator.app_credential_pem());
        tenant.write("policy.toml", POLICY);
        tenant
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.files.path().join(name), text).unwrap();
    }

    fn restore(&self) {
        self.emulator.register(|api| *api = self.initial.clone()).unwrap();
        self.emulator.graph(|graph| *graph = GraphSettings::default());
        self.emulator.faults().clear();
        self.emulator.set_arm_consent(true);
        for person in PEOPLE {
            self.emulator.withdraw_consent(Some(person), &[]).unwrap();
        }
        self.emulator.withdraw_consent(None, &[]).unwrap();
        self.emulator.grant_consent(None, &["cost.read", "cost.export"]).unwrap();
    }

    async fn look(&self, more: &[&str]) -> Report {
        let certificate = self.files.path().join("credential.pem");
        self.look_with(&format!("--client-certificate-path={}", certificate.display()), more).await
    }

    async fn look_with(&self, credential: &str, more: &[&str]) -> Report {
        let file = |name: &str| self.files.path().join(name).display().to_string();
        let endpoints = self.emulator.endpoints();
        let mut flags = vec![
            format!("--tenant-id={}", emulator::TENANT_ID),
            format!("--client-id={API_CLIENT_ID}"),
            format!("--authority-host={}", endpoints.authority),
            format!("--graph-endpoint={}", endpoints.graph),
            format!("--extra-ca-file={}", file("ca.pem")),
            format!("--pod-identity-authority-host={}", endpoints.metadata),
            format!("--policy-file={}", file("policy.toml")),
            format!("--public-url={PUBLIC_URL}"),
            format!("--preflight-client-ids={PUBLIC_CLIENT_ID}"),
            credential.to_owned(),
        ];
        for other in more {
            let (name, _) = other.split_once('=').unwrap();
            flags.retain(|flag| !flag.starts_with(name));
            flags.push((*other).to_owned());
        }
        flags.insert(0, "token-broker".to_owned());
        let config = token_broker::Config::try_from(token_broker::Args::parse_from(flags)).unwrap();
        let clock: identity::clock::SharedClock = Arc::new(ShiftedClock::default());
        token_broker::preflight(&config, &clock).await.unwrap()
    }
}

/// The checks that came out as `outcome`, each once.
fn checks(report: &Report, outcome: Outcome) -> Vec<&str> {
    let mut names: Vec<_> =
        report.findings.iter().filter(|f| f.outcome == outcome).map(|f| f.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn detail<'a>(report: &'a Report, check: &str, outcome: Outcome) -> &'a str {
    let found = report.findings.iter().find(|f| f.name == check && f.outcome == outcome);
    &found.unwrap_or_else(|| panic!("no {check} in {report:?}")).detail
}

#[tokio::test]
async fn a_right_tenant_has_no_fault_however_it_is_written_down() {
    let tenant = Tenant::start().await;
    let right = tenant.look(&[]).await;
    assert_eq!(right.outcome(), Outcome::Ok, "{}", right.table(false));
    assert!(right.findings.iter().any(|f| f.subject == "Contoso Assistant may ask for cost.read"));
    // As it starts, people have consented for themselves.
    assert!(detail(&right, "client_consent", Outcome::Ok).starts_with("consented for 1 user only"));

    tenant.restore();
    let variants: [fn(&Emulator); 8] = [
        |emulator| emulator.graph(|graph| graph.page_size = 1),
        // Pages of one object: a grant for each person, then that for all.
        |emulator| {
            for person in PEOPLE {
                emulator.grant_consent(Some(person), &["cost.read"]).unwrap();
            }
            emulator.graph(|graph| graph.page_size = 1);
        },
        |emulator| emulator.graph(|graph| graph.scope_text = ScopeText::Odd),
        |emulator| emulator.graph(|graph| graph.scope_text = ScopeText::Plain),
        |emulator| emulator.faults().update(|faults| faults.graph = EndpointFault::throttled(1, 2)),
        |emulator| {
            emulator.withdraw_consent(None, &[]).unwrap();
            let scopes = ["cost.read", "cost.export"].map(str::to_owned).to_vec();
            let pre_authorized = vec![PreAuthorized { client: PUBLIC_CLIENT_ID.to_owned(), scopes }];
            emulator.register(|api| api.pre_authorized = pre_authorized).unwrap();
        },
        |emulator| emulator.register(|api| api.assignment_required = true).unwrap(),
        |emulator| emulator.advance_clock(30),
    ];
    for (number, change) in variants.iter().enumerate() {
        tenant.restore();
        change(&tenant.emulator);
        let report = tenant.look(&[]).await;
        assert_eq!(report.outcome(), Outcome::Ok, "variant {number}:\n{}", report.table(false));
    }
}

/// The client's addresses, on another platform than that of public clients.
fn on_platform(emulator: &Emulator, platform: Platform) {
    let change = |uri: &mut RedirectUri| uri.platform = platform;
    emulator.register(|api| api.client_redirect_uris.iter_mut().for_each(change)).unwrap();
}

/// A check, and what makes the tenant fail it.
type Fault = (&'static str, fn(&Emulator));

#[tokio::test]
async fn every_fault_is_named_and_nothing_else() {
    let faults: &[Fault] = &[
        ("token_version", |e| e.register(|api| api.token_version = None).unwrap()),
        ("token_version", |e| e.register(|api| api.token_version = Some(1)).unwrap()),
        ("identifier_uris", |e| {
            e.register(|api| api.identifier_uris.retain(|uri| uri != PUBLIC_URL)).unwrap();
        }),
        ("optional_claims", |e| e.register(|api| api.optional_claims.retain(|c| c != "xms_cc")).unwrap()),
        ("optional_claims", |e| e.register(|api| api.optional_claims.retain(|c| c != "acrs")).unwrap()),
        ("optional_claims", |e| e.register(|api| api.optional_claims.retain(|c| c != "idtyp")).unwrap()),
        ("scopes", |e| e.register(|api| api.scopes.retain(|s| s.value != "cost.export")).unwrap()),
        ("scopes", |e| e.register(|api| api.scopes[0].enabled = false).unwrap()),
        ("scopes", |e| e.register(|api| api.scopes.iter_mut().for_each(|s| s.admin_only = false)).unwrap()),
        ("scopes", |e| e.register(|api| api.scopes.iter_mut().for_each(|s| s.admin_only = true)).unwrap()),
        ("app_roles", |e| e.register(|api| api.roles.clear()).unwrap()),
        ("app_roles", |e| e.register(|api| api.roles[0].enabled = false).unwrap()),
        ("app_roles", |e| e.register(|api| api.roles[0].members = vec!["Application".to_owned()]).unwrap()),
        ("user_assignment", |e| {
            e.register(|api| (api.assignment_required, api.people_assigned) = (true, false)).unwrap();
        }),
        ("downstream_consent", |e| e.set_arm_consent(false)),
        ("downstream_consent", |e| {
            e.set_arm_consent(false);
            e.grant(API_CLIENT_ID, ARM_APP_ID, Some("alice"), &["user_impersonation"]).unwrap();
        }),
        ("client_consent", |e| e.withdraw_consent(None, &[]).unwrap()),
        ("client_consent", |e| e.withdraw_consent(None, &["cost.export"]).unwrap()),
        ("own_redirect_uris", |e| {
            e.register(|api| api.redirect_uris = vec![RedirectUri::mobile("http://localhost")]).unwrap();
        }),
        ("client_redirect_uris", |e| on_platform(e, Platform::SinglePage)),
        ("client_redirect_uris", |e| on_platform(e, Platform::Web)),
        ("client_redirect_uris", |e| e.register(|api| api.client_redirect_uris.clear()).unwrap()),
        ("client_consent", |e| e.register(|api| api.disabled = vec![PUBLIC_CLIENT_ID.to_owned()]).unwrap()),
        ("downstream_consent", |e| e.register(|api| api.disabled = vec![ARM_APP_ID.to_owned()]).unwrap()),
    ];
    let tenant = Tenant::start().await;
    for (number, (check, fault)) in faults.iter().enumerate() {
        tenant.restore();
        fault(&tenant.emulator);
        let report = tenant.look(&[]).await;
        let found = (checks(&report, Outcome::Missing), checks(&report, Outcome::Unknown));
        assert_eq!(found, (vec![*check], vec![]), "fault {number}:\n{}", report.table(false));
        let missing = report.findings.iter().filter(|finding| finding.outcome == Outcome::Missing);
        assert!(missing.clone().all(|finding| !finding.fix.is_empty()));
        // Where consent is the fix, and nowhere else, there is a page for it.
        let is_consent = |detail: &str| detail.contains("consented");
        assert!(
            missing.clone().all(|finding| finding.url.is_some() == is_consent(&finding.detail)),
            "{check}"
        );
        if *check == "downstream_consent" {
            tenant.emulator.withdraw(API_CLIENT_ID, ARM_APP_ID, Some("alice"), &[]).unwrap();
        }
    }
}

/// What the settings are wrong about, the tenant being right.
#[tokio::test]
async fn settings_that_do_not_fit_the_tenant_are_named() {
    let tenant = Tenant::start().await;
    let report = tenant.look(&["--audiences=api://mcp-cost-server"]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["audiences"], "{}", report.table(false));
    assert!(checks(&report, Outcome::Unknown).is_empty());

    let prefix = "--scope-prefix=api://mcp-cost-server";
    let report = tenant.look(&[prefix]).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{}", report.table(false));
    tenant.emulator.register(|api| api.identifier_uris.retain(|uri| uri != PUBLIC_URL)).unwrap();
    let report = tenant.look(&[prefix]).await;
    assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
    assert!(detail(&report, "identifier_uris", Outcome::Unknown).contains("AADSTS9010010"));

    tenant.restore();
    let report = tenant.look(&["--public-url=", "--preflight-client-ids="]).await;
    assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
    assert_eq!(
        checks(&report, Outcome::Unknown),
        ["client_consent", "client_redirect_uris", "identifier_uris"]
    );
    assert!(detail(&report, "client_consent", Outcome::Unknown).contains("PREFLIGHT_CLIENT_IDS is not set"));
}

#[tokio::test]
async fn a_client_needs_no_scope_that_it_is_not_to_have() {
    let tenant = Tenant::start().await;
    tenant.restore();
    tenant.emulator.withdraw_consent(None, &["cost.export"]).unwrap();
    assert_eq!(checks(&tenant.look(&[]).await, Outcome::Missing), ["client_consent"]);
    let report = tenant.look(&[&format!("--preflight-client-ids={PUBLIC_CLIENT_ID}:cost.read")]).await;
    assert_eq!(report.outcome(), Outcome::Ok, "{}", report.table(false));
}

/// Each kind of credential can look, and is told to be right or wrong.
#[tokio::test]
async fn a_federated_credential_and_a_managed_identity_look_as_well() {
    let tenant = Tenant::start().await;
    tenant.write("token", &tenant.emulator.service_account_token(&ServiceAccountToken::default()));
    let token_file = format!("--federated-token-file={}", tenant.files.path().join("token").display());
    let identity = format!("--managed-identity-client-id={}", emulator::MANAGED_IDENTITY_CLIENT_ID);
    let trusted = tenant.emulator.federated_credentials();
    for credential in [token_file, identity] {
        tenant.emulator.set_federated_credentials(trusted.clone());
        let report = tenant.look_with(&credential, &[]).await;
        assert_eq!(report.outcome(), Outcome::Ok, "{credential}\n{}", report.table(false));
        assert_eq!(detail(&report, "credential", Outcome::Ok), "Entra ID accepts it; it renews itself");

        tenant.emulator.set_federated_credentials(Vec::new());
        let report = tenant.look_with(&credential, &[]).await;
        assert_eq!(
            checks(&report, Outcome::Missing),
            ["credential"],
            "{credential}\n{}",
            report.table(false)
        );
        let missing = detail(&report, "credential", Outcome::Missing);
        assert!(
            missing.contains("AADSTS70025") && missing.contains("api://AzureADTokenExchange"),
            "{missing}"
        );
    }
}

/// Another tenant's application is seen as a service principal alone.
#[tokio::test]
async fn an_application_of_another_tenant_is_unknown_where_only_its_own_tenant_can_see() {
    let tenant = Tenant::start().await;
    tenant.restore();
    tenant.emulator.register(|api| api.home = false).unwrap();
    let report = tenant.look(&[]).await;
    assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
    let elsewhere = [
        "audiences",
        "identifier_uris",
        "optional_claims",
        "own_redirect_uris",
        "pre_authorization",
        "token_version",
    ];
    assert_eq!(checks(&report, Outcome::Unknown), elsewhere, "{}", report.table(false));
    // Without a grant for all, a client might be pre-authorized where it is not to be seen.
    tenant.emulator.withdraw_consent(None, &[]).unwrap();
    let report = tenant.look(&[]).await;
    assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
    assert!(checks(&report, Outcome::Unknown).contains(&"client_consent"));
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_named() {
    let tenant = Tenant::start().await;
    let report = tenant.look(&["--tenant-id=99999999-0000-4000-8000-000000000000"]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["service_principal"], "{}", report.table(false));
    let missing = detail(&report, "service_principal", Outcome::Missing);
    assert!(missing.contains("there is no tenant") && missing.contains("AADSTS90002"), "{missing}");
}

/// What answers 200 in Graph's place and is not an application is not read as an empty one.
#[tokio::test]
async fn an_answer_that_is_no_application_makes_unknown_and_not_missing() {
    let tenant = Tenant::start().await;
    for odd in [
        json!({}),
        json!([]),
        json!({"value": null}),
        json!({"appId": API_CLIENT_ID}),
        json!("ok"),
        json!(null),
    ] {
        tenant.restore();
        tenant.emulator.graph(|graph| graph.application = Some(odd.clone()));
        let report = tenant.look(&[]).await;
        assert!(checks(&report, Outcome::Missing).is_empty(), "{odd}:\n{}", report.table(false));
        let unknown = checks(&report, Outcome::Unknown);
        assert!(
            unknown.contains(&"token_version") && unknown.contains(&"identifier_uris"),
            "{odd}: {unknown:?}"
        );
        assert!(detail(&report, "token_version", Outcome::Unknown).contains("cannot be understood"), "{odd}");
    }
    // Another application's is none either.
    let other = json!({"appId": DAEMON_CLIENT_ID, "api": {"requestedAccessTokenVersion": 1}});
    tenant.emulator.graph(|graph| graph.application = Some(other));
    assert!(checks(&tenant.look(&[]).await, Outcome::Missing).is_empty());
}

/// The token goes along with each page, so that a page elsewhere is not followed.
#[tokio::test]
async fn a_page_at_another_host_is_not_followed() {
    let tenant = Tenant::start().await;
    tenant.restore();
    tenant.emulator.grant_consent(Some("alice"), &["cost.read"]).unwrap();
    let elsewhere = tenant.emulator.endpoints().arm.trim_end_matches('/').to_owned();
    tenant.emulator.graph(|graph| (graph.page_size, graph.next_link_origin) = (1, Some(elsewhere)));
    tenant.emulator.reset_counts();
    let report = tenant.look(&[]).await;
    assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
    assert_eq!(checks(&report, Outcome::Unknown), ["client_consent"], "{}", report.table(false));
    assert!(detail(&report, "client_consent", Outcome::Unknown).contains("at another host"));
    assert_eq!(tenant.emulator.counts().arm_requests, 0);
}

/// Whom Entra ID gives no token has one fault, and nothing else can be seen.
#[tokio::test]
async fn what_entra_id_refuses_is_named_though_nothing_else_can_be_seen() {
    let tenant = Tenant::start().await;
    let others = |check: &str| -> Vec<&str> {
        let all = AT_GRAPH.iter().chain(&["credential"]).copied();
        let mut others: Vec<_> = all.filter(|other| *other != check).collect();
        others.sort_unstable();
        others
    };
    let faults: [Fault; 2] = [
        ("service_principal", |e| e.register(|api| api.installed = false).unwrap()),
        ("service_principal", |e| e.register(|api| api.enabled = false).unwrap()),
    ];
    for (check, fault) in faults {
        tenant.restore();
        fault(&tenant.emulator);
        let report = tenant.look(&[]).await;
        assert_eq!(checks(&report, Outcome::Missing), [check], "{}", report.table(false));
        assert_eq!(checks(&report, Outcome::Unknown), others(check), "{}", report.table(false));
    }
    tenant.restore();
    let other = tenant.emulator.add_app_credential().unwrap();
    tenant.write("credential.pem", &other);
    assert_eq!(tenant.look(&[]).await.outcome(), Outcome::Ok);
    tenant.emulator.remove_app_credential(&other).unwrap();
    let report = tenant.look(&[]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["credential"]);
    assert!(detail(&report, "credential", Outcome::Missing).contains("AADSTS700027"));
    assert_eq!(checks(&report, Outcome::Unknown), AT_GRAPH);
}

#[tokio::test]
async fn a_clock_that_is_off_is_named() {
    let tenant = Tenant::start().await;
    tenant.emulator.advance_clock(90);
    let report = tenant.look(&[]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["clock"], "{}", report.table(false));
    assert!(checks(&report, Outcome::Unknown).is_empty());
    // So far off that Entra ID believes no assertion.
    tenant.emulator.advance_clock(-1_090);
    let report = tenant.look(&[]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["clock"], "{}", report.table(false));
    assert!(detail(&report, "clock", Outcome::Missing).contains("ahead of Entra ID's"));
    assert_eq!(checks(&report, Outcome::Unknown).len(), AT_GRAPH.len() + 1);
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_unknown_with_the_permission_that_it_takes() {
    let tenant = Tenant::start().await;
    let (applications, grants) = ("Application.Read.All", "DelegatedPermissionGrant.Read.All");
    for (held, lacking) in [(&[applications][..], grants), (&[grants], applications), (&[], applications)] {
        tenant.emulator.graph(|graph| graph.permissions = held.iter().map(ToString::to_string).collect());
        let report = tenant.look(&[]).await;
        assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
        // An application may read itself.
        let registrations = (lacking == applications).then_some("client_redirect_uris");
        let unknown = ["client_consent"].into_iter().chain(registrations).chain(["downstream_consent"]);
        assert_eq!(checks(&report, Outcome::Unknown), unknown.collect::<Vec<_>>());
        let why = detail(&report, "downstream_consent", Outcome::Unknown);
        assert!(why.ends_with(&format!("it lacks {lacking}")), "{why}");
    }
}

#[tokio::test]
async fn an_outage_of_graph_makes_everything_unknown_in_bounded_time() {
    let tenant = Tenant::start().await;
    let faults: [(EndpointFault, &str); 3] = [
        (EndpointFault::outage(), "out of order (503)"),
        (EndpointFault::throttled(120, 1_000), "asks to wait 120 s"),
        (EndpointFault::hanging(), "does not answer in time"),
    ];
    for (fault, why) in faults {
        tenant.emulator.faults().update(|faults| faults.graph = fault);
        let started = Instant::now();
        let report = tenant.look(&[]).await;
        assert!(started.elapsed() < Duration::from_secs(35), "{:?}", started.elapsed());
        assert!(checks(&report, Outcome::Missing).is_empty(), "{}", report.table(false));
        assert_eq!(checks(&report, Outcome::Unknown), AT_GRAPH, "{}", report.table(false));
        assert!(detail(&report, "scopes", Outcome::Unknown).contains(why), "{}", report.table(false));
    }
    tenant.emulator.faults().clear();
    tenant.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::outage());
    let report = tenant.look(&[]).await;
    assert_eq!(checks(&report, Outcome::Unknown).len(), AT_GRAPH.len() + 1, "{}", report.table(false));
}

#[tokio::test]
async fn a_grant_that_appears_late_is_missing_until_it_appears() {
    let tenant = Tenant::start().await;
    tenant.emulator.graph(|graph| graph.late_grant_reads = 2);
    let report = tenant.look(&[]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["client_consent", "downstream_consent"]);
    assert_eq!(tenant.look(&[]).await.outcome(), Outcome::Ok);
}

#[tokio::test]
async fn a_client_that_the_tenant_does_not_know_is_missing_by_name() {
    let tenant = Tenant::start().await;
    let vs_code = "aebc6443-996d-45c2-90f0-388ff96faa56";
    let report = tenant.look(&[&format!("--preflight-client-ids={PUBLIC_CLIENT_ID},{vs_code}")]).await;
    assert_eq!(checks(&report, Outcome::Missing), ["client_consent"]);
    let missing = report.findings.iter().filter(|f| f.outcome == Outcome::Missing).collect::<Vec<_>>();
    assert_eq!(missing[1].subject, "Visual Studio Code may ask for cost.read");
    // No administrator can consent for what the tenant does not know.
    assert!(missing[1].fix.contains(&format!("pre-authorize {vs_code} for cost.read")), "{}", missing[1].fix);
    assert_eq!(missing[1].url, None);
}

#[tokio::test]
async fn a_right_tenant_starts_without_a_word_of_warning() {
    let stack = Stack::builder().preflight().start().await;
    let response = preflight(&stack, false).await;
    assert!(response.checks.iter().all(|check| check.result() == PreflightResult::Granted), "{response:?}");
    assert!(response.checks.iter().all(|check| check.fix.is_empty() && check.admin_consent_url.is_empty()));
    let logs = stack.logs();
    assert!(logs.contains("the tenant is set up as the broker needs it"));
    assert!(!logs.contains("WARN") && !logs.contains("ERROR"), "{logs}");
    let (_, metrics) = stack.metrics().await;
    let line = |check: &str, result: &str, count: u32| {
        let found = metrics.lines().find(|line| {
            line.starts_with("broker_preflight_findings")
                && line.contains(&format!("check=\"{check}\""))
                && line.contains(&format!("result=\"{result}\""))
        });
        assert!(
            found.is_some_and(|line| line.ends_with(&format!(" {count}"))),
            "{check} {result}: {found:?}"
        );
    };
    line("client_consent", "ok", 2);
    line("downstream_consent", "missing", 0);
    let (status, ready) = stack.broker_admin("readyz").await;
    assert!(status == 200 && ready.contains(r#""preflight":"ok""#), "{ready}");
}

/// The preflight's own token is the proof of the credential too (ADR 16).
#[tokio::test]
async fn a_start_asks_entra_id_once_for_the_application_itself() {
    let stack = Stack::builder().preflight().start().await;
    preflight(&stack, false).await;
    assert_eq!(stack.emulator.counts().token_requests["client_credentials"], 1);
}

/// The stack waits until the broker is ready: that it starts at all shows that the broker looked again by itself.
#[tokio::test]
async fn a_required_preflight_holds_the_broker_back_until_the_tenant_is_right() {
    let stack = Stack::builder()
        .preflight()
        .broker(&["--preflight-required"])
        .emulator(|config| config.graph.late_grant_reads = 2)
        .start()
        .await;
    let logs = stack.logs();
    assert!(logs.contains("the tenant is not set up as the broker needs it"), "{logs}");
    assert!(logs.contains("never consented: every exchange fails with AADSTS65001"), "{logs}");
    assert!(logs.contains("mended in the tenant"), "{logs}");
    assert_eq!(stack.broker_admin("readyz").await.0, 200);
}

#[tokio::test]
async fn callers_that_want_a_new_look_share_one_and_not_too_often() {
    let stack = Stack::builder().preflight().start().await;
    let first = preflight(&stack, true).await;
    stack.emulator.set_arm_consent(false);
    stack.emulator.reset_counts();
    // That look is too young.
    assert_eq!(preflight(&stack, true).await, first);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let both = tokio::join!(preflight(&stack, true), preflight(&stack, true));
    assert_eq!(both.0, both.1);
    let missing: Vec<_> =
        both.0.checks.iter().filter(|check| check.result() == PreflightResult::Missing).collect();
    assert_eq!((missing.len(), missing[0].name.as_str()), (1, "downstream_consent"));
    assert!(missing[0].admin_consent_url.contains("/adminconsent?client_id="));
    assert_eq!(stack.emulator.counts().token_requests["client_credentials"], 1);
    // Exchanges are served all the same, and readiness does not hang on it, but says so.
    let (status, ready) = stack.broker_admin("readyz").await;
    assert!(status == 200 && ready.contains(r#""preflight":"missing""#), "{ready}");
}

#[tokio::test]
async fn a_preflight_that_is_off_asks_nobody_and_says_so() {
    let stack = Stack::start().await;
    let response = preflight(&stack, true).await;
    assert!(!response.checks.is_empty());
    for check in response.checks {
        assert_eq!(check.result(), PreflightResult::Unknown);
        assert!(check.detail.contains("PREFLIGHT_ENABLED is false"), "{}", check.detail);
    }
    assert_eq!(stack.emulator.counts().graph_requests, 0);
}

#[test]
fn the_built_in_needs_are_those_of_the_gateways_built_in_policy() {
    let policy = include_str!("../../crates/gateway/src/policy/default.toml");
    assert_eq!(token_broker::Needs::parse(policy).unwrap(), token_broker::Needs::built_in());
}

async fn preflight(stack: &Stack, refresh: bool) -> PreflightResponse {
    let mut broker = broker(stack).await;
    // The first look is under way while the stack starts.
    loop {
        let response = broker.preflight(PreflightRequest { refresh }).await.unwrap().into_inner();
        if !response.checks.is_empty() {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
