//! One MCP client: what to register for it, and whether that is so, as far as the broker's look at the tenant tells.
//!
//! The gateway reads no directory. The broker does, for each client of `PREFLIGHT_CLIENT_IDS`, and names their redirect
//! URIs; which of them is whose is told by the URI.

use telemetry::report::{Finding, Outcome};
use url::Url;

use self::mcp_client::{IdFrom, McpClient, Platform};
use self::table::{CLIENTS, named};
use super::site::Site;

mod mcp_client;
mod table;

const NAME: &str = "client";
/// The broker's line of each redirect URI. Its subject is the URI, then ` of ` and the client.
const SEEN: &str = "preflight.client_redirect_uris";

/// What is to be said of the client called `name`, after everything else was looked at.
pub(super) fn look(site: &Site, name: &str, found: &[Finding]) -> Vec<Finding> {
    let Some(client) = named(name) else { return vec![no_such()] };
    let mut lines = vec![id(site, client)];
    let needed = client.redirect_uris.iter().map(|uri| redirect_uri(client, uri, found));
    lines.extend(needed);
    let says = |subject: &str, text: &str| {
        Finding::ok(
            NAME,
            format!("{}: {subject}", client.title),
            format!("{text} ({})", client.evidence.told()),
        )
    };
    lines.push(says("scopes", client.scopes));
    lines.push(says("refusals", client.challenges));
    lines
}

fn no_such() -> Finding {
    let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
    let fix = format!("Give one of {}.", names.join(", "));
    Finding::missing(NAME, "--client", "no client of that name is known", fix)
}

/// Its client id, and how it comes to be.
fn id(site: &Site, client: &McpClient) -> Finding {
    let subject = format!("{}: its client id", client.title);
    let prefix = site.scope_prefix();
    let fix = match client.id {
        IdFrom::BuiltIn(_) => format!(
            "Pre-authorize it for {prefix}/cost.read, and for cost.export where it may, under \"Expose an API\"."
        ),
        IdFrom::EnteredIn(_) => register(client),
        IdFrom::Nowhere => {
            let detail = client.id.told();
            let fix = "Use another client, put mcp-remote between, which takes a client id, or let it in through the sign-in facade (GATEWAY_SIGN_IN_FILE).";
            return Finding::missing(NAME, subject, detail, fix);
        }
    };
    Finding::new(NAME, subject, Outcome::Ok, client.id.told(), fix)
}

/// How a registration of its own is made. Never on the API's: see docs/clients.md.
fn register(client: &McpClient) -> String {
    let flag = match client.platform {
        Platform::Web => "--web-redirect-uris",
        Platform::Mobile | Platform::Nothing => "--public-client-redirect-uris",
    };
    let uris = match client.redirect_uris {
        [] => "<the redirect URI of its handler>".to_owned(),
        uris => uris.join(" "),
    };
    let further = match client.further_uris {
        [] => String::new(),
        further => format!(" Some versions use {}.", further.join(" or ")),
    };
    let title = client.title.replace('`', "");
    format!(
        "Register it by itself, never on the API's registration: `az ad app create --display-name \"{title}\" {flag} {uris}`, pre-authorize its id on the API, and list it in PREFLIGHT_CLIENT_IDS.{further}"
    )
}

/// One redirect URI that it needs, and whether a client of the tenant has it on the right platform.
fn redirect_uri(client: &McpClient, wanted: &str, found: &[Finding]) -> Finding {
    let detail = "no client of PREFLIGHT_CLIENT_IDS has this redirect URI";
    let fix = format!(
        "Add it to \"{}\" under Authentication of this client's registration, and list its id in PREFLIGHT_CLIENT_IDS.",
        client.platform.told()
    );
    let absent = Finding::missing(NAME, format!("{}: {wanted}", client.title), detail, fix);
    registered(absent, found, |uri| is_same(wanted, uri))
}

/// What the broker saw of the redirect URI that `is_it`, and whose that is; `absent` where it saw others alone.
pub(super) fn registered(absent: Finding, found: &[Finding], is_it: impl Fn(&str) -> bool) -> Finding {
    let (name, subject) = (absent.name.as_str(), absent.subject.as_str());
    let seen: Vec<_> = found.iter().filter(|finding| finding.name == SEEN).collect();
    let whose = |finding: &Finding| {
        let (uri, whose) = finding.subject.split_once(" of ")?;
        is_it(uri).then(|| whose.to_owned())
    };
    if let Some((line, whose)) = seen.iter().find_map(|line| Some((line, whose(line)?))) {
        let detail = format!("of {whose}: {}", line.detail);
        return Finding::new(name, subject, line.outcome, detail, line.fix.as_str());
    }
    if let Some(line) = seen.iter().find(|finding| finding.outcome == Outcome::Unknown) {
        return Finding::unknown(name, subject, line.detail.as_str(), line.fix.as_str());
    }
    if seen.is_empty() {
        let fix = "Mend the line of the broker and of its preflight first.";
        return Finding::unknown(name, subject, "the broker did not tell what is registered", fix);
    }
    absent
}

/// Whether a registered URI is the one that is wanted, as Entra ID compares: letter by letter, but for the port of a
/// loopback address. `<id>` stands for one part of the path.
pub(super) fn is_same(wanted: &str, registered: &str) -> bool {
    if let Some((before, after)) = wanted.split_once("<id>") {
        let part = registered.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        return part.is_some_and(|part| !part.is_empty() && !part.contains('/'));
    }
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        (loopback && url.set_port(None).is_ok()).then(|| url.to_string())
    };
    wanted == registered
        || without_port(wanted).is_some_and(|wanted| without_port(registered) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_compared_as_entra_id_does() {
        for (wanted, registered, same) in [
            ("http://localhost:8787/callback", "http://localhost/callback", true),
            ("http://localhost/callback", "http://localhost:1/callback", true),
            ("http://localhost/callback", "http://localhost", false),
            ("http://localhost/callback", "http://127.0.0.1/callback", false),
            ("https://claude.ai/api/mcp/auth_callback", "https://claude.ai:444/api/mcp/auth_callback", false),
            ("https://claude.ai/api/mcp/auth_callback", "https://claude.ai/api/mcp/auth_callback", true),
            ("https://chatgpt.com/connector/oauth/<id>", "https://chatgpt.com/connector/oauth/aBc-1", true),
            ("https://chatgpt.com/connector/oauth/<id>", "https://chatgpt.com/connector/oauth/", false),
            ("https://chatgpt.com/connector/oauth/<id>", "https://chatgpt.com/connector/oauth/a/b", false),
        ] {
            assert_eq!(is_same(wanted, registered), same, "{wanted} {registered}");
        }
    }
}
