//! Signed links to the parts of cost details reports: Cost Management makes them, blob storage proves them.
//!
//! Must not know either of the two, nor what stands in a part.

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use crate::error::StartError;
use crate::world::World;

/// How long a signed link works.
pub(crate) const LINK_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// Makes and proves links, with a key of its own.
pub(crate) struct Links {
    key: hmac::Key,
}

impl Links {
    pub(crate) fn new() -> Result<Self, StartError> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| StartError::Key)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// The link to part `at` of a report, signed for [`LINK_LIFETIME`].
    pub(crate) fn sign(&self, world: &World, operation: &str, at: usize) -> String {
        let path = format!("/armreports/{operation}/part_{at}.csv");
        let expires = (world.clock.now() + LINK_LIFETIME).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let signature = STANDARD.encode(hmac::sign(&self.key, signed_text(&path, &expires).as_bytes()));
        world.secrets.remember(&signature);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let pairs = [
            ("sv", "2020-05-31"),
            ("spr", "https"),
            ("se", &expires),
            ("sr", "b"),
            ("sp", "r"),
            ("sig", &signature),
        ];
        let query = query.extend_pairs(pairs).finish();
        // The signature as it stands in the URL is a credential too.
        if let Some((_, encoded)) = query.rsplit_once("sig=") {
            world.secrets.remember(encoded);
        }
        format!("{}{path}?{query}", world.endpoints.blob_url())
    }

    /// Whether `query` holds a signature of `path`, and one that is still good.
    pub(crate) fn prove(&self, path: &str, query: &str, now: Timestamp) -> Proof {
        let get = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v)
        };
        let (Some(expires), Some(signature)) = (get("se"), get("sig")) else { return Proof::Unsigned };
        let given = STANDARD.decode(signature.as_bytes()).unwrap_or_default();
        match hmac::verify(&self.key, signed_text(path, &expires).as_bytes(), &given) {
            Err(_) => Proof::Unsigned,
            Ok(()) if expires.parse::<Timestamp>().is_ok_and(|expires| expires > now) => Proof::Good,
            Ok(()) => Proof::Expired,
        }
    }
}

/// What a link is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Good,
    Expired,
    Unsigned,
}

fn signed_text(path: &str, expires: &str) -> String {
    format!("r\n{expires}\n{path}")
}
