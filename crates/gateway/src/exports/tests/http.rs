//! The route: in which order it asks, what it says to whom, and that the bytes are the right ones.

use std::sync::Mutex;

use audit::{Audit, Origin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use clap::Parser as _;
use http_body_util::BodyExt as _;
use identity::clock::Clock as _;
use identity::{Validator, ValidatorConfig};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::calls::Calls;
use crate::config::{Args, Config};
use crate::guard::Guard;
use crate::metrics;
use crate::rate::RateLimits;
use crate::refusal::Refusal;
use crate::server::parts;

mod fetching;
mod links;
mod refused;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";

/// A gateway's exports behind their route, an authority that proves people, and a broker that vouches as it is told.
struct Site {
    shop: Shop,
    app: Router,
    authority: MockServer,
    key: RsaKeyPair,
    broker: Arc<Mutex<Broker>>,
    audit: Audit,
    records: PathBuf,
}

/// What the broker says, and how often it was asked.
struct Broker {
    says: Result<(), Refusal>,
    asked: usize,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    fn told(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }
}

async fn site() -> Site {
    site_with(&[], |_| ()).await
}

async fn site_with(flags: &[&str], change: impl FnOnce(&mut ExportSettings)) -> Site {
    let shop = shop_with(change);
    let key = RsaKeyPair::from_pkcs8(testkit::key_and_cert().key.serialized_der()).unwrap();
    let authority = authority(&key).await;
    let records = shop.dir.path().join("audit.jsonl");
    let args = [
        "gateway".to_owned(),
        format!("--tenant-id={TENANT}"),
        format!("--client-id={API}"),
        "--public-url=https://mcp.contoso.com/mcp".to_owned(),
        format!("--audit=file:{}", records.display()),
    ];
    // A disk that is slow for a moment must fail no test but the one of that.
    let patient = flags.iter().all(|flag| !flag.starts_with("--audit-when-full"));
    let patient = patient.then_some("--audit-when-full=continue");
    let flags = flags.iter().copied().chain(patient).map(str::to_owned);
    let config = Config::try_from(Args::parse_from(args.into_iter().chain(flags))).unwrap();
    let meter = Metrics::new("gateway").unwrap().meter("gateway");
    let clock = shop.clock.clone();
    let origin = Origin { service: "gateway", version: "0", settings: String::new() };
    let audit = Audit::start(&config.audit, origin, Arc::new(move || clock.now()), &meter).await.unwrap();
    let guard = Guard {
        validator: validator(&authority, &shop.clock),
        policies: config.policies.clone(),
        refusals: Arc::new(parts::refusals(&config, &config.public_url)),
        rates: RateLimits::new(config.calls_per_minute),
        calls: Calls::default(),
        clock: Arc::new(shop.clock.clone()),
        instruments: metrics::Instruments::new(&meter),
        audit: audit.clone(),
        max_body_bytes: config.max_body_bytes,
        timeout: config.request_timeout,
        clients: config.client_ids.as_slice().into(),
        methods: &[],
    };
    let broker = Arc::new(Mutex::new(Broker { says: Ok(()), asked: 0 }));
    let asked = Arc::clone(&broker);
    let vouch: Vouch = Arc::new(move |_assertion| {
        let mut broker = asked.lock().unwrap();
        broker.asked += 1;
        let says = broker.says.clone();
        Box::pin(async move { says })
    });
    let app = routes(shop.exports.clone(), guard, vouch, "/exports");
    Site { shop, app, authority, key, broker, audit, records }
}

impl Site {
    /// A token of the person of this number, with these scopes.
    fn token(&self, n: u8, scopes: &str) -> String {
        let oid = person(n).1.to_string();
        self.signed(&json!({"oid": oid, "scp": scopes}))
    }

    fn signed(&self, more: &Value) -> String {
        let now = self.shop.clock.now().as_second();
        let mut claims = json!({
            "ver": "2.0", "iss": format!("{}/{TENANT}/v2.0", self.authority.uri()), "aud": API, "tid": TENANT,
            "azp": "22223333-cccc-4444-dddd-5555eeee6666", "uti": "uti-1",
            "iat": now, "nbf": now, "exp": now + 3600,
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"});
        let text = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Asks as the person who may, with these fields.
    async fn get(&self, at: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token(1, "cost.read cost.export");
        self.ask("GET", at, Some(&token), fields).await
    }

    async fn ask(&self, method: &str, at: &str, token: Option<&str>, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(at);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// What was recorded, in its order.
    async fn records(&self) -> Vec<Value> {
        self.audit.close().await;
        let text = fs::read_to_string(&self.records).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn at(kept: &Kept) -> String {
    format!("/exports/{}", kept.id)
}

async fn authority(key: &RsaKeyPair) -> MockServer {
    let server = MockServer::start().await;
    // The modulus of 2048 bits, and the exponent that all keys have, in their wrapping (RFC 8017 appendix A.1.1).
    let modulus = &key.public_key().as_ref()[9..265];
    let metadata = json!({
        "issuer": format!("{}/{{tenantid}}/v2.0", server.uri()),
        "jwks_uri": format!("{}/keys", server.uri()),
    });
    let keys = json!({"keys": [{
        "kty": "RSA", "use": "sig", "kid": "key-1", "e": "AQAB", "n": BASE64_URL_SAFE_NO_PAD.encode(modulus),
    }]});
    let discovery = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    for (at, document) in [(discovery, metadata), ("/keys".to_owned(), keys)] {
        let answer = ResponseTemplate::new(200).set_body_json(document);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
    }
    server
}

fn validator(authority: &MockServer, clock: &ManualClock) -> Validator {
    #[expect(
        clippy::disallowed_methods,
        reason = "the authority speaks plain HTTP, which outgoing clients refuse"
    )]
    let http = reqwest::Client::new();
    let rules = ValidatorConfig {
        tenant: TENANT.parse().unwrap(),
        audiences: vec![API.to_owned()],
        identifier_uris: Vec::new(),
        accept_v1: false,
    };
    Validator::new(rules, &authority.uri().parse().unwrap(), http, Arc::new(clock.clone())).unwrap()
}
