//! A file as text: decompressed where it is compressed, without the byte order mark that it may begin with.

use std::io;
use std::io::{BufRead, BufReader, Cursor, Read as _};

use flate2::bufread::MultiGzDecoder;

use crate::error::Error;
use crate::json::BYTE_ORDER_MARK;

/// What a gzip file begins with (RFC 1952 §2.3.1). No CSV of Azure's does.
const MAGIC: &[u8] = b"\x1f\x8b";
/// What is decompressed at a time, however small the bytes that hold it.
const BUFFER: usize = 64 * 1024;

/// A file under way.
pub(super) type Text<'a> = Box<dyn BufRead + 'a>;

/// A file as it was before it was compressed, if it was: its first bytes tell, whatever the manifest says.
pub(super) fn unpacked<'a>(file: impl BufRead + 'a) -> io::Result<Text<'a>> {
    let (start, file) = peeked(file, MAGIC.len())?;
    if start != MAGIC {
        return Ok(Box::new(file));
    }
    Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))))
}

/// The file behind its byte order mark, and whether there was one.
pub(super) fn unmarked(file: Text<'_>) -> io::Result<(bool, Text<'_>)> {
    let (start, mut file) = peeked(file, BYTE_ORDER_MARK.len())?;
    let marked = start == BYTE_ORDER_MARK;
    if marked {
        file.consume(BYTE_ORDER_MARK.len());
    }
    Ok((marked, Box::new(file)))
}

/// A file that was looked into, and still has all its bytes.
type Whole<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// The first bytes of a file.
fn peeked<'a, R: BufRead + 'a>(mut file: R, count: usize) -> io::Result<(Vec<u8>, Whole<R>)> {
    let mut start = Vec::with_capacity(count);
    file.by_ref().take(count as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(file)))
}

/// What is wrong with a file that cannot be read. What broke on the network never comes here.
pub(super) fn unreadable(_: io::Error) -> Error {
    Error::DamagedReport { what: "a file cannot be decompressed" }
}
