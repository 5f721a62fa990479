//! Sealing: what stands on the disk is read by the process that wrote it, as long as it keeps the export, and by nobody else.
//!
//! A file is chunks, each sealed with AES-256-GCM (NIST SP 800-38D) under a key that this one export has, which was never
//! anywhere but in this process and goes with the export. The nonce counts the chunks and says which one is the last, as STREAM
//! does (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015): so no nonce comes twice under a key, and what was cut, moved
//! or taken from another file does not open. The export's id is bound as associated data, too.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::id::ExportId;
use super::random;

/// Bytes of a chunk before it is sealed.
pub(super) const CHUNK: usize = 64 * 1024;
/// What sealing adds to each chunk.
pub(super) const TAG: usize = 16;
const KEY_BYTES: usize = 32;

/// What one export is sealed with.
pub(super) struct Seal {
    key: LessSafeKey,
    of: ExportId,
}

/// A chunk's place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) number: u64,
    pub(super) is_last: bool,
}

/// What stands on the disk is not what was written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed file of an export is damaged")]
pub(super) struct Damaged;

impl Seal {
    /// A new key, for this export alone; `None` where the system has no randomness.
    pub(super) fn new(of: ExportId) -> Option<Self> {
        let bytes = Zeroizing::new(random::<KEY_BYTES>()?);
        Some(Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*bytes).ok()?), of })
    }

    /// Seals a chunk where it is; its tag comes behind it.
    pub(super) fn close(&self, chunk: Chunk, text: &mut Vec<u8>) -> Result<(), Damaged> {
        self.key.seal_in_place_append_tag(nonce(chunk), self.bound(chunk), text).map_err(|_| Damaged)
    }

    /// Opens a chunk where it is.
    pub(super) fn open(&self, chunk: Chunk, sealed: &mut Vec<u8>) -> Result<(), Damaged> {
        let length =
            self.key.open_in_place(nonce(chunk), self.bound(chunk), sealed).map_err(|_| Damaged)?.len();
        sealed.truncate(length);
        Ok(())
    }

    fn bound(&self, chunk: Chunk) -> Aad<Vec<u8>> {
        let number = chunk.number.to_be_bytes();
        Aad::from([&self.of.bytes()[..], &number, &[u8::from(chunk.is_last)]].concat())
    }
}

/// How many chunks so many bytes are. Nothing at all is one, too.
pub(super) fn chunks(size: u64) -> u64 {
    size.div_ceil(CHUNK as u64).max(1)
}

fn nonce(Chunk { number, is_last }: Chunk) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[NONCE_LEN - 1] = u8::from(is_last);
    Nonce::assume_unique_for_key(bytes)
}
