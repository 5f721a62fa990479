//! An authority on loopback: metadata and keys that a test can change, over plain HTTP.

use std::cell::Cell;
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::clock::{Clock, ManualClock};
use crate::error::{Reason, ValidationError};
use crate::ids::TenantId;
use crate::keys::SigningKey;
use crate::token::BearerToken;
use crate::validate::{Validator, ValidatorConfig};

pub(super) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(super) const V1_ISSUER: &str = "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/";
pub(super) const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
pub(super) const OWN_URI: &str = "https://mcp.contoso.com/mcp";

#[derive(Clone)]
pub(super) struct TestKey {
    pub(super) kid: String,
    pub(super) modulus: String,
    exponent: String,
    signing: EncodingKey,
}

/// The keys of this process. Making one takes longer than most tests, so tests of one process share them.
static POOL: [OnceLock<TestKey>; 8] = [const { OnceLock::new() }; 8];

thread_local! {
    /// How many keys this test took: each test has a thread of its own, or they follow each other on one.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

impl TestKey {
    /// Another key than the last ones of this test.
    pub(super) fn generate(kid: &str) -> Self {
        let taken = TAKEN.replace(TAKEN.get() + 1);
        Self { kid: kid.to_owned(), ..POOL[taken % POOL.len()].get_or_init(Self::make).clone() }
    }

    fn make() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            base64::prelude::BASE64_STANDARD.encode(pkcs8.as_ref())
        );
        Self {
            kid: String::new(),
            modulus: B64.encode(pair.public_key().modulus().big_endian_without_leading_zero()),
            exponent: B64.encode(pair.public_key().exponent().big_endian_without_leading_zero()),
            signing: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        }
    }

    pub(super) fn sign_raw(&self, header: &str, claims: &str) -> BearerToken {
        let message = format!("{}.{}", B64.encode(header), B64.encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::RS256).unwrap();
        BearerToken::parse(format!("{message}.{signature}")).unwrap()
    }

    pub(super) fn signing_key(&self, issuer: Option<String>) -> SigningKey {
        SigningKey { key: DecodingKey::from_rsa_components(&self.modulus, &self.exponent).unwrap(), issuer }
    }

    pub(super) fn jwk(&self, issuer: Option<&str>) -> Value {
        json!({"kty": "RSA", "use": "sig", "kid": self.kid, "n": self.modulus, "e": self.exponent, "issuer": issuer})
    }
}

pub(super) struct Authority {
    pub(super) key: TestKey,
    pub(super) clock: ManualClock,
    server: MockServer,
    validator: Validator,
}

impl Authority {
    pub(super) async fn start() -> Self {
        let server = MockServer::start().await;
        let clock = ManualClock::at(Timestamp::from_second(1_795_377_600).unwrap());
        let key = TestKey::generate("key-1");
        let validator = validator(&server, &clock, false);
        let authority = Self { key, clock, server, validator };
        authority.publish(&[authority.key.jwk(None)]).await;
        authority
    }

    pub(super) fn validator(&self) -> &Validator {
        &self.validator
    }

    /// One that knows nothing yet.
    pub(super) fn another_validator(&self) -> Validator {
        validator(&self.server, &self.clock, false)
    }

    /// Has the validator fetch its keys now, as it does in the background.
    pub(super) async fn refresh(&self) {
        self.validator.v2.refresh().await.unwrap();
    }

    pub(super) fn validator_accepting_v1(&self) -> Validator {
        validator(&self.server, &self.clock, true)
    }

    pub(super) async fn refusal(&self, token: &BearerToken) -> Reason {
        match self.validator.validate(token).await.unwrap_err() {
            ValidationError::Invalid(invalid) => invalid.reason(),
            other => panic!("{other}"),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn issuer_of(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.server.uri())
    }

    /// A validator that has seen nothing but the one key, limited to `issuer`.
    pub(super) async fn validator_with_key_of(&self, issuer: &str) -> Validator {
        self.publish(&[self.key.jwk(Some(issuer))]).await;
        self.another_validator()
    }

    /// Publishes exactly these keys from now on, for tokens of both versions.
    pub(super) async fn publish(&self, keys: &[Value]) {
        self.publish_each(keys, keys).await;
    }

    /// Publishes exactly these keys from now on, for tokens of version 2.0 and of version 1.0.
    pub(super) async fn publish_each(&self, v2: &[Value], v1: &[Value]) {
        self.server.reset().await;
        let documents = [("/v2.0", self.issuer_of("{tenantid}"), v2), ("", V1_ISSUER.to_owned(), v1)];
        for (version, issuer, keys) in documents {
            let at = format!("/keys{version}");
            let metadata = json!({"issuer": issuer, "jwks_uri": format!("{}{at}", self.server.uri())});
            let discovery = format!("/{TENANT}{version}/.well-known/openid-configuration");
            for (at, document) in [(discovery, metadata), (at, json!({"keys": keys}))] {
                let answer = ResponseTemplate::new(200).set_body_json(document);
                Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&self.server).await;
            }
        }
    }

    pub(super) async fn publish_keys(&self, keys: &[&TestKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk(None)).collect();
        self.publish(&keys).await;
    }

    pub(super) async fn go_down(&self) {
        self.server.reset().await;
    }

    /// How often the key set was asked for since it last changed.
    pub(super) async fn fetches(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|r| r.url.path().ends_with("openid-configuration")).count()
    }
}

pub(super) fn claims(authority: &Authority) -> Value {
    let now = authority.now().as_second();
    json!({
        "ver": "2.0", "iss": authority.issuer_of(TENANT), "aud": API, "tid": TENANT,
        "oid": "00000000-0000-4000-8000-00000000a11c", "azp": "22223333-cccc-4444-dddd-5555eeee6666",
        "scp": "cost.read", "uti": "uti-1", "iat": now, "nbf": now, "exp": now + 3600,
    })
}

pub(super) fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub(super) fn token(key: &TestKey, claims: &Value) -> BearerToken {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.kid});
    key.sign_raw(&header.to_string(), &claims.to_string())
}

fn validator(server: &MockServer, clock: &ManualClock, accept_v1: bool) -> Validator {
    #[expect(
        clippy::disallowed_methods,
        reason = "the stub speaks plain HTTP, which outgoing clients refuse"
    )]
    let http = reqwest::Client::new();
    let tenant: TenantId = TENANT.parse().unwrap();
    let config = ValidatorConfig {
        tenant,
        audiences: vec![API.to_owned()],
        identifier_uris: vec![OWN_URI.to_owned()],
        accept_v1,
    };
    let authority = Url::parse(&server.uri()).unwrap();
    Validator::new(config, &authority, http, std::sync::Arc::new(clock.clone())).unwrap()
}
