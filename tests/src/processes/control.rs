//! The emulator's control API, over HTTPS.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use emulator::Counts;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::Credential;

/// The emulator's control API: tokens for people, and what Entra ID and Azure have seen.
#[derive(Clone, Debug)]
pub struct Control {
    http: Client,
    authority: String,
}

impl Control {
    /// The control API of the emulator that wrote these settings.
    ///
    /// # Errors
    /// When its certificate authority cannot be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "speaks to the emulator on loopback, with its own authority"
    )]
    pub fn new(settings: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let setting = |name: &str| settings.get(name).with_context(|| format!("the env file has no {name}"));
        let ca = std::fs::read(setting("EXTRA_CA_FILE")?)?;
        let http = Client::builder().no_proxy().tls_certs_merge([Certificate::from_pem(&ca)?]).build()?;
        Ok(Self { http, authority: setting("AZURE_AUTHORITY_HOST")?.trim_end_matches('/').to_owned() })
    }

    /// A token of `person`; `more` are further members of the emulator's token order.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn token(&self, person: &str, more: Value) -> anyhow::Result<String> {
        let mut order = json!({"person": person});
        if let (Some(order), Some(more)) = (order.as_object_mut(), more.as_object()) {
            order.extend(more.clone());
        }
        let url = format!("{}/_emulator/token", self.authority);
        let answer: Value = self.http.post(url).json(&order).send().await?.json().await?;
        match answer["access_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => bail!("no token for {person}: {}", answer["error"]),
        }
    }

    /// Name, object id and subscriptions of everybody.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn people(&self) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/_emulator/people", self.authority);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// The settings of a broker with this kind of credential.
    pub(super) async fn with_credential(
        &self,
        kind: Credential,
        settings: &BTreeMap<String, String>,
        folder: &Path,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let mut settings = settings.clone();
        if kind == Credential::Certificate {
            return Ok(settings);
        }
        settings.remove("AZURE_CLIENT_CERTIFICATE_PATH");
        if kind == Credential::FederatedToken {
            let url = format!("{}/_emulator/service-account-token", self.authority);
            let answer = self.http.post(url).json(&json!({})).send().await?.error_for_status()?;
            let path = folder.join("federated-token");
            std::fs::write(&path, answer.text().await?)?;
            settings.insert("AZURE_FEDERATED_TOKEN_FILE".to_owned(), path.display().to_string());
            return Ok(settings);
        }
        let url = format!("{}/_emulator", self.authority);
        let emulator: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let named: &[_] = match kind {
            Credential::InstanceMetadata => &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "metadata")],
            Credential::AppService => {
                &[("IDENTITY_ENDPOINT", "identity_endpoint"), ("IDENTITY_HEADER", "identity_header")]
            }
            other => bail!("{other:?} is not for processes"),
        };
        let text = |name: &str| emulator[name].as_str().unwrap_or_default().to_owned();
        settings.extend(named.iter().map(|(setting, name)| ((*setting).to_owned(), text(name))));
        let identity = emulator::MANAGED_IDENTITY_CLIENT_ID.to_owned();
        settings.insert("AZURE_MANAGED_IDENTITY_CLIENT_ID".to_owned(), identity);
        Ok(settings)
    }

    /// Every credential the emulator has issued or seen since it started, if it was started with `--record-secrets`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn secrets(&self) -> anyhow::Result<Vec<String>> {
        let url = format!("{}/_emulator/secrets", self.authority);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// Changes what is wrong with Entra ID and Azure: members of the emulator's faults.
    ///
    /// # Errors
    /// When there are no such faults.
    pub async fn fault(&self, patch: Value) -> anyhow::Result<()> {
        let url = format!("{}/_emulator/faults", self.authority);
        self.http.patch(url).json(&patch).send().await?.error_for_status()?;
        Ok(())
    }

    /// What the emulator has counted.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn counts(&self) -> anyhow::Result<Counts> {
        let url = format!("{}/_emulator/counters", self.authority);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }
}
