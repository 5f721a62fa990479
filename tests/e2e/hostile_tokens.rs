//! Tokens that must not pass: one table, asked of the gateway and of the broker alike.

use emulator::{SignedBy, TokenKind, TokenSpec};

/// A token, and the reason it is refused for.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) spec: TokenSpec,
}

/// Every hostile token. Each is right but for what its name says.
pub(crate) fn all() -> Vec<Hostile> {
    let alice = || TokenSpec::for_person("alice");
    let kid = |kid: &str| alice().header("kid", kid);
    let other_tenant = "99999999-0000-4000-8000-000000000000";
    let table: Vec<(&str, &str, TokenSpec)> = vec![
        ("no signature (alg none)", "unsupported_algorithm", alice().signed_by(SignedBy::Nobody)),
        (
            "HS256 with the public key",
            "unsupported_algorithm",
            alice().signed_by(SignedBy::Hs256WithPublicKey),
        ),
        ("PS256, which Entra ID does not use", "unsupported_algorithm", alice().signed_by(SignedBy::Ps256)),
        ("signed by a key nobody published", "unknown_key", alice().signed_by(SignedBy::Unpublished)),
        ("signed by another key under a known id", "bad_signature", alice().signed_by(SignedBy::Forged)),
        ("a signature over other bytes", "bad_signature", alice().signed_by(SignedBy::Broken)),
        ("a key that is for personal accounts only", "wrong_issuer", alice().signed_by(SignedBy::Consumers)),
        ("kid is a path", "unknown_key", kid("../../../dev/null")),
        ("kid is a query", "unknown_key", kid("x' UNION SELECT 'secret")),
        ("kid is empty", "unknown_key", kid("")),
        (
            "jku names the sender's keys",
            "forbidden_header",
            alice().header("jku", "https://evil.example/keys"),
        ),
        (
            "x5u names the sender's certificate",
            "forbidden_header",
            alice().header("x5u", "https://evil.example/c"),
        ),
        ("jwk holds the sender's key", "forbidden_header", alice().header("jwk", "{}")),
        ("crit demands what is not understood", "forbidden_header", alice().header("crit", "exp")),
        (
            "another tenant's issuer",
            "wrong_issuer",
            alice().other_tenant("https://login.microsoftonline.com", other_tenant),
        ),
        ("another tenant", "wrong_tenant", alice().claim("tid", other_tenant)),
        ("another audience", "wrong_audience", alice().audience("https://management.azure.com")),
        (
            "an audience that begins like ours",
            "wrong_audience",
            alice().audience("api://mcp-cost-server.evil.example"),
        ),
        ("an ID token", "wrong_audience", alice().kind(TokenKind::Id)),
        (
            "an ID token for our own client id",
            "not_an_access_token",
            alice().kind(TokenKind::Id).audience(emulator::API_CLIENT_ID),
        ),
        ("expired", "expired", alice().expired()),
        ("of the future", "not_yet_valid", alice().not_yet_valid()),
        ("without oid", "missing_claim", alice().without("oid")),
        ("without tid", "missing_claim", alice().without("tid")),
        ("without exp", "missing_claim", alice().without("exp")),
        ("without version", "unsupported_version", alice().without("ver")),
        ("version 1.0 where it is off", "unsupported_version", alice().kind(TokenKind::AccessV1)),
        (
            "a claim that stands twice",
            "malformed",
            alice().duplicate_claim("oid", "00000000-0000-4000-8000-0000000000ff"),
        ),
        ("a header that stands twice", "malformed", alice().duplicate_header("alg", "none")),
        (
            "claims that are not an object",
            "malformed",
            TokenSpec { raw_payload: Some("[]".into()), ..alice() },
        ),
        ("nested garbage", "malformed", alice().nested(5_000)),
        ("100 kB", "too_large", alice().huge(100_000)),
    ];
    table.into_iter().map(|(name, reason, spec)| Hostile { name, reason, spec }).collect()
}
