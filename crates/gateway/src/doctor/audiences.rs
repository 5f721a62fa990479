//! Whether audiences, scope prefix and public URL agree. Nothing is asked over the network: Entra ID's rules are known.

use telemetry::report::Finding;
use url::Url;

use super::site::Site;

/// Looks at what tokens will carry against what is accepted.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    std::future::ready(vec![audience(site), prefix(site)]).await
}

/// A version 2.0 token's `aud` is the client id, whatever was asked for (Microsoft: "Access token claims reference").
fn audience(site: &Site) -> Finding {
    const NAME: &str = "audiences";
    let (args, accepted) = (&site.args, site.audiences());
    let client = args.client_id.to_string();
    let subject = format!("GATEWAY_AUDIENCES: {}", accepted.join(", "));
    if !accepted.contains(&client) {
        let detail = "a version 2.0 token's audience is the client id, which is not among them: every call would be answered 401 invalid_token wrong_audience";
        let fix =
            format!("Add {client} to GATEWAY_AUDIENCES, and to BROKER_AUDIENCES alike, or leave both out.");
        return Finding::missing(NAME, subject, detail, fix);
    }
    let prefix = site.scope_prefix();
    if args.accept_v1_tokens && !accepted.contains(&prefix) {
        let detail = format!(
            "a version 1.0 token asked for {prefix}/cost.read carries {prefix} as its audience, which is not among them"
        );
        let fix = format!(
            "Add {prefix} to GATEWAY_AUDIENCES and BROKER_AUDIENCES, or accept version 2.0 tokens only."
        );
        return Finding::missing(NAME, subject, detail, fix);
    }
    Finding::ok(NAME, subject, "the client id is among them, as version 2.0 tokens need")
}

/// Clients send the public URL as `resource` (RFC 8707), and Entra ID compares it with the scope's application.
fn prefix(site: &Site) -> Finding {
    const NAME: &str = "scope_prefix";
    let (prefix, public) = (site.scope_prefix(), site.args.public_url.to_string());
    let subject = format!("scopes are asked for as {prefix}/cost.read");
    if prefix == public {
        return Finding::ok(NAME, subject, "the public URL is the prefix, as `resource` needs");
    }
    let is_uri = Url::parse(&prefix).is_ok_and(|url| matches!(url.scheme(), "api" | "https" | "http"));
    if !is_uri {
        let detail = "this is not an identifier URI, so Entra ID takes the scopes for Microsoft Graph's (AADSTS650053)";
        let fix = "Set GATEWAY_SCOPE_PREFIX to an Application ID URI of the registration, or leave it out.";
        return Finding::missing(NAME, subject, detail, fix);
    }
    let detail = format!(
        "clients send resource {public}, which is not the prefix: unless yours leave `resource` out, Entra ID answers AADSTS9010010"
    );
    let fix = "Make the public URL an Application ID URI and leave GATEWAY_SCOPE_PREFIX out, or use clients that send no `resource` (docs/troubleshooting.md).";
    Finding::unknown(NAME, subject, detail, fix)
}
