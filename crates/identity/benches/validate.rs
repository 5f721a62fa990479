//! What proving a token costs when its key is known, the first time and from then on; beside it the RSA signature
//! alone, which is the floor of the first. And what a token costs that nobody signed, small and as large as can be.
//!
//! `cargo bench -p identity`

#![expect(clippy::expect_used, reason = "a bench that cannot start has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as B64};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use identity::clock::ManualClock;
use identity::{BearerToken, Validator, ValidatorConfig};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const NOW: i64 = 1_795_377_600;

fn validate(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let key = Key::generate();
    let authority = runtime.block_on(authority(&key));
    let validator = validator(&authority);
    let token = key.sign(&claims(&authority.uri()));
    runtime.block_on(validator.validate(&token)).expect("a good token");
    let asked = runtime.block_on(authority.received_requests()).map_or(0, |requests| requests.len());

    let mut group = criterion.benchmark_group("validate");
    // As many good tokens as there are iterations, each signed before the clock runs and proved once. The number outlives
    // the closure, which criterion runs for each sample anew.
    let mut number = 0_u64;
    group.bench_function("first_time", |bencher| {
        bencher.to_async(&runtime).iter_batched(
            || {
                number += 1;
                let mut claims = claims(&authority.uri());
                claims["uti"] = json!(number.to_string());
                key.sign(&claims)
            },
            async |token| black_box(validator.validate(&token).await).is_ok(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("again", |bencher| {
        bencher.to_async(&runtime).iter(async || black_box(validator.validate(black_box(&token)).await));
    });
    // What a request adds to `again`: the token comes as text.
    group.bench_function("parsed_and_again", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let token = BearerToken::parse(black_box(token.expose())).expect("a token");
            black_box(validator.validate(&token).await)
        });
    });
    let forged = key.forge(&claims(&authority.uri()));
    group.bench_function("forged_signature", |bencher| {
        bencher.to_async(&runtime).iter(async || black_box(validator.validate(black_box(&forged)).await));
    });
    let large = key.forge(&json!({"ver": "2.0", "scp": words(3_800).join(" ")}));
    assert!((15_000..16_384).contains(&large.expose().len()), "{} bytes", large.expose().len());
    group.bench_function("forged_with_3800_scopes", |bencher| {
        bencher.to_async(&runtime).iter(async || black_box(validator.validate(black_box(&large)).await));
    });
    // The floor of that one: nothing but its bytes and the signature check.
    let (message, signature) = large.expose().rsplit_once('.').expect("three parts");
    group.bench_function("rs256_alone_of_15_kb", |bencher| {
        bencher.iter(|| crypto::verify(signature, message.as_bytes(), &key.public, Algorithm::RS256));
    });
    let (message, signature) = token.expose().rsplit_once('.').expect("three parts");
    group.bench_function("rs256_alone", |bencher| {
        bencher.iter(|| crypto::verify(signature, message.as_bytes(), &key.public, Algorithm::RS256));
    });
    group.finish();
    let now = runtime.block_on(authority.received_requests()).map_or(0, |requests| requests.len());
    assert_eq!(now, asked, "the keys were warm");
}

fn validator(authority: &MockServer) -> Validator {
    #[expect(
        clippy::disallowed_methods,
        reason = "the authority speaks plain HTTP, which outgoing clients refuse"
    )]
    let http = reqwest::Client::new();
    let config = ValidatorConfig {
        tenant: TENANT.parse().expect("a tenant"),
        audiences: vec![API.to_owned(), "api://mcp-cost-server".to_owned()],
        identifier_uris: Vec::new(),
        accept_v1: false,
    };
    let clock = ManualClock::at(Timestamp::from_second(NOW).expect("a moment"));
    let url = authority.uri().parse().expect("an address");
    Validator::new(config, &url, http, Arc::new(clock)).expect("a validator")
}

/// An authority on loopback that publishes `key`.
async fn authority(key: &Key) -> MockServer {
    let server = MockServer::start().await;
    let metadata = json!({
        "issuer": format!("{}/{{tenantid}}/v2.0", server.uri()),
        "jwks_uri": format!("{}/keys", server.uri()),
    });
    let documents = [
        (format!("/{TENANT}/v2.0/.well-known/openid-configuration"), metadata),
        ("/keys".to_owned(), json!({"keys": [key.jwk]})),
    ];
    for (at, document) in documents {
        let answer = ResponseTemplate::new(200).set_body_json(document);
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
    }
    server
}

/// The claims of a user's token as Entra ID issues it, those that nobody here reads included: they cost too.
fn claims(authority: &str) -> Value {
    json!({
        "aud": API, "iss": format!("{authority}/{TENANT}/v2.0"), "iat": NOW, "nbf": NOW, "exp": NOW + 4_500,
        "aio": "AXQAi/8TAAAAbGh1Y29uc2VudGVkLWJ1dC1ub3QtcmVhbC1ieXRlcy1vZi1haW8tdmFsdWU=",
        "azp": "22223333-cccc-4444-dddd-5555eeee6666", "azpacr": "0", "name": "Alice Abel",
        "oid": "a11ce000-0000-4000-8000-000000000001", "preferred_username": "alice@contoso.com",
        "rh": "1.AXkAqKpVqhERMzRERFVVVVVVVVAAAAAAAAAAwQAAAAAAAAB5AA.", "scp": "cost.read cost.export",
        "roles": ["Cost.Exporter"], "sid": "00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "tid": TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0", "xms_cc": ["cp1"], "xms_ftd": "0Zs1Zx4nVYvZ8b4a0b1mF9cM7VbQbU7gq1dXN3ZWRlbmMtZHNtcw",
    })
}

/// Different words of two letters each.
fn words(count: usize) -> Vec<String> {
    let letters = || ('0'..='9').chain('a'..='z').chain('A'..='Z');
    letters().flat_map(|a| letters().map(move |b| format!("{a}{b}"))).take(count).collect()
}

/// A signing key as Entra ID's are: RSA, 2048 bits.
struct Key {
    signing: EncodingKey,
    public: DecodingKey,
    jwk: Value,
}

impl Key {
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect("a key as PKCS #8");
        let body = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let n = B64.encode(pair.public_key().modulus().big_endian_without_leading_zero());
        let e = B64.encode(pair.public_key().exponent().big_endian_without_leading_zero());
        Self {
            signing: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a signing key"),
            public: DecodingKey::from_rsa_components(&n, &e).expect("a public key"),
            jwk: json!({"kty": "RSA", "use": "sig", "kid": "key-1", "n": n, "e": e}),
        }
    }

    fn sign(&self, claims: &Value) -> BearerToken {
        let message = message(claims);
        let signature =
            crypto::sign(message.as_bytes(), &self.signing, Algorithm::RS256).expect("a signature");
        BearerToken::parse(format!("{message}.{signature}")).expect("a token")
    }

    /// The signature of other claims.
    fn forge(&self, claims: &Value) -> BearerToken {
        let signed = self.sign(&json!({}));
        let (_, signature) = signed.expose().rsplit_once('.').expect("three parts");
        BearerToken::parse(format!("{}.{signature}", message(claims))).expect("a token")
    }
}

fn message(claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": "key-1"});
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

criterion_group!(benches, validate);
criterion_main!(benches);
