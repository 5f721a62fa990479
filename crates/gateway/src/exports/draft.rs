//! An export while it is written: all of it becomes an export, or nothing does.

use std::io::{self, Write};

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::fault::ExportFault;
use super::id::hex;
use super::seal::{CHUNK, Chunk, TAG};
use super::sealed::Sealed;
use super::shelf::Seat;
use super::{About, Exports, Kept};

/// What is written into. Writing blocks: it is for a thread of its own. Dropped before it is finished, it leaves nothing.
pub(crate) struct Draft {
    exports: Exports,
    seat: Seat,
    sealed: Sealed,
    /// At most one chunk, with room for its tag: it never moves, so no copy of what was in it stays behind.
    chunk: Zeroizing<Vec<u8>>,
    chunks: u64,
    size: u64,
    digest: digest::Context,
    /// Why nothing more is taken.
    fault: Option<ExportFault>,
}

impl Draft {
    pub(super) fn new(exports: Exports, seat: Seat, sealed: Sealed) -> Self {
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
        let digest = digest::Context::new(&digest::SHA256);
        Self { exports, seat, sealed, chunk, chunks: 0, size: 0, digest, fault: None }
    }

    /// Makes an export of what was written.
    ///
    /// # Errors
    /// When some of it could not be kept: then nothing is.
    pub(crate) fn finish(mut self, about: About) -> Result<Kept, ExportFault> {
        self.seal(true)?;
        let Self { exports, seat, sealed, size, digest, .. } = self;
        let digest = digest.finish();
        let sha256 = hex(digest.as_ref());
        let expires_at = exports.expiry();
        let kept = Kept { id: seat.id(), size, sha256, expires_at, about };
        seat.keep(kept.clone(), sealed);
        Ok(kept)
    }

    fn seal(&mut self, is_last: bool) -> Result<(), ExportFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let chunk = Chunk { number: self.chunks, is_last };
        if let Err(fault) = self.sealed.append(chunk, &mut self.chunk) {
            let fault = self.exports.told(fault);
            self.fault = Some(fault.clone());
            return Err(fault);
        }
        self.chunks += 1;
        self.chunk.clear();
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only when more comes is it known that a full chunk is not the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        let bytes = &bytes[..taken];
        self.chunk.extend_from_slice(bytes);
        self.digest.update(bytes);
        self.size += taken as u64;
        Ok(taken)
    }

    /// Nothing is seen before all of it is there.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
