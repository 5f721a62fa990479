//! The sign-in facade: its file, what a client sees of it, and whether each client of the file is registered so that its codes can
//! be redeemed. What is registered the broker tells, as for every other client: by redirect URI, and whose it is by name.

use serde_json::Value;
use telemetry::report::{Finding, Outcome};
use url::Url;

use super::client::{is_same, registered};
use super::site::{Site, ask, body};
use crate::sign_in::SignInSettings;

const NAME: &str = "sign_in";
const CLIENT: &str = "sign_in_client";
/// The one platform on which a code is redeemed without a secret.
const PLATFORM: &str = "Mobile and desktop applications";

/// The file, and what the running gateway makes of it.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    match &site.sign_in {
        None => Vec::new(),
        Some(Err(why)) => {
            let fix = "Correct the file: the gateway does not start with it.";
            vec![Finding::missing(NAME, "GATEWAY_SIGN_IN_FILE", why.as_str(), fix)]
        }
        Some(Ok(settings)) => vec![served(site, settings).await],
    }
}

/// Each client of the file, after everything else was looked at.
pub(super) fn clients(site: &Site, found: &[Finding]) -> Vec<Finding> {
    let Some(Ok(settings)) = &site.sign_in else { return Vec::new() };
    let mut lines = Vec::new();
    for client in &settings.clients {
        let (name, id) = (client.name(), client.id());
        let args = &site.args;
        let subject = format!("[clients.{name}] {id}");
        if id == args.client_id {
            let detail = "it is this API's own registration, whose tokens for itself Entra ID refuses as soon as a scope is not named";
            let fix = "Register the client by itself, and write its id into the entry.";
            lines.push(Finding::missing(CLIENT, subject.as_str(), detail, fix));
        }
        if !args.client_ids.is_empty() && !args.client_ids.contains(&id) {
            let fix = "Add it to GATEWAY_CLIENT_IDS, or take the entry away.";
            lines.push(Finding::missing(
                CLIENT,
                subject.as_str(),
                "GATEWAY_CLIENT_IDS does not let it call",
                fix,
            ));
        }
        for wanted in client.redirect_uris() {
            let fix = format!(
                "Add it to \"{PLATFORM}\" under Authentication of this registration, and list its id in PREFLIGHT_CLIENT_IDS."
            );
            let detail = "the broker sees no client with this redirect URI";
            let absent = Finding::missing(CLIENT, format!("[clients.{name}] {wanted}"), detail, fix);
            let line = registered(absent.clone(), found, |uri| is_same(wanted, uri));
            // Where a client of its own would have a secret, or be a page, one behind the facade is neither.
            let elsewhere = line.outcome == Outcome::Ok && !line.detail.contains(PLATFORM);
            lines.push(if elsewhere {
                Finding { detail: format!("{}; the facade has no secret", line.detail), ..absent }
            } else {
                line
            });
        }
    }
    lines
}

async fn served(site: &Site, settings: &SignInSettings) -> Finding {
    let issuer = site.args.public_url.at(&settings.path);
    let place = format!("{}/.well-known/oauth-authorization-server{}", issuer.origin(), issuer.path());
    let count = format!("clients in the file: {}", settings.clients.len());
    let (Ok(client), Ok(host)) = (&site.observer, Url::parse(&place)) else {
        return Finding::unknown(NAME, place, "no client to look with", "Mend EXTRA_CA_FILE first.");
    };
    let response = match ask(client.get(&place), &host).await {
        Ok(response) => response,
        Err(trouble) => {
            let detail = format!(
                "the file can be used ({count}), but what clients see could not be told; {}",
                trouble.detail(&host)
            );
            return Finding::unknown(NAME, place, detail, "Start the gateway, then run doctor beside it.");
        }
    };
    let document = body(response).await.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let seen = document.as_ref().and_then(|document| document["issuer"].as_str()).unwrap_or("nothing");
    if seen == issuer.to_string() {
        return Finding::ok(NAME, place, format!("as configured; {count}"));
    }
    let fix = "Start the gateway again, which reads the file at start; where that was done, have the proxy in front pass the path on.";
    Finding::missing(NAME, place, format!("the issuer there is {seen}, expected {issuer}"), fix)
}
