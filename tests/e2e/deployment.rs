//! Without an override the services talk to the public cloud's real hosts, and to no other.

use clap::{CommandFactory, Parser};
use e2e::{Hop, Stack};
use serde_json::json;

const TENANT: &str = "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee";
const CLIENT: &str = "--client-id=11112222-bbbb-3333-cccc-4444dddd5555";

#[test]
fn the_gateway_talks_to_the_public_cloud() {
    let args = ["gateway", TENANT, CLIENT, "--public-url=https://mcp.contoso.com/mcp"];
    let config = gateway::config::Config::try_from(gateway::config::Args::parse_from(args)).unwrap();
    assert_eq!(config.endpoints.authority.as_str(), "https://login.microsoftonline.com/");
    assert_eq!(config.endpoints.arm.as_str(), "https://management.azure.com/");
    assert_eq!(config.endpoints.graph.as_str(), "https://graph.microsoft.com/");
    assert_eq!(config.endpoints.blob_hosts, ["*.blob.core.windows.net"]);
}

#[test]
fn the_broker_talks_to_the_public_cloud() {
    let args = ["token-broker", TENANT, CLIENT, "--client-certificate-path=/nowhere.pem"];
    let config = token_broker::Config::try_from(token_broker::Args::parse_from(args)).unwrap();
    assert_eq!(
        config.application.token_endpoint().as_str(),
        "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token"
    );
}

#[test]
fn plain_text_beyond_loopback_is_refused_at_start() {
    let args =
        ["gateway", TENANT, CLIENT, "--public-url=https://mcp.contoso.com/mcp", "--listen=0.0.0.0:8080"];
    let error = gateway::config::Config::try_from(gateway::config::Args::parse_from(args)).unwrap_err();
    assert!(error.to_string().contains("GATEWAY_LISTEN"), "{error}");
    assert!(
        error.to_string().contains("set GATEWAY_TLS_ENDS_AT_PROXY"),
        "what a platform's ingress needs: {error}"
    );
    let args = ["token-broker", TENANT, CLIENT, "--client-certificate-path=/x.pem", "--listen=0.0.0.0:50051"];
    let error = token_broker::Config::try_from(token_broker::Args::parse_from(args)).unwrap_err();
    assert!(error.to_string().contains("BROKER_LISTEN"), "{error}");
}

#[test]
fn the_settings_page_lists_every_setting_and_no_other() {
    let page = include_str!("../../docs/settings.md");
    let mut known = std::collections::BTreeSet::new();
    for command in [gateway::config::Args::command(), token_broker::Args::command()] {
        for argument in command.get_arguments() {
            let Some(name) = argument.get_env().and_then(|name| name.to_str()) else { continue };
            let long = argument.get_long().unwrap_or_default();
            let row = format!("| `--{long}` | `{name}` |");
            assert!(page.contains(&row), "{}: docs/settings.md has no row {row}", command.get_name());
            known.insert(row);
            assert!(argument.get_help().is_some(), "{}: --help does not explain {name}", command.get_name());
        }
    }
    for line in page.lines().filter(|line| line.starts_with("| `--")) {
        assert!(known.iter().any(|row| line.starts_with(row)), "no service has the setting of {line}");
    }
}

#[tokio::test]
async fn the_broker_is_reached_by_socket_and_by_mutual_tls() {
    for hop in [Hop::Socket, Hop::MutualTls] {
        let stack = Stack::builder().hop(hop).start().await;
        let answer = stack.caller.call(&stack.token("bob"), "list_subscriptions", json!({})).await;
        assert_eq!(answer.data()["subscriptions"][0]["name"], "Contoso Dev", "{hop:?}: {}", answer.text);
    }
}
