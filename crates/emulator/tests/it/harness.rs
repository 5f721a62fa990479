//! A running emulator with a client that trusts its CA, and the requests every test makes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use emulator::{API_CLIENT_ID, Config, Emulator, TENANT_ID, TokenSpec};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::{Client, Response};
use serde_json::{Value, json};

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const ARM_SCOPE: &str = "https://management.azure.com/.default";

pub(crate) struct Stand {
    pub(crate) emulator: Emulator,
    pub(crate) http: Client,
}

impl Stand {
    pub(crate) async fn start() -> Self {
        Self::with(Config { today: Some(jiff::civil::date(2026, 11, 20)), ..Config::default() }).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this crate depends on none of ours, so it makes its own test client"
    )]
    pub(crate) async fn with(config: Config) -> Self {
        let emulator = Emulator::start(config).await.unwrap();
        let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
        let http = Client::builder()
            .tls_certs_only([ca])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self { emulator, http }
    }

    pub(crate) fn mint(&self, spec: &TokenSpec) -> String {
        self.emulator.mint(spec).unwrap()
    }

    pub(crate) fn entra(&self, path: &str) -> String {
        format!("{}/{TENANT_ID}/{path}", self.emulator.endpoints().authority)
    }

    pub(crate) async fn get_json(&self, url: &str) -> Value {
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Posts to the v2 token endpoint; status and body.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let response = self.http.post(self.entra("oauth2/v2.0/token")).form(form).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The exchange as the broker makes it, with more (or other) form members.
    pub(crate) async fn exchange(&self, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let client_assertion = self.client_assertion();
        let mut form = vec![
            ("grant_type", JWT_BEARER),
            ("client_id", API_CLIENT_ID),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", client_assertion.as_str()),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("scope", ARM_SCOPE),
        ];
        form.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        form.extend_from_slice(more);
        self.token(&form).await
    }

    /// An ARM token on behalf of the person.
    pub(crate) async fn arm_token(&self, person: &str) -> String {
        let (status, body) = self.exchange(&self.mint(&TokenSpec::for_person(person)), &[]).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A good client assertion: PS256, `x5t#S256`.
    pub(crate) fn client_assertion(&self) -> String {
        let now = self.now();
        let claims = json!({
            "aud": self.entra("oauth2/v2.0/token"), "iss": API_CLIENT_ID, "sub": API_CLIENT_ID, "jti": "1",
            "nbf": now, "iat": now, "exp": now + 600,
        });
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint()});
        self.sign(&header, &claims, Algorithm::PS256)
    }

    /// Signs with the application's key by way of `jsonwebtoken`: an oracle for the emulator's own reading.
    pub(crate) fn sign(&self, header: &Value, claims: &Value, algorithm: Algorithm) -> String {
        let pem = self.emulator.app_credential_pem();
        let private = &pem[pem.find("-----BEGIN PRIVATE KEY-----").unwrap()..];
        let key = EncodingKey::from_rsa_pem(private.as_bytes()).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// DER of the application's certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        let pem = self.emulator.app_credential_pem();
        let body = pem.split("-----").nth(2).unwrap();
        STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.certificate()))
    }

    /// Seconds since 1970, read from a token the emulator just made: tests have no clock of their own.
    pub(crate) fn now(&self) -> i64 {
        claims(&self.mint(&TokenSpec::for_person("alice")))["iat"].as_i64().unwrap()
    }

    pub(crate) async fn arm_get(&self, token: &str, path: &str) -> Response {
        self.http.get(self.arm_url(path)).bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn arm_post(&self, token: &str, path: &str, body: &Value) -> Response {
        self.http.post(self.arm_url(path)).bearer_auth(token).json(body).send().await.unwrap()
    }

    pub(crate) fn arm_url(&self, path: &str) -> String {
        if path.starts_with("https://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.emulator.endpoints().arm)
        }
    }
}

/// The claims of a token, unproven.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, at: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
