//! The words of the Bicep are the code's: settings, scopes, roles, claims, redirect URIs; and each app has what it needs, no more.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use serde_json::Value;

use super::apps::{Deployment, text};
use super::settings::{Names, of_help};
use super::{json, run};

const CERTIFICATES: &str = include_str!("../../../deploy/azure/certificates.sh");
const POLICY: &str = include_str!("../../../deploy/azure/infra/policy.toml");
const BUILT_IN: &str = include_str!("../../../crates/gateway/src/policy/default.toml");
const CLIENTS: &str = include_str!("../../../docs/clients.md");
const CLAIMS: &str = include_str!("../../../crates/token-broker/src/preflight/checks/registration.rs");

fn deployment() -> Deployment {
    Deployment::new(json("azd.py", &["dump"]))
}

fn values(list: &Value, name: &str) -> Names {
    list.as_array().unwrap().iter().map(|one| text(&one[name])).collect()
}

/// What stands in quotes in the lists that these keys have in a policy.
fn named(policy: &str, key: &str) -> Names {
    let lists = policy.lines().filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix("= ["));
    lists.flat_map(|list| list.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn both_parsers_read_it_and_its_ids_are_its_own() {
    let (right, said) = run("azd.py", &["check"]);
    assert!(right, "{said}");
}

#[test]
fn its_settings_are_those_of_help_and_its_ports_agree() {
    let deployment = deployment();
    let commands = [("gateway", gateway::config::Args::command()), ("broker", token_broker::Args::command())];
    for (container, command) in commands {
        let app = deployment.app(container);
        let (environment, files) = (app.environment(), app.files());
        let known = of_help(&command);
        let invented: Vec<_> = environment.keys().filter(|name| !known.contains(*name)).collect();
        assert_eq!(invented, [""; 0], "{container}: no such setting");
        let is_file = |name: &str| name.ends_with("_FILE");
        let named: Names =
            environment.iter().filter(|(name, _)| is_file(name)).map(|(_, path)| path.clone()).collect();
        assert_eq!(
            named,
            files.into_keys().collect(),
            "{container}: files that settings name, and files there are"
        );
        let port = |setting: &str| environment[setting].rsplit(':').next().unwrap().parse::<u64>().unwrap();
        let prefix = container.to_uppercase();
        assert_eq!(app.configuration()["ingress"]["targetPort"], port(&format!("{prefix}_LISTEN")));
        let health = port(&format!("{prefix}_HEALTH_LISTEN"));
        let paths = ["/healthz", "/healthz", "/readyz"];
        assert_eq!(app.probes(), paths.map(|path| (health, path.to_owned())), "{container}");
    }
}

#[test]
fn mutual_tls_ends_in_the_broker_which_is_dialled_by_its_name() {
    let deployment = deployment();
    let (broker, gateway) = (deployment.app("broker"), deployment.app("gateway"));
    let ingress = &broker.configuration()["ingress"];
    assert_eq!((&ingress["transport"], &ingress["external"]), (&"tcp".into(), &false.into()));
    let url = format!("https://{}:{}", broker.name(), ingress["exposedPort"]);
    assert_eq!(gateway.environment()["GATEWAY_BROKER_URL"], url);
    let consumers = &broker.files()[&broker.environment()["BROKER_CONSUMERS_FILE"]];
    assert!(consumers.contains(&format!("sans = [\"dns:{}\"]", gateway.name())), "{consumers}");
    let names = format!("readonly BROKER={} GATEWAY={}\n", broker.name(), gateway.name());
    assert!(CERTIFICATES.contains(&names), "certificates.sh does not say {names}");
}

#[test]
fn each_app_can_read_the_secrets_that_it_is_given_and_no_others() {
    let deployment = deployment();
    let identities = deployment.all("Microsoft.ManagedIdentity/userAssignedIdentities");
    assert_eq!(identities.count(), 2, "one for each");
    for (container, principal) in
        [("broker", "principal"), ("gateway", "99990000-0000-4000-8000-000000000009")]
    {
        let app = deployment.app(container);
        assert_eq!(app.secrets_of_vault(), deployment.readable_by(principal), "{container}");
    }
    let gateway = deployment.app("gateway");
    assert_eq!(gateway.secrets_of_vault(), BTreeSet::from(["authority", "gateway-tls"]));
}

#[test]
fn its_registration_is_named_as_the_code_names_it() {
    let deployment = deployment();
    let api = deployment.all("Microsoft.Graph/applications").find(|one| !one["api"].is_null()).unwrap();
    let scopes = values(&api["api"]["oauth2PermissionScopes"], "value");
    assert_eq!(scopes, named(POLICY, "scopes"));
    assert_eq!(scopes, named(BUILT_IN, "scopes"));
    assert_eq!(values(&api["appRoles"], "value"), named(POLICY, "roles"));
    for claim in values(&api["optionalClaims"]["accessToken"], "name") {
        assert!(CLAIMS.contains(&format!("\"{claim}\"")), "the preflight asks for no claim {claim}");
    }
    assert_eq!(api["identifierUris"][0], deployment.app("gateway").environment()["GATEWAY_PUBLIC_URL"]);
    // Only who is pre-authorized for exports is looked at for exports.
    let clients = api["api"]["preAuthorizedApplications"].as_array().unwrap();
    let looked_at = |client: &Value| {
        let all = client["delegatedPermissionIds"].as_array().unwrap().len() == 2;
        format!("{}{}", text(&client["appId"]), if all { "" } else { ":cost.read" })
    };
    let wanted: Vec<_> = clients.iter().map(looked_at).collect();
    assert_eq!(deployment.app("broker").environment()["PREFLIGHT_CLIENT_IDS"], wanted.join(","));
}

#[test]
fn its_clients_have_the_redirect_uris_of_the_page_and_a_registration_each() {
    let deployment = deployment();
    let mut clients = 0;
    for client in deployment.all("Microsoft.Graph/applications").filter(|one| one["api"].is_null()) {
        let name = client["displayName"].as_str().unwrap().rsplit(": ").next().unwrap();
        let row = CLIENTS.lines().find(|line| line.contains(&format!("| `{name}` |"))).unwrap();
        for uri in client["publicClient"]["redirectUris"].as_array().unwrap() {
            assert!(row.contains(&format!("`{}`", text(uri))), "{name}: {uri}");
        }
        assert!(row.contains("Mobile and desktop applications"), "{name}: another platform");
        clients += 1;
    }
    assert_eq!(clients, 3);
    assert!(CLIENTS.contains("aebc6443-996d-45c2-90f0-388ff96faa56"));
}
