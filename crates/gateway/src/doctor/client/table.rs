//! The MCP clients: one table, which `gateway doctor --client` prints from and docs/clients.md is held to by a test.
//!
//! What stands here was measured, read in a source, or reported by people who set these clients up with Entra ID; each row
//! says which. Nothing was run against a real tenant.

use super::mcp_client::Evidence::{Measured, Read, Reported};
use super::mcp_client::IdFrom::{BuiltIn, EnteredIn, Nowhere};
use super::mcp_client::McpClient;
use super::mcp_client::Platform::{Mobile, Nothing, Web};

/// Every client, in the order of docs/clients.md.
pub(super) const CLIENTS: &[McpClient] = &[
    McpClient {
        name: "vscode",
        title: "VS Code",
        id: BuiltIn("aebc6443-996d-45c2-90f0-388ff96faa56"),
        redirect_uris: &[],
        further_uris: &["http://127.0.0.1:33418", "https://vscode.dev/redirect"],
        platform: Mobile,
        scopes: "takes the challenge's scopes in place of its own",
        challenges: "treats 403 like 401 and tries once more; does not pass `claims` on; through the Windows broker it may send tokens bound to a key (`cnf`)",
        evidence: Read,
    },
    McpClient {
        name: "copilot-cli",
        title: "Copilot CLI",
        id: BuiltIn("its own, seen in Entra's sign-in log"),
        redirect_uris: &[],
        further_uris: &[],
        platform: Nothing,
        scopes: "not reported",
        challenges: "signs in through the Windows broker since 1.0.81-12; holds no token longer than 8 KiB (github/copilot-cli#2960), which people in many groups have",
        evidence: Reported,
    },
    McpClient {
        name: "claude",
        title: "claude.ai and Claude Desktop",
        id: EnteredIn("the connector's advanced settings; leave the secret empty"),
        redirect_uris: &[
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
        ],
        further_uris: &[],
        platform: Mobile,
        scopes: "sends the metadata's `resource` unchanged; bare scopes were seen though full ones were advertised (anthropics/claude-ai-mcp#514); adds `prompt=consent`",
        challenges: "redeems the code from Anthropic's network (160.79.104.0/21), which a policy by location may block; refreshes without `scope` (#228, #840)",
        evidence: Reported,
    },
    McpClient {
        name: "claude-code",
        title: "Claude Code",
        id: EnteredIn("`claude mcp add --client-id <id> --callback-port <port>`"),
        redirect_uris: &["http://localhost/callback"],
        further_uris: &[],
        platform: Mobile,
        scopes: "`oauth.scopes` pins them; a reconnect drops their prefix (anthropics/claude-code#89438); adds `prompt=consent` (#94804)",
        challenges: "steps up since 2.1.118, but not inside a tool call (#68720): sign in again with `/mcp` there",
        evidence: Reported,
    },
    McpClient {
        name: "chatgpt",
        title: "ChatGPT",
        id: EnteredIn("the connector's settings, as a predefined client"),
        redirect_uris: &["https://chatgpt.com/connector/oauth/<id>"],
        further_uris: &["https://chatgpt.com/connector_platform_oauth_redirect"],
        platform: Mobile,
        scopes: "sends `resource` as advertised",
        challenges: "said to sign in again at `_meta[\"mcp/www_authenticate\"]` of a tool result alone, which this server does not send",
        evidence: Reported,
    },
    McpClient {
        name: "codex",
        title: "Codex",
        id: Nowhere,
        redirect_uris: &[],
        further_uris: &[],
        platform: Nothing,
        scopes: "`scopes` of its configuration; else none are asked for (openai/codex#5480)",
        challenges: "ignores the challenge's scopes and the metadata (#15643); takes no issuer that is not the advertised one (#38973, #40885)",
        evidence: Reported,
    },
    McpClient {
        name: "cursor",
        title: "Cursor",
        id: EnteredIn("`auth.CLIENT_ID` of mcp.json"),
        redirect_uris: &["http://localhost:8787/callback"],
        further_uris: &[
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
        ],
        platform: Mobile,
        scopes: "`auth.scopes`; without, all that the metadata list",
        challenges: "not reported",
        evidence: Reported,
    },
    McpClient {
        name: "gemini-cli",
        title: "Gemini CLI",
        id: EnteredIn("`oauth.clientId` of its settings"),
        redirect_uris: &["http://localhost:7777/oauth/callback"],
        further_uris: &[],
        platform: Mobile,
        scopes: "not reported",
        challenges: "compares `iss` of the sign-in's answer where there is one",
        evidence: Reported,
    },
    McpClient {
        name: "copilot-studio",
        title: "Copilot Studio",
        id: EnteredIn("its wizard, OAuth 2.0, manual; with a secret of the client"),
        redirect_uris: &["https://global.consent.azure-apim.net/redirect/<id>"],
        further_uris: &[],
        platform: Web,
        scopes: "those that the wizard is given: write them in full",
        challenges: "not reported; it accepts `application/json` alone",
        evidence: Reported,
    },
    McpClient {
        name: "foundry",
        title: "Azure AI Foundry, as the user",
        id: EnteredIn("the connection, OAuth identity passthrough; with a secret of the client"),
        redirect_uris: &["https://global.consent.azure-apim.net/redirect/<id>"],
        further_uris: &[],
        platform: Web,
        scopes: "those that the connection is given: write them in full",
        challenges: "its *agent identity* is an application without a user, and is refused as `app_only_token`",
        evidence: Reported,
    },
    McpClient {
        name: "zed",
        title: "Zed",
        id: Nowhere,
        redirect_uris: &[],
        further_uris: &[],
        platform: Nothing,
        scopes: "not reported",
        challenges: "not reported",
        evidence: Reported,
    },
    McpClient {
        name: "python",
        title: "Python `mcp`",
        id: EnteredIn("the application's token storage"),
        redirect_uris: &[],
        further_uris: &[],
        platform: Mobile,
        scopes: "those of the challenge; adds `prompt=consent`",
        challenges: "steps up with the union of scopes; hands `claims` to the application",
        evidence: Measured,
    },
    McpClient {
        name: "fastmcp",
        title: "`fastmcp`",
        id: EnteredIn("`OAuth(client_id=…)`"),
        redirect_uris: &["http://localhost/callback"],
        further_uris: &[],
        platform: Mobile,
        scopes: "those of the challenge; adds `prompt=consent`",
        challenges: "steps up with the union of scopes; stops at `claims`",
        evidence: Measured,
    },
    McpClient {
        name: "mcp-remote",
        title: "mcp-remote",
        id: EnteredIn("`--static-oauth-client-info`"),
        redirect_uris: &["http://localhost/oauth/callback"],
        further_uris: &[],
        platform: Mobile,
        scopes: "those of the challenge; adds `prompt=consent` unless told another",
        challenges: "steps up with the union of scopes; stops at `claims`",
        evidence: Measured,
    },
    McpClient {
        name: "typescript",
        title: "TypeScript SDK, v1 and v2",
        id: EnteredIn("the application's `OAuthClientProvider`"),
        redirect_uris: &[],
        further_uris: &[],
        platform: Mobile,
        scopes: "those of the challenge; v2 adds `prompt=consent`",
        challenges: "steps up with the union of scopes, v1 only without a refresh token; stops at `claims`",
        evidence: Measured,
    },
    McpClient {
        name: "inspector",
        title: "Inspector CLI",
        id: EnteredIn("`--client-id <id>`"),
        redirect_uris: &["http://127.0.0.1/oauth/callback"],
        further_uris: &[],
        platform: Mobile,
        scopes: "those of the challenge; adds `prompt=consent`",
        challenges: "asks, then steps up with the union of scopes; stops at `claims`",
        evidence: Measured,
    },
];

/// The client of that name.
pub(super) fn named(name: &str) -> Option<&'static McpClient> {
    CLIENTS.iter().find(|client| client.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../../docs/clients.md");

    fn uris(client: &McpClient) -> String {
        let quoted = |uri: &&str| format!("`{uri}`");
        let needed: Vec<_> = client.redirect_uris.iter().map(quoted).collect();
        let further: Vec<_> = client.further_uris.iter().map(quoted).collect();
        match (needed.is_empty(), further.is_empty()) {
            (true, true) if client.platform == Nothing => "–".to_owned(),
            (true, true) => "its handler's".to_owned(),
            (false, true) => needed.join(", "),
            (true, false) => format!("none; with an id of your own {}", further.join(", ")),
            (false, false) => format!("{}; some versions {}", needed.join(", "), further.join(", ")),
        }
    }

    fn rows(client: &McpClient) -> [String; 2] {
        let McpClient { name, title, id, platform, scopes, challenges, evidence, .. } = client;
        [
            format!(
                "| {title} | `{name}` | {} | {} | {} | {} |",
                id.told(),
                uris(client),
                platform.told(),
                evidence.told()
            ),
            format!("| {title} | {scopes} | {challenges} |"),
        ]
    }

    #[test]
    fn the_document_says_what_the_table_says() {
        let lines: Vec<_> = DOCUMENT.lines().collect();
        for row in CLIENTS.iter().flat_map(rows) {
            assert!(lines.contains(&row.as_str()), "docs/clients.md lacks the row\n{row}");
        }
        // Those of the section's first table have six columns.
        let section = lines.iter().skip_while(|line| **line != "## What to register");
        let registered = |line: &&&str| line.starts_with("| ") && line.split(" | ").count() == 6;
        let rows = section.filter(registered).filter(|line| !line.starts_with("| client |")).count();
        assert_eq!(rows, CLIENTS.len(), "the document has a row of its own");
    }

    #[test]
    fn names_stand_once_and_what_is_registered_has_a_platform() {
        for client in CLIENTS {
            assert_eq!(
                CLIENTS.iter().filter(|other| other.name == client.name).count(),
                1,
                "{}",
                client.name
            );
            let registered = matches!(client.id, EnteredIn(_));
            assert!(!registered || client.platform != Nothing, "{}", client.name);
            let uris = client.redirect_uris.iter().chain(client.further_uris);
            // Entra ID takes no other without TLS.
            let takes = |uri: &&str| {
                !uri.starts_with("http://") || uri.contains("//localhost") || uri.contains("//127.0.0.1")
            };
            assert!(uris.clone().all(takes), "{}", client.name);
        }
    }
}
