//! What an MCP client sees before it has a token: the protected resource metadata (RFC 9728) and the challenge that leads
//! to it. Where the answer is wrong in public and right at the gateway's own address, what stands between is named.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use telemetry::report::Finding;
use url::Url;

use super::heads::{self, NO_TOKEN};
use super::site::{Site, ask, body, listens};
use super::words::described;

const DOCUMENT: &str = "metadata";
const CHALLENGE: &str = "challenge";
/// What a proxy that rewrites answers has to be told.
const LEAVE_ALONE: &str = "Let the proxy pass path, Host and headers on as they are, in both directions.";

/// Looks at the gateway as a client that was told nothing but the public URL.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    let client = match &site.observer {
        Ok(client) => client,
        Err(why) => return vec![Finding::unknown(DOCUMENT, public(site), why, "Mend EXTRA_CA_FILE first.")],
    };
    let view = View { site, client };
    match view.document().await {
        Ok(document) => {
            let mut findings = view.judge(&document);
            findings.extend(view.challenge().await);
            findings
        }
        Err(Seen::Nothing(finding)) => vec![finding],
        Err(Seen::Wrong(finding)) => {
            // What is behind both is one fault; the other line is of use only where it is right.
            let rest = view.challenge().await;
            let right = rest.into_iter().filter(|finding| finding.fix.is_empty());
            std::iter::once(finding).chain(right).collect()
        }
    }
}

fn public(site: &Site) -> String {
    site.args.public_url.to_string()
}

/// Why there is no document.
enum Seen {
    /// Nobody answered.
    Nothing(Finding),
    /// Something answered, but not with the document.
    Wrong(Finding),
}

struct View<'a> {
    site: &'a Site,
    client: &'a Client,
}

impl View<'_> {
    async fn document(&self) -> Result<Value, Seen> {
        let url = self.site.args.public_url.metadata_url();
        let Ok(host) = Url::parse(&url) else { return Ok(Value::Null) };
        let response = match ask(self.client.get(&url), &host).await {
            Ok(response) => response,
            Err(trouble) if listens(self.site.args.listen).await => {
                let fix = trouble.fix("GATEWAY_PUBLIC_URL, or in the proxy in front of the gateway,");
                let detail = format!(
                    "{}; the gateway itself listens at {}",
                    trouble.detail(&host),
                    self.site.args.listen
                );
                return Err(Seen::Nothing(Finding::missing(DOCUMENT, url, detail, fix)));
            }
            Err(trouble) => {
                let detail = format!(
                    "the gateway does not run here (nothing listens at {}), so what clients see could not be told; {}",
                    self.site.args.listen,
                    trouble.detail(&host)
                );
                let fix = "Start the gateway, then run doctor beside it.";
                return Err(Seen::Nothing(Finding::unknown(DOCUMENT, url, detail, fix)));
            }
        };
        let (status, what) = (response.status(), described(&response));
        let document = body(response).await.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        match document.filter(|document| status.is_success() && document.get("resource").is_some()) {
            Some(document) => Ok(document),
            None => Err(Seen::Wrong(self.no_document(url, status, &what).await)),
        }
    }

    async fn no_document(&self, url: String, status: StatusCode, what: &str) -> Finding {
        let path = self.site.args.public_url.metadata_url().replace(&self.site.args.public_url.origin(), "");
        let behind = self.is_right_behind(&path, |status, document| {
            status.is_success() && document.get("resource").is_some()
        });
        if behind.await {
            let detail = format!(
                "{what}, but the gateway at {} has it: what stands in front does not pass {path} on",
                self.site.args.listen
            );
            return Finding::missing(DOCUMENT, url, detail, LEAVE_ALONE);
        }
        let fix = match status {
            StatusCode::NOT_FOUND => {
                "Make GATEWAY_PUBLIC_URL the URL that the running gateway has, path included, and start it again."
            }
            _ if status.is_server_error() => "Look at the proxy in front: it does not reach the gateway.",
            _ => LEAVE_ALONE,
        };
        Finding::missing(DOCUMENT, url, format!("{what} in place of the metadata"), fix)
    }

    /// Whether the gateway's own address answers rightly. Only over plain text on loopback: with TLS its certificate is
    /// for the public name.
    async fn is_right_behind(&self, path: &str, right: impl Fn(StatusCode, &Value) -> bool) -> bool {
        let args = &self.site.args;
        if args.tls_cert_file.is_some() {
            return false;
        }
        let Ok(url) = Url::parse(&format!("http://{}{path}", args.listen)) else { return false };
        let Ok(response) = ask(self.client.get(url.clone()), &url).await else { return false };
        let status = response.status();
        let text = body(response).await.unwrap_or_default();
        right(status, &serde_json::from_slice(&text).unwrap_or_default())
    }

    fn judge(&self, document: &Value) -> Vec<Finding> {
        let (args, authority) =
            (&self.site.args, self.site.endpoints.authority.as_str().trim_end_matches('/'));
        let expected_resource = args.public_url.to_string();
        let expected_server = format!("{authority}/{}/v2.0", args.tenant_id);
        let prefix = format!("{}/", self.site.scope_prefix());
        let texts = |name: &str| -> Vec<String> {
            let list = document[name].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let resource = document["resource"].as_str().unwrap_or_default().to_owned();
        let (servers, scopes) = (texts("authorization_servers"), texts("scopes_supported"));
        let same = "The running gateway has other settings, or a proxy rewrites its answers: give both the same and start it again.";
        let line = |name, right: bool, found: String, expected: String| {
            if right {
                return Finding::ok(name, found, "as configured");
            }
            Finding::missing(name, found, format!("expected {expected}"), same)
        };
        let unqualified = scopes.is_empty() || scopes.iter().any(|scope| !scope.starts_with(&prefix));
        vec![
            Finding::ok(DOCUMENT, args.public_url.metadata_url(), "reachable"),
            line(
                "resource",
                resource == expected_resource,
                format!("resource {resource}"),
                format!(
                    "{expected_resource}: clients refuse metadata whose resource does not match the URL they called"
                ),
            ),
            line(
                "authorization_servers",
                servers == [expected_server.clone()],
                format!("authorization_servers {}", servers.join(" ")),
                expected_server,
            ),
            line(
                "scopes_supported",
                !unqualified,
                format!("scopes_supported {}", scopes.join(" ")),
                format!(
                    "each to begin with {prefix}: Entra ID takes others for Microsoft Graph's (AADSTS650053)"
                ),
            ),
        ]
    }

    /// A call without a token, and one with a token that proves nothing.
    async fn challenge(&self) -> Vec<Finding> {
        let subject = format!("POST {} without a token", public(self.site));
        let Ok(host) = Url::parse(&public(self.site)) else { return Vec::new() };
        let response = match ask(self.call(), &host).await {
            Ok(response) => response,
            Err(trouble) => {
                let fix = trouble.fix("GATEWAY_PUBLIC_URL");
                return vec![Finding::unknown(CHALLENGE, subject, trouble.detail(&host), fix)];
            }
        };
        let mut findings = vec![self.judge_challenge(subject, &response)];
        // Whether the header arrives shows only where the gateway answers.
        if response.status() == StatusCode::UNAUTHORIZED {
            let bearer = self.bearer(&host).await;
            let arrives = bearer.as_ref().is_some_and(|finding| finding.fix.is_empty());
            findings.extend(bearer);
            if arrives {
                findings.push(heads::look(|| self.call(), &host).await);
            }
        }
        findings
    }

    fn judge_challenge(&self, subject: String, response: &Response) -> Finding {
        let expected = self.site.args.public_url.metadata_url();
        if response.status() != StatusCode::UNAUTHORIZED {
            let detail = format!("{} in place of 401", described(response));
            let fix = match response.status() {
                StatusCode::NOT_FOUND => "Let the proxy pass the path of GATEWAY_PUBLIC_URL on unchanged.",
                _ => LEAVE_ALONE,
            };
            return Finding::missing(CHALLENGE, subject, detail, fix);
        }
        let challenges: Vec<_> = response
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let bearer = challenges.iter().find(|challenge| challenge.to_ascii_lowercase().starts_with("bearer"));
        match bearer {
            None if challenges.is_empty() => {
                let detail = "401 without WWW-Authenticate: a proxy takes the header away, and clients cannot find the sign-in";
                Finding::missing(CHALLENGE, subject, detail, LEAVE_ALONE)
            }
            Some(bearer) if bearer.contains(&format!("resource_metadata=\"{expected}\"")) => {
                Finding::ok(CHALLENGE, subject, "401 with resource_metadata")
            }
            Some(_) => {
                let detail = format!("401 whose WWW-Authenticate does not name resource_metadata {expected}");
                Finding::missing(CHALLENGE, subject, detail, LEAVE_ALONE)
            }
            None => {
                let detail =
                    "401 whose WWW-Authenticate is not the gateway's: a proxy asks for a sign-in of its own";
                Finding::missing(
                    CHALLENGE,
                    subject,
                    detail,
                    "Let the proxy ask for no sign-in on the paths of the gateway.",
                )
            }
        }
    }

    async fn bearer(&self, host: &Url) -> Option<Finding> {
        const NAME: &str = "authorization";
        let subject = "the Authorization header";
        let response = ask(self.call().header(AUTHORIZATION, NO_TOKEN), host).await.ok()?;
        let document: Value = serde_json::from_slice(&body(response).await?).ok()?;
        match document["code"].as_str()? {
            "missing_bearer" => {
                let detail =
                    "a token was sent, and the gateway says missing_bearer: a proxy takes the header away";
                Some(Finding::missing(
                    NAME,
                    subject,
                    detail,
                    "Let the proxy pass the Authorization header on.",
                ))
            }
            _ => Some(Finding::ok(NAME, subject, "arrives at the gateway")),
        }
    }

    fn call(&self) -> RequestBuilder {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        self.client
            .post(public(self.site))
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(message.to_string())
    }
}
