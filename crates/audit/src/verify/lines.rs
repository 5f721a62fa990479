//! The lines of the files: records that are as they were written, and broken ones.

use std::io::{self, BufRead};

use super::{Place, Told};
use crate::chain::{HASH_MARK, MAX_RECORD_BYTES, Sealed};

/// How much of a broken line is kept, to see whether the next one begins with it.
const KEPT_BYTES: usize = MAX_RECORD_BYTES;
/// What stands behind the mark of the hash: 64 digits, a quote and a brace.
const AFTER_MARK: usize = 66;

/// A line, by the number of its file and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    file: usize,
    line: usize,
}

impl At {
    pub(super) fn is_in_file_of(self, other: Self) -> bool {
        self.file == other.file
    }

    pub(super) const fn file(self) -> usize {
        self.file
    }
}

/// A record that is as it was written.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: At,
    pub(super) sealed: Sealed,
}

/// A line that is not.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: At,
    /// Whether only the beginning of a line is there, and another chain, or nothing, behind it: so a process dies.
    pub(super) torn: bool,
}

/// The lines of all files, each file's in its own order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    files: Vec<String>,
    pub(super) records: Vec<Record>,
    pub(super) broken: Vec<Broken>,
}

impl Lines {
    /// Reads a file to its end.
    pub(super) fn read(&mut self, name: String, mut content: impl BufRead) -> io::Result<()> {
        self.files.push(name);
        let (file, mut line) = (self.files.len() - 1, 0);
        let (mut bytes, mut half): (Vec<u8>, Option<Half>) = (Vec::new(), None);
        while content.read_until(b'\n', &mut bytes)? > 0 {
            line += 1;
            let at = At { file, line };
            let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            if !text.is_empty() {
                let sealed = Sealed::read(text);
                self.settle(half.take(), text, sealed.as_ref());
                match sealed {
                    Some(sealed) => self.records.push(Record { at, sealed }),
                    None => half = Some(Half { at, bytes: text[..text.len().min(KEPT_BYTES)].to_vec() }),
                }
            }
            bytes.clear();
        }
        if let Some(Half { at, bytes }) = half {
            self.broken.push(Broken { at, torn: is_torn(&bytes) });
        }
        Ok(())
    }

    /// Where a line stands, by name.
    pub(super) fn place(&self, at: At) -> Option<Place> {
        Some(Place { file: self.files.get(at.file)?.clone(), line: at.line })
    }

    /// What start records tell of the chains before them.
    pub(super) fn told(&self) -> impl Iterator<Item = Told> {
        self.records
            .iter()
            .filter_map(|record| Some(Told { head: record.sealed.after()?, at: Some(record.at) }))
    }

    /// What a broken line is, now that the next one is known. One that the next begins with was written again, whole.
    fn settle(&mut self, half: Option<Half>, next: &[u8], sealed: Option<&Sealed>) {
        let Some(Half { at, bytes }) = half else { return };
        if sealed.is_some() && next.starts_with(&bytes) {
            return;
        }
        let torn = sealed.is_some_and(|next| next.seq == 0) && is_torn(&bytes);
        self.broken.push(Broken { at, torn });
    }
}

/// A broken line whose next one is not known yet.
struct Half {
    at: At,
    bytes: Vec<u8>,
}

/// Whether a line ends too soon. One whose end is there was whole; one changed byte cannot make the one of the other.
fn is_torn(bytes: &[u8]) -> bool {
    let mark = HASH_MARK.as_bytes();
    let found = bytes.windows(mark.len()).rposition(|window| window == mark);
    let has_hash = found.is_some_and(|at| bytes.len() - at - mark.len() >= AFTER_MARK);
    !has_hash && !bytes.ends_with(b"\"}")
}
