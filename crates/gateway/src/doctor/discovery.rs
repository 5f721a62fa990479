//! The tenant's metadata and keys, for each token version that is accepted (OpenID Connect Discovery 1.0; Microsoft:
//! "Access tokens in the Microsoft identity platform").

use serde_json::Value;
use telemetry::report::Finding;
use url::Url;

use super::site::{Site, ask, body};

const NAME: &str = "discovery";

/// Looks at each version's documents.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    let mut findings = vec![version(site, "2.0", "/v2.0").await];
    if site.args.accept_v1_tokens {
        findings.push(version(site, "1.0", "").await);
    }
    findings
}

async fn version(site: &Site, version: &str, path: &str) -> Finding {
    let tenant = site.args.tenant_id;
    let subject = format!("metadata and keys of tenant {tenant}, tokens of version {version}");
    match documents(site, path).await {
        Ok(detail) => Finding::ok(NAME, subject, detail),
        Err(fault) => fault.finding(subject),
    }
}

/// What is wrong with the documents.
enum DocumentFault {
    Missing(String, String),
    Unknown(String, String),
}

impl DocumentFault {
    fn finding(self, subject: String) -> Finding {
        match self {
            Self::Missing(detail, fix) => Finding::missing(NAME, subject, detail, fix),
            Self::Unknown(detail, fix) => Finding::unknown(NAME, subject, detail, fix),
        }
    }
}

async fn documents(site: &Site, path: &str) -> Result<String, DocumentFault> {
    let tenant = site.args.tenant_id;
    let mut url = site.endpoints.authority.clone();
    url.set_path(&format!("/{tenant}{path}/.well-known/openid-configuration"));
    let metadata = document(site, &url).await?;
    let issuer = metadata["issuer"].as_str().unwrap_or_default();
    let expected = format!("{}/{tenant}{path}", site.endpoints.authority.as_str().trim_end_matches('/'));
    // Version 1.0 tokens come from sts.windows.net whatever the authority is; clients look at version 2.0 alone.
    let fits = if path.is_empty() { issuer.contains(&tenant.to_string()) } else { issuer == expected };
    if !fits {
        let fix = "Set AZURE_AUTHORITY_HOST (or AZURE_CLOUD) to the host that the issuer names: clients compare the two.";
        return Err(DocumentFault::Missing(
            format!("the issuer is {issuer}, not {expected}"),
            fix.to_owned(),
        ));
    }
    let keys = metadata["jwks_uri"].as_str().and_then(|uri| Url::parse(uri).ok());
    let Some(keys) = keys.filter(|keys| keys.origin() == url.origin()) else {
        let fix = "Set AZURE_AUTHORITY_HOST to the authority itself, not to something in front of it.";
        return Err(DocumentFault::Missing(
            "the metadata names no key set on its own host".to_owned(),
            fix.to_owned(),
        ));
    };
    let set = document(site, &keys).await?;
    let usable = |key: &&Value| key["kty"] == "RSA" && key["kid"].is_string() && key["n"].is_string();
    match set["keys"].as_array().map_or(0, |keys| keys.iter().filter(usable).count()) {
        0 => {
            let fix =
                "Look at that address: an answer without keys comes from something in front of Entra ID.";
            Err(DocumentFault::Missing(format!("{keys} holds no RSA signing key"), fix.to_owned()))
        }
        count => Ok(format!("issuer {issuer}, {count} signing keys")),
    }
}

async fn document(site: &Site, url: &Url) -> Result<Value, DocumentFault> {
    let later = || "Run doctor again; the host has a line of its own.".to_owned();
    let http = site.http.as_ref().map_err(|why| DocumentFault::Unknown(why.clone(), later()))?;
    let response = match ask(http.get(url.clone()), url).await {
        Ok(response) => response,
        // The host's own line says why, and how to mend it.
        Err(trouble) => {
            return Err(DocumentFault::Unknown(
                trouble.detail(url),
                "Mend the line of the authority first.".into(),
            ));
        }
    };
    let status = response.status();
    let text = body(response).await.unwrap_or_default();
    let document: Value = serde_json::from_slice(&text).unwrap_or_default();
    if status.is_success() && document.is_object() {
        return Ok(document);
    }
    // Entra answers so for a tenant that does not exist (Microsoft: "Error codes", AADSTS90002).
    if document["error_codes"].as_array().is_some_and(|codes| codes.contains(&90_002.into())) {
        let tenant = site.args.tenant_id;
        let fix = "Correct AZURE_TENANT_ID (Entra admin center, Overview), or AZURE_CLOUD if it lives in another cloud.";
        return Err(DocumentFault::Missing(
            format!("AADSTS90002: tenant {tenant} not found at {}", host(url)),
            fix.into(),
        ));
    }
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(DocumentFault::Unknown(format!("{} answers with status {status}", host(url)), later()));
    }
    let detail = format!("{url} answers with status {status} and no such document");
    Err(DocumentFault::Missing(
        detail,
        "Set AZURE_AUTHORITY_HOST to an Entra ID authority, or leave it out.".into(),
    ))
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}
