//! The claims of a token as types. Reading them is not a judgement: `validate` holds the rules.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{InvalidToken, Reason};
use crate::ids::{ClientId, ObjectId, TenantId};
use crate::scope::ScopeSet;

/// The most entries of one list: scopes, roles, authentication contexts, capabilities.
///
/// The API's own registration defines scopes and roles, here three in all; the longest list Entra ID writes is that of
/// 200 groups, which a registration may have written as roles; authentication contexts end at 99. What is beyond that
/// costs each check of each later call, and the memory in which a proved token is remembered.
pub(crate) const MAX_LISTED: usize = 256;

/// The versions of Entra ID access tokens, each with metadata of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

impl TokenVersion {
    /// Reads `ver`, which says whose metadata holds for the token, whatever endpoint issued it.
    ///
    /// # Errors
    /// [`Reason::UnsupportedVersion`] for any other, and where there is none.
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Self, InvalidToken> {
        match map.get("ver").and_then(Value::as_str) {
            Some("1.0") => Ok(Self::V1),
            Some("2.0") => Ok(Self::V2),
            _ => Err(Reason::UnsupportedVersion.into()),
        }
    }
}

/// Claims of an Entra ID access token (Microsoft: "Access token claims reference"). Only
/// `oid` and `client` may be missing here, because their absence has a meaning of its own.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) tid: TenantId,
    pub(crate) nbf: Timestamp,
    pub(crate) exp: Timestamp,
    pub(crate) oid: Option<ObjectId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) idtyp: Option<String>,
    pub(crate) acrs: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) uti: Option<String>,
}

impl Claims {
    /// Reads the claims.
    ///
    /// # Errors
    /// [`Reason::MissingClaim`] for one that every token has, [`Reason::SeveralAudiences`] for a list as `aud`,
    /// [`Reason::Malformed`] for a wrong type, [`Reason::TooManyValues`] for a list of more than [`MAX_LISTED`].
    pub(crate) fn read(map: &Map<String, Value>) -> Result<Self, InvalidToken> {
        Ok(Self {
            iss: required(text(map, "iss")?)?,
            aud: audience(map)?,
            tid: required(id(map, "tid")?)?,
            nbf: required(time(map, "nbf")?)?,
            exp: required(time(map, "exp")?)?,
            oid: id(map, "oid")?,
            // Version 2.0 tokens name the client `azp`, version 1.0 tokens `appid`.
            client: id(map, "azp")?.or(id(map, "appid")?),
            scopes: scopes(map)?,
            roles: map.contains_key("roles").then(|| list(map, "roles")).transpose()?,
            idtyp: text(map, "idtyp")?,
            acrs: list(map, "acrs")?,
            capabilities: list(map, "xms_cc")?,
            uti: text(map, "uti")?,
        })
    }
}

fn required<T>(claim: Option<T>) -> Result<T, InvalidToken> {
    claim.ok_or_else(|| Reason::MissingClaim.into())
}

/// RFC 7519 section 4.1.3 allows a list; Entra ID never writes one, and what is not written is not read.
fn audience(map: &Map<String, Value>) -> Result<String, InvalidToken> {
    if map.get("aud").is_some_and(Value::is_array) {
        return Err(Reason::SeveralAudiences.into());
    }
    required(text(map, "aud")?)
}

fn text(map: &Map<String, Value>, name: &str) -> Result<Option<String>, InvalidToken> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Reason::Malformed.into()),
    }
}

fn id<T: std::str::FromStr>(map: &Map<String, Value>, name: &str) -> Result<Option<T>, InvalidToken> {
    text(map, name)?.map(|text| text.parse().map_err(|_| Reason::Malformed.into())).transpose()
}

fn time(map: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, InvalidToken> {
    let Some(value) = map.get(name) else { return Ok(None) };
    let seconds = value.as_i64().ok_or(Reason::Malformed)?;
    Timestamp::from_second(seconds).map(Some).map_err(|_| Reason::Malformed.into())
}

fn scopes(map: &Map<String, Value>) -> Result<Option<ScopeSet>, InvalidToken> {
    let Some(scp) = text(map, "scp")? else { return Ok(None) };
    bounded(scp.split_ascii_whitespace().take(MAX_LISTED + 1).count())?;
    Ok(Some(ScopeSet::parse(&scp)))
}

/// An array of strings; older tokens carry a single string where newer ones carry an array (`acrs`).
fn list(map: &Map<String, Value>, name: &str) -> Result<Vec<String>, InvalidToken> {
    let text = |v: &Value| v.as_str().map(str::to_owned).ok_or(InvalidToken::from(Reason::Malformed));
    match map.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            bounded(items.len())?;
            items.iter().map(text).collect()
        }
        Some(single) => Ok(vec![text(single)?]),
    }
}

fn bounded(entries: usize) -> Result<(), InvalidToken> {
    if entries > MAX_LISTED { Err(Reason::TooManyValues.into()) } else { Ok(()) }
}
