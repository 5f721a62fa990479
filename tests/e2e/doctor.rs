//! `gateway doctor`: a right installation has nothing to show, and each fault alone is named, and nothing else.

use std::sync::Arc;

use e2e::{Hop, ShiftedClock, Stack};
use gateway::doctor::Request;
use jiff::SignedDuration;
use secrecy::SecretSlice;
use telemetry::report::{Finding, Outcome, Report};

use self::proxy::Fault;

mod brokers;
mod clients;
mod proxy;
mod sign_in;
mod tokens;

const OTHER_TENANT: &str = "99999999-0000-4000-8000-000000000000";

/// Examines a running stack with its own settings, some of them replaced: `--name=value`, or `--name` to leave it out.
async fn doctor_at(stack: &Stack, changed: &[&str], token: Option<&str>, clock: ShiftedClock) -> Report {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let names: Vec<_> = changed.iter().map(|flag| name(flag)).collect();
    let kept = stack.gateway_flags().into_iter().filter(|flag| !names.contains(&name(flag)));
    let new = changed.iter().filter(|flag| flag.contains('=')).map(ToString::to_string);
    let request = Request::parse(kept.chain(new).map(Into::into)).unwrap();
    let piped = token.map(|token| SecretSlice::from(token.as_bytes().to_vec()));
    let report = request.examine(piped, Arc::new(clock)).await;
    if let Some(token) = token {
        shows_nothing_of(&report, token);
    }
    report
}

async fn doctor(stack: &Stack, changed: &[&str], token: Option<&str>) -> Report {
    doctor_at(stack, changed, token, ShiftedClock::default()).await
}

fn shows_nothing_of(report: &Report, token: &str) {
    let shown = format!("{}{}{:?}", report.table(true), report.json(), report);
    for part in token.split('.').filter(|part| part.len() > 16) {
        assert!(!shown.contains(&part[..16]) && !shown.contains(&part[part.len() - 16..]), "{shown}");
    }
}

/// Names of the checks that found something missing.
fn missing(report: &Report) -> Vec<&str> {
    let missing = report.findings.iter().filter(|finding| finding.outcome == Outcome::Missing);
    missing.map(|finding| finding.name.as_str()).collect()
}

/// Names of the checks that could not tell. A stack's broker looks at nothing unless it is told to.
fn unknown(report: &Report) -> Vec<&str> {
    let unknown = report.findings.iter().filter(|finding| finding.outcome == Outcome::Unknown);
    unknown.map(|finding| finding.name.as_str()).filter(|name| !name.starts_with("preflight")).collect()
}

/// The finding of that name.
fn named<'a>(report: &'a Report, name: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no {name}: {}", report.table(false)))
}

fn only<'a>(report: &'a Report, name: &str) -> &'a Finding {
    assert_eq!(missing(report), [name], "{}", report.table(false));
    assert_eq!(unknown(report), [""; 0], "{}", report.table(false));
    report.findings.iter().find(|finding| finding.outcome == Outcome::Missing).unwrap()
}

#[tokio::test]
async fn a_right_installation_has_nothing_to_show() {
    for hop in [Hop::Loopback, Hop::Socket, Hop::MutualTls] {
        let stack = Stack::builder().hop(hop).start().await;
        let report = doctor(&stack, &[], Some(&stack.token("alice"))).await;
        assert_eq!((missing(&report), unknown(&report)), (vec![], vec![]), "{}", report.table(false));
        for name in ["settings", "policy", "clock", "discovery", "challenge", "authorization", "exchange"] {
            assert!(report.findings.iter().any(|finding| finding.name == name), "{name}");
        }
        assert_eq!(report.findings.iter().filter(|finding| finding.name == "tool").count(), 10);
    }
}

#[tokio::test]
async fn each_wrong_setting_is_named_and_nothing_else() {
    let stack = Stack::start().await;
    let elsewhere = stack.public_url().replace("/mcp", "/other");
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy.toml");
    std::fs::write(&policy, "[tools.list_subscriptions]\nscopes = [\"cost.read\"]\n").unwrap();
    for (changed, name, detail, fix) in [
        ("--arm-endpoint=https://no-such-host.invalid", "arm", "does not resolve", "AZURE_ARM_ENDPOINT"),
        ("--audiences=api://another", "audiences", "wrong_audience", "GATEWAY_AUDIENCES"),
        ("--scope-prefix=cost", "scope_prefix", "AADSTS650053", "GATEWAY_SCOPE_PREFIX"),
        (&format!("--public-url={elsewhere}"), "metadata", "404", "GATEWAY_PUBLIC_URL"),
        ("--public-url=http://127.0.0.1:1/mcp", "metadata", "refused", "GATEWAY_PUBLIC_URL"),
        (&format!("--policy-file={}", policy.display()), "policy", "has no entry", "policy file"),
        ("--policy-file=no/such/policy.toml", "policy", "relative path is looked for", "GATEWAY_POLICY_FILE"),
        ("--broker-url=http://127.0.0.1:1", "broker", "refused", "GATEWAY_BROKER_URL"),
        ("--broker-url=unix:/no/such.sock", "broker", "no socket", "BROKER_LISTEN"),
        ("--listen=0.0.0.0:8080", "settings", "not loopback", "GATEWAY_TLS_CERT_FILE"),
        ("--tls-cert-file=/no/such.pem", "settings", "GATEWAY_TLS_KEY_FILE", "both or neither"),
    ] {
        let report = doctor(&stack, &[changed], None).await;
        let first = report.findings.iter().find(|finding| finding.outcome == Outcome::Missing).unwrap();
        assert_eq!(first.name, name, "{changed}: {}", report.table(false));
        assert!(first.detail.contains(detail) && first.fix.contains(fix), "{changed}: {first:?}");
        // A file that is not there is missing twice: as half a pair, and as a file. A prefix is in the metadata too.
        let more = match changed {
            "--tls-cert-file=/no/such.pem" => &["settings", "files"][..],
            "--scope-prefix=cost" => &["scope_prefix", "scopes_supported"],
            _ => &[name],
        };
        assert_eq!(missing(&report), more, "{changed}: {}", report.table(false));
        assert_eq!(unknown(&report), [""; 0], "{changed}: {}", report.table(false));
        assert_eq!(report.outcome().exit_code(), 1);
    }
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_named() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &[&format!("--tenant-id={OTHER_TENANT}")], None).await;
    // The running gateway has the right one: that the two differ is said as well.
    assert_eq!(missing(&report), ["discovery", "authorization_servers"], "{}", report.table(false));
    assert!(report.findings.iter().any(|finding| finding.detail.contains("AADSTS90002")));
}

#[tokio::test]
async fn a_gateway_without_way_to_graph_is_not_at_fault() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &["--graph-endpoint=https://127.0.0.1:1"], None).await;
    assert_eq!((missing(&report), unknown(&report)), (vec![], vec!["graph"]), "{}", report.table(false));
    let finding = named(&report, "graph");
    assert!(finding.detail.contains("refused") && finding.detail.contains("only the broker"), "{finding:?}");
    assert!(finding.fix.contains("AZURE_GRAPH_ENDPOINT"), "{finding:?}");
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_told_from_one_that_is_away() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &["--extra-ca-file"], None).await;
    assert_eq!(missing(&report), ["authority", "arm"], "{}", report.table(false));
    assert_eq!(unknown(&report), ["graph", "discovery"]);
    assert!(report.findings.iter().any(|finding| finding.fix.contains("EXTRA_CA_FILE")));
}

#[tokio::test]
async fn a_proxy_that_changes_what_passes_is_named() {
    for (fault, name, detail) in [
        (Fault::NoChallenge, "challenge", "without WWW-Authenticate"),
        (Fault::OwnSignIn, "challenge", "sign-in of its own"),
        (Fault::NoAuthorization, "authorization", "takes the header away"),
        (Fault::NoWellKnown, "metadata", "what stands in front does not pass"),
        (Fault::OtherResource, "resource", "does not match"),
        (Fault::ShortHeads, "long_tokens", "status 400 with an HTML page of nginx"),
    ] {
        let (url, upstream) = proxy::start(fault).await;
        let stack = Stack::builder().public_url(&url).start().await;
        upstream.set(stack.gateway_address()).unwrap();
        let report = doctor(&stack, &[], None).await;
        let first = report.findings.iter().find(|finding| finding.outcome == Outcome::Missing).unwrap();
        assert_eq!(first.name, name, "{fault:?}: {}", report.table(false));
        assert!(first.detail.contains(detail), "{fault:?}: {first:?}");
        // One that rewrites bodies changes the scopes as well.
        let more = match fault {
            Fault::OtherResource => &["resource", "scopes_supported"][..],
            _ => &[name],
        };
        assert_eq!(missing(&report), more, "{fault:?}: {}", report.table(false));
    }
    let (url, upstream) = proxy::start(Fault::None).await;
    let stack = Stack::builder().public_url(&url).start().await;
    upstream.set(stack.gateway_address()).unwrap();
    assert_eq!(missing(&doctor(&stack, &[], None).await), [""; 0]);
}

#[tokio::test]
async fn a_gateway_that_does_not_run_leaves_its_lines_unknown() {
    let mut stack = Stack::start().await;
    stack.begin_gateway_shutdown();
    stack.gateway_stopped().await;
    let report = doctor(&stack, &[], None).await;
    assert_eq!((missing(&report), unknown(&report)), (vec![], vec!["metadata"]), "{}", report.table(false));
    assert_eq!(report.outcome().exit_code(), 2);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named() {
    let stack = Stack::start().await;
    let clock = ShiftedClock::default();
    clock.advance(SignedDuration::from_hours(1));
    let report = doctor_at(&stack, &[], None, clock).await;
    assert!(only(&report, "clock").detail.contains("ahead"), "{}", report.table(false));
}
