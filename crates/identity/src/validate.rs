//! Every rule a token must pass, in one list.

use std::sync::Arc;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Map, Value};
use tokio::task::JoinHandle;
use url::Url;

use crate::claims::{Claims, TokenVersion};
use crate::clock::SharedClock;
use crate::error::{InvalidToken, Reason, ValidationError};
use crate::ids::TenantId;
use crate::keys::{KeyCache, KeyError, MetadataSource, SigningKey, Snapshot};
use crate::principal::Principal;
use crate::token::BearerToken;
use crate::unverified::UnverifiedToken;

#[cfg(test)]
mod tests;

/// How far the clocks of Entra ID and this machine may disagree, on both ends of a token's life.
///
/// The invariant it serves: nothing derived from a token outlives the token by more than this. Microsoft's own
/// .NET stack allows 5 minutes; machines in a cloud are closer than that, so less is given away.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What a token must match.
#[derive(Clone, Debug)]
pub struct ValidatorConfig {
    /// The one tenant whose tokens are accepted.
    pub tenant: TenantId,
    /// The audiences that are this API. A version 2.0 token's `aud` is always the API's client id.
    pub audiences: Vec<String>,
    /// Further names of this API, such as the URI that scopes begin with. None is accepted as an audience: they tell a
    /// version 1.0 token of this API, whose `aud` is what was asked for, from one for another.
    pub identifier_uris: Vec<String>,
    /// Whether version 1.0 tokens are accepted too.
    pub accept_v1: bool,
}

impl ValidatorConfig {
    /// Whether an audience is this API under any of its names, accepted or not. Version 1.0 tokens carry it with or
    /// without a slash at the end (Microsoft: "Access token claims reference").
    pub(crate) fn is_named(&self, audience: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        let id = audience.strip_prefix("api://").unwrap_or(audience);
        let known = |name: &String| [audience, id].contains(&name.trim_end_matches('/'));
        self.audiences.iter().chain(&self.identifier_uris).any(known)
    }

    /// Why a token whose version is not accepted is refused: for its version only if it is for this API. Each API
    /// chooses the version of its tokens, so that one for another says nothing of this registration.
    pub(crate) fn refused_version(&self, claims: &Map<String, Value>) -> Reason {
        match claims.get("aud") {
            Some(Value::Array(_)) => Reason::SeveralAudiences,
            Some(Value::String(audience)) if !self.is_named(audience) => Reason::WrongAudience,
            _ => Reason::UnsupportedVersion,
        }
    }
}

/// Proves tokens. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct Validator {
    pub(crate) config: ValidatorConfig,
    pub(crate) v2: KeyCache,
    pub(crate) v1: Option<KeyCache>,
    pub(crate) clock: SharedClock,
}

impl Validator {
    /// A validator that fetches its keys from `authority` when first needed.
    ///
    /// # Errors
    /// When no audience is configured: every token would be somebody else's.
    pub fn new(
        config: ValidatorConfig,
        authority: &Url,
        http: Client,
        clock: SharedClock,
    ) -> Result<Self, ValidatorError> {
        if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
            return Err(ValidatorError::NoAudience);
        }
        let cache = |http, version| {
            let source = MetadataSource::new(http, authority, config.tenant, version);
            KeyCache::new(source, Arc::clone(&clock))
        };
        let v1 = config.accept_v1.then(|| cache(http.clone(), TokenVersion::V1));
        let v2 = cache(http, TokenVersion::V2);
        Ok(Self { config, v2, v1, clock })
    }

    /// Proves a token and tells who is calling. The checks, in this order:
    ///
    /// - form: at most 16 KiB, three parts, a header of at most 2 KiB;
    /// - header: algorithm on the list, no parameter that lets the sender choose the key (RFC 8725 section 3.1);
    /// - **signature**, by the tenant's key of that id: nothing of the claims is read before;
    /// - claims: JSON in which no name stands twice (RFC 7519 section 4), of bounded number; version 2.0, or 1.0 if
    ///   configured (a token for another API is refused for that, not for its version); each of its type;
    /// - **issuer**: the metadata's, and the one the key is limited to;
    /// - **audience**: one of the configured ones;
    /// - tenant: `tid` is the configured one;
    /// - time: `nbf` and `exp`, each with [`LEEWAY`];
    /// - kind: an access token with `oid`, of a user or of an application.
    ///
    /// A token that passed them all is remembered, by its digest, while the very keys it was proved with are in use.
    /// Of all the rules only time can fail it then: so time alone is asked again, at each use.
    ///
    /// # Errors
    /// [`ValidationError::Invalid`] names the check that failed; [`ValidationError::KeysUnavailable`] says
    /// nothing about the token.
    pub async fn validate(&self, token: &BearerToken) -> Result<Principal, ValidationError> {
        if let Some(principal) = self.remembered(token) {
            return Ok(principal);
        }
        let (keys, principal) = self.prove(token).await?;
        keys.proved.keep(token.digest(), principal.clone());
        Ok(principal)
    }

    /// Who is in a token that was proved before, if nothing that may change has changed since.
    fn remembered(&self, token: &BearerToken) -> Option<Principal> {
        let (now, digest) = (self.clock.now(), token.digest());
        let principal = self.sets().find_map(|(_, keys)| keys.proved(&digest, now))?;
        let in_time = begun(principal.not_before(), now).and(unexpired(principal.expires_at(), now));
        in_time.is_ok().then_some(principal)
    }

    /// Every check, and the keys with which they were made.
    pub(crate) async fn prove(
        &self,
        token: &BearerToken,
    ) -> Result<(Arc<Snapshot>, Principal), ValidationError> {
        let unverified = UnverifiedToken::parse(token)?;
        let signer = self.signer(unverified.kid()).await?;
        let claims = unverified.signed_claims(&signer.key)?;
        let Signer { metadata, key, .. } = self.signer_of_version(&unverified, signer, &claims).await?;
        let claims = Claims::read(&claims)?;
        let evidence = Evidence {
            claims: &claims,
            key: &key,
            metadata: &metadata,
            config: &self.config,
            now: self.clock.now(),
        };
        evidence.pass(RULES)?;
        Ok((metadata, principal(claims)?))
    }

    /// The key of this id, from the first key set that has it: of which version a token is, a claim says, and no claim is
    /// read before the signature. Where no set has it, each is looked at anew.
    ///
    /// An id is the thumbprint of a certificate: two sets with the same id publish the same key. If they did not, a
    /// token of the second set's would not be accepted.
    pub(crate) async fn signer(&self, kid: &str) -> Result<Signer, ValidationError> {
        let signer = |version, (metadata, key)| Signer { version, metadata, key };
        let known = self.sets().find_map(|(version, keys)| Some(signer(version, keys.known(kid)?)));
        if let Some(known) = known {
            return Ok(known);
        }
        let looked = self.sets().map(async |(version, keys)| Ok(signer(version, keys.key(kid).await?)));
        let mut unknown = KeyError::Unknown;
        for outcome in join_all(looked).await {
            match outcome {
                Ok(signer) => return Ok(signer),
                Err(KeyError::Unavailable) => unknown = KeyError::Unavailable,
                Err(KeyError::Unknown) => {}
            }
        }
        Err(unknown.into())
    }

    /// The key in the set of the token's own version: another set limits it to another issuer. What is signed by one of
    /// the tenant's keys may cost a second check.
    async fn signer_of_version(
        &self,
        token: &UnverifiedToken<'_>,
        signer: Signer,
        claims: &Map<String, Value>,
    ) -> Result<Signer, ValidationError> {
        let version = TokenVersion::read(claims).ok();
        if version == Some(signer.version) {
            return Ok(signer);
        }
        let keys = version.and_then(|version| Some((version, self.keys_of(version)?)));
        let (version, keys) = keys.ok_or_else(|| InvalidToken::from(self.config.refused_version(claims)))?;
        let (metadata, key) = keys.key(token.kid()).await?;
        token.verify(&key)?;
        Ok(Signer { version, metadata, key })
    }

    /// The keys that tokens of this version are signed with, if such tokens are accepted.
    pub(crate) fn keys_of(&self, version: TokenVersion) -> Option<&KeyCache> {
        self.sets().find_map(|(of, keys)| (of == version).then_some(keys))
    }

    fn sets(&self) -> impl Iterator<Item = (TokenVersion, &KeyCache)> {
        let v1 = self.v1.iter().map(|keys| (TokenVersion::V1, keys));
        [(TokenVersion::V2, &self.v2)].into_iter().chain(v1)
    }

    /// Keeps the keys fresh in the background until the task is aborted.
    pub fn spawn_refresh(&self) -> JoinHandle<()> {
        let (v2, v1) = (self.v2.clone(), self.v1.clone());
        tokio::spawn(async move {
            let v1 = async {
                if let Some(v1) = &v1 {
                    v1.keep_fresh().await;
                }
            };
            tokio::join!(v2.keep_fresh(), v1);
        })
    }

    /// How old the oldest keys in use are, in seconds. `None` before the first fetch.
    pub fn keys_age_seconds(&self) -> Option<i64> {
        let fetched = self.sets().filter_map(|(_, keys)| keys.fetched_at());
        fetched.min().map(|oldest| self.clock.now().duration_since(oldest).as_secs())
    }

    /// Whether there are keys to validate with.
    pub fn is_ready(&self) -> bool {
        self.sets().all(|(_, keys)| keys.is_loaded())
    }
}

/// A key of the tenant, from the set of one version, with the metadata it was published with.
pub(crate) struct Signer {
    version: TokenVersion,
    pub(crate) metadata: Arc<Snapshot>,
    pub(crate) key: SigningKey,
}

impl From<KeyError> for ValidationError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::Invalid(Reason::UnknownKey.into()),
            KeyError::Unavailable => Self::KeysUnavailable,
        }
    }
}

/// A validator that could accept nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorError {
    /// There is no audience, or an empty one.
    #[error("the list of audiences is empty or holds an empty entry: name at least the API's client id")]
    NoAudience,
}

/// A rule of what a token must be, as a function of the evidence.
pub(crate) type Rule = fn(&Evidence<'_>) -> Result<(), InvalidToken>;

/// The rules about the claims of a token whose signature holds, in the order they are checked: issuer, audience, then
/// whose and when.
///
/// A table, so that a test can leave out one rule and show the attack that only this rule stops, and so that
/// `explain` can tell each rule's verdict.
pub(crate) const RULES: &[(&str, Rule)] = &[
    ("issuer", issuer),
    ("issuer of the key", key_issuer),
    ("audience", audience),
    ("tenant", tenant),
    ("not before", not_before),
    ("expiry", expiry),
];

/// All that the rules look at. Its claims are not believed until every rule held.
pub(crate) struct Evidence<'a> {
    pub(crate) claims: &'a Claims,
    pub(crate) key: &'a SigningKey,
    pub(crate) metadata: &'a Snapshot,
    pub(crate) config: &'a ValidatorConfig,
    pub(crate) now: Timestamp,
}

impl Evidence<'_> {
    fn pass(&self, rules: &[(&str, Rule)]) -> Result<(), InvalidToken> {
        rules.iter().try_for_each(|(_, rule)| rule(self))
    }

    /// Microsoft publishes issuers as templates on shared endpoints: `{tenantid}` stands for the tenant. Here it
    /// becomes the configured tenant, not the token's, or any tenant's issuer would fit.
    pub(crate) fn for_tenant(&self, issuer: &str) -> String {
        issuer.replace("{tenantid}", &self.config.tenant.to_string())
    }
}

fn issuer(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    must(evidence.claims.iss == evidence.for_tenant(&evidence.metadata.issuer), Reason::WrongIssuer)
}

/// Some keys in the set are published for one issuer only, for example that of personal accounts.
fn key_issuer(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    let limit = evidence.key.issuer.as_deref();
    must(limit.is_none_or(|issuer| evidence.claims.iss == evidence.for_tenant(issuer)), Reason::WrongIssuer)
}

fn audience(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    let (config, audience) = (evidence.config, &evidence.claims.aud);
    // Only a version 1.0 token carries another name than the client id: of version 2.0 it would be accepted.
    let reason = if config.is_named(audience) { Reason::UnsupportedVersion } else { Reason::WrongAudience };
    must(config.audiences.contains(audience), reason)
}

fn tenant(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    must(evidence.claims.tid == evidence.config.tenant, Reason::WrongTenant)
}

fn not_before(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    begun(evidence.claims.nbf, evidence.now)
}

fn expiry(evidence: &Evidence<'_>) -> Result<(), InvalidToken> {
    unexpired(evidence.claims.exp, evidence.now)
}

fn begun(nbf: Timestamp, now: Timestamp) -> Result<(), InvalidToken> {
    if nbf.duration_since(now) > LEEWAY {
        return Err(InvalidToken::at(Reason::NotYetValid, nbf));
    }
    Ok(())
}

fn unexpired(exp: Timestamp, now: Timestamp) -> Result<(), InvalidToken> {
    if now.duration_since(exp) >= LEEWAY {
        return Err(InvalidToken::at(Reason::Expired, exp));
    }
    Ok(())
}

fn must(holds: bool, reason: Reason) -> Result<(), InvalidToken> {
    if holds { Ok(()) } else { Err(reason.into()) }
}

/// Tells users from applications, and both from what is not an access token.
///
/// ID tokens carry neither `azp` nor `appid`. `idtyp` is the test Microsoft names for app-only tokens, but a
/// token has it only if the registration asks for it; without it, a user's token is one with `scp`.
pub(crate) fn principal(claims: Claims) -> Result<Principal, InvalidToken> {
    let client = claims.client.ok_or(Reason::NotAnAccessToken)?;
    let app_only = match claims.idtyp.as_deref() {
        Some("app") => true,
        Some("user") => false,
        None if claims.scopes.is_some() => false,
        None if claims.roles.is_some() => true,
        None | Some(_) => return Err(Reason::NotAnAccessToken.into()),
    };
    let oid = claims.oid.ok_or(Reason::MissingClaim)?;
    Ok(Principal::new(claims, oid, client, app_only))
}
