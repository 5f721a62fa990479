//! Sealing: what stands in Redis can be read, and made, by brokers only.
//!
//! Values are sealed with AES-256-GCM (NIST SP 800-38D) under a random nonce. The envelope names its key, so keys can
//! be rotated; what the value is for, and where it belongs, is associated data, so a value moved to another place
//! does not open. Names are HMAC-SHA256 (RFC 2104), so that nobody who reads Redis can tell whose an entry is. Tags are
//! too, under a key of their own: what must be a broker's word, and need not be hidden, carries one.
//!
//! A random nonce of 96 bits is good for 2^32 values under one key: rotate monthly, and stay far below.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::cache::key::length_prefixed;

/// The first byte of an envelope.
const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const MAX_KEY_ID_BYTES: usize = 32;
/// Bytes of a name: enough that no two users ever share one.
const NAME_BYTES: usize = 18;
/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 32;

/// The keys of the cache key file.
pub(crate) struct SealingKeys {
    names: hmac::Key,
    tags: hmac::Key,
    seal_with: String,
    keys: BTreeMap<String, RandomizedNonceKey>,
}

/// Why an envelope does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// It was sealed with a key that is not, or no longer, in the file.
    UnknownKey,
    /// It is not one of ours, is damaged, or belongs to another place.
    Forged,
}

impl OpenError {
    /// The name in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
        }
    }
}

impl SealingKeys {
    /// Parses a key file: TOML with `names`, `seal_with` and a table `keys`, each key 32 bytes in base64.
    ///
    /// # Errors
    /// [`KeyFileError`] names the entry, never its value.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, KeyFileError> {
        let text = str::from_utf8(content).map_err(|_| KeyFileError::NotText)?;
        // Only the place is told: the message of a TOML error quotes the line, and with it a key.
        let file: KeyFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            KeyFileError::Toml { line }
        })?;
        if !file.keys.contains_key(&file.seal_with) {
            return Err(KeyFileError::NoSuchKey { id: file.seal_with });
        }
        let names = decode("names", &file.names)?;
        let mut keys = BTreeMap::new();
        for (id, key) in &file.keys {
            if id.is_empty() || id.len() > MAX_KEY_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(KeyFileError::KeyId);
            }
            let bytes = decode(id, key)?;
            if bytes == names {
                return Err(KeyFileError::UsedTwice { entry: id.clone() });
            }
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes)
                .map_err(|_| KeyFileError::Length { entry: id.clone() })?;
            keys.insert(id.clone(), key);
        }
        let names = hmac::Key::new(hmac::HMAC_SHA256, &names);
        let tags =
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&names, &length_prefixed(&[b"tags"])).as_ref());
        Ok(Self { names, tags, seal_with: file.seal_with, keys })
    }

    /// Seals `plaintext` for the place that `context` describes.
    pub(crate) fn seal(&self, context: &[&[u8]], plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.get(&self.seal_with)?;
        let mut sealed = plaintext.to_vec();
        let aad = Aad::from(associated(&self.seal_with, context));
        let nonce = key.seal_in_place_append_tag(aad, &mut sealed).ok()?;
        let mut envelope = Vec::with_capacity(2 + self.seal_with.len() + NONCE_LEN + sealed.len());
        envelope.push(VERSION);
        envelope.push(u8::try_from(self.seal_with.len()).ok()?);
        envelope.extend_from_slice(self.seal_with.as_bytes());
        envelope.extend_from_slice(nonce.as_ref());
        envelope.extend_from_slice(&sealed);
        Some(envelope)
    }

    /// Opens an envelope that was sealed for the place that `context` describes.
    ///
    /// # Errors
    /// [`OpenError`]; in both cases there is nothing at that place.
    pub(crate) fn open(&self, context: &[&[u8]], envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (id, nonce, sealed) = take_apart(envelope).ok_or(OpenError::Forged)?;
        let key = self.keys.get(id).ok_or(OpenError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Forged)?;
        let mut plaintext = Zeroizing::new(sealed.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(associated(id, context)), &mut plaintext)
            .map_err(|_| OpenError::Forged)?
            .len();
        plaintext.truncate(length);
        Ok(plaintext)
    }

    /// The name of something in Redis. It tells nothing of `what`, and is the same on every replica.
    pub(crate) fn name(&self, what: &[&[u8]]) -> String {
        let tag = hmac::sign(&self.names, &length_prefixed(what));
        BASE64_URL_SAFE_NO_PAD.encode(&tag.as_ref()[..NAME_BYTES])
    }

    /// Makes `what` a broker's word. The key comes from that of the names, so a tag outlasts every rotation.
    pub(crate) fn tag(&self, what: &[&[u8]]) -> Vec<u8> {
        hmac::sign(&self.tags, &length_prefixed(what)).as_ref().to_vec()
    }

    /// Whether `tag` makes `what` a broker's word.
    pub(crate) fn is_tagged(&self, what: &[&[u8]], tag: &[u8]) -> bool {
        hmac::verify(&self.tags, &length_prefixed(what), tag).is_ok()
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.keys().collect();
        f.debug_struct("SealingKeys")
            .field("seal_with", &self.seal_with)
            .field("keys", &ids)
            .finish_non_exhaustive()
    }
}

/// A key file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("it is not UTF-8 text")]
    NotText,
    #[error(
        "line {line} is not as expected: `names = \"…\"`, `seal_with = \"ID\"`, and under [keys] `ID = \"…\"`"
    )]
    Toml { line: usize },
    #[error("`seal_with` is `{id}`, and there is no such entry under [keys]")]
    NoSuchKey { id: String },
    #[error("an id under [keys] is empty, has a space in it, or more than 32 characters")]
    KeyId,
    #[error("`{entry}` is not 32 bytes in base64: make it with `openssl rand -base64 32`")]
    Length { entry: String },
    #[error("`names` has changed, and must not while the broker runs: to change it, stop all replicas first")]
    NamesChanged,
    #[error("`{entry}` and `names` are the same key: make each by itself")]
    UsedTwice { entry: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    names: Zeroizing<String>,
    seal_with: String,
    keys: BTreeMap<String, Zeroizing<String>>,
}

fn decode(entry: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let length = || KeyFileError::Length { entry: entry.to_owned() };
    let bytes = BASE64_STANDARD.decode(text.trim()).map(Zeroizing::new).map_err(|_| length())?;
    if bytes.len() == KEY_BYTES { Ok(bytes) } else { Err(length()) }
}

fn associated(key_id: &str, context: &[&[u8]]) -> Vec<u8> {
    let mut parts = vec![&[VERSION][..], key_id.as_bytes()];
    parts.extend_from_slice(context);
    length_prefixed(&parts)
}

fn take_apart(envelope: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (&version, rest) = envelope.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(usize::from(length))?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
    (version == VERSION).then_some((str::from_utf8(id).ok()?, nonce, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> String {
        BASE64_STANDARD.encode([byte; 32])
    }

    fn file(seal_with: &str, ids: &[(&str, u8)]) -> String {
        let keys: Vec<_> = ids.iter().map(|(id, byte)| format!("{id} = \"{}\"\n", key(*byte))).collect();
        let keys = keys.concat();
        format!("names = \"{}\"\nseal_with = \"{seal_with}\"\n[keys]\n{keys}", key(99))
    }

    fn keys(seal_with: &str, ids: &[(&str, u8)]) -> SealingKeys {
        SealingKeys::parse(file(seal_with, ids).as_bytes()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let keys = keys("a", &[("a", 1)]);
        let envelope = keys.seal(&[b"entry", b"place"], b"secret").unwrap();
        assert!(!envelope.windows(6).any(|window| window == b"secret"));
        assert_eq!(&**keys.open(&[b"entry", b"place"], &envelope).unwrap(), b"secret");
        for elsewhere in [&[&b"entry"[..], b"other"], &[b"entr", b"yplace"], &[b"purge", b"place"]] {
            assert_eq!(keys.open(elsewhere, &envelope), Err(OpenError::Forged));
        }
    }

    #[test]
    fn a_change_of_any_byte_is_seen() {
        let keys = keys("a", &[("a", 1), ("b", 2)]);
        let envelope = keys.seal(&[b"place"], b"secret").unwrap();
        for index in 0..envelope.len() {
            let mut changed = envelope.clone();
            changed[index] ^= 3;
            assert!(keys.open(&[b"place"], &changed).is_err(), "byte {index}");
            assert!(keys.open(&[b"place"], &envelope[..index]).is_err(), "cut at {index}");
        }
        assert_eq!(keys.open(&[b"place"], b""), Err(OpenError::Forged));
    }

    #[test]
    fn keys_rotate_through_a_file_that_holds_both() {
        let (old, both, new) =
            (keys("a", &[("a", 1)]), keys("b", &[("a", 1), ("b", 2)]), keys("b", &[("b", 2)]));
        let (by_old, by_new) = (old.seal(&[], b"x").unwrap(), both.seal(&[], b"x").unwrap());
        assert!(both.open(&[], &by_old).is_ok());
        assert!(new.open(&[], &by_new).is_ok());
        assert_eq!(new.open(&[], &by_old), Err(OpenError::UnknownKey));
        assert_eq!(old.open(&[], &by_new), Err(OpenError::UnknownKey));
        // An envelope that claims another key's id does not open with it.
        let mut swapped = by_new.clone();
        swapped[2] = b'a';
        assert_eq!(both.open(&[], &swapped), Err(OpenError::Forged));
    }

    #[test]
    fn names_depend_on_their_own_key_and_not_on_rotation() {
        let (old, new) = (keys("a", &[("a", 1)]), keys("b", &[("b", 2)]));
        assert_eq!(old.name(&[b"user"]), new.name(&[b"user"]));
        assert_ne!(old.name(&[b"user"]), old.name(&[b"resu"]));
        let other = file("a", &[("a", 1)]).replace(&key(99), &key(98));
        assert_ne!(SealingKeys::parse(other.as_bytes()).unwrap().name(&[b"user"]), old.name(&[b"user"]));
    }

    #[test]
    fn a_tag_is_of_one_thing_and_outlasts_every_rotation() {
        let (old, new) = (keys("a", &[("a", 1)]), keys("b", &[("b", 2)]));
        let tag = old.tag(&[b"lease", b"place"]);
        assert_eq!(tag.len(), TAG_BYTES);
        assert!(new.is_tagged(&[b"lease", b"place"], &tag));
        for other in [&[&b"lease"[..], b"other"], &[b"leas", b"eplace"], &[b"heartbeat", b"place"]] {
            assert!(!new.is_tagged(other, &tag));
        }
        assert!(
            !new.is_tagged(&[b"lease", b"place"], &tag[..31]) && !new.is_tagged(&[b"lease", b"place"], b"")
        );
        // Names are for everybody to read: none of them is the beginning of a tag.
        assert_ne!(old.name(&[b"lease", b"place"]), BASE64_URL_SAFE_NO_PAD.encode(&tag[..NAME_BYTES]));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_by_entry_and_never_quoted() {
        let good = file("a", &[("a", 1)]);
        let secret = key(1);
        for (text, expected) in [
            (
                good.replace("seal_with = \"a\"", "seal_with = \"z\""),
                KeyFileError::NoSuchKey { id: "z".into() },
            ),
            (good.replace(&secret, "c2hvcnQ="), KeyFileError::Length { entry: "a".into() }),
            (good.replace(&secret, "not base64 at all"), KeyFileError::Length { entry: "a".into() }),
            (good.replace(&key(99), &secret), KeyFileError::UsedTwice { entry: "a".into() }),
            (good.replace("a = ", "\"a b\" = "), KeyFileError::NoSuchKey { id: "a".into() }),
            (format!("{good}{secret}"), KeyFileError::Toml { line: 5 }),
            ("[keys]\n".to_owned(), KeyFileError::Toml { line: 1 }),
        ] {
            let error = SealingKeys::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains(&secret[..8]));
        }
        assert_eq!(SealingKeys::parse(b"\xff").unwrap_err(), KeyFileError::NotText);
        let with = |id: &str| SealingKeys::parse(file("a", &[("a", 1), (id, 2)]).as_bytes());
        for id in ["\"\"", "\"a b\"", &"i".repeat(33)] {
            assert_eq!(with(id).unwrap_err(), KeyFileError::KeyId, "{id}");
        }
        assert!(with(&"i".repeat(32)).is_ok());
        assert!(format!("{:?}", with("b").unwrap()).contains(r#"seal_with: "a", keys: ["a", "b"]"#));
        assert!(!format!("{:?}", keys("a", &[("a", 1)])).contains(&secret[..8]));
    }
}
