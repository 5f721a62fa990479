//! Files that are compressed by themselves, as a report is that says `compressData`.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::error::Error;

/// What a gzip file begins with (RFC 1952 §2.3.1). No CSV of Azure's does.
const MAGIC: &[u8] = b"\x1f\x8b";

/// A file as it was before it was compressed, if it was: its first bytes tell, whatever the manifest says.
///
/// # Errors
/// [`Error::TooLarge`] beyond `most_bytes`, which are counted as they come: a small file can hold very many.
pub(super) fn unpacked(file: &[u8], most_bytes: u64) -> Result<Cow<'_, [u8]>, Error> {
    if !file.starts_with(MAGIC) {
        return Ok(Cow::Borrowed(file));
    }
    let mut text = Vec::new();
    let mut bounded = MultiGzDecoder::new(file).take(most_bytes.saturating_add(1));
    bounded
        .read_to_end(&mut text)
        .map_err(|_| Error::DamagedReport { what: "a file cannot be decompressed" })?;
    let bytes = text.len() as u64;
    if bytes > most_bytes {
        return Err(Error::TooLarge { bytes, limit: most_bytes });
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GZIP: &[u8] = include_bytes!("../../tests/data/report.csv.gz");

    #[test]
    fn a_file_is_unpacked_within_its_bound() {
        assert_eq!(&*unpacked(b"a,b\n", 1).unwrap(), b"a,b\n");
        let text = unpacked(GZIP, 100).unwrap();
        assert!(text.starts_with(b"Date,Cost\r\n"));
        assert!(matches!(unpacked(GZIP, 10), Err(Error::TooLarge { bytes: 11, limit: 10 })));
        let cut = GZIP.get(..30).unwrap();
        assert_eq!(unpacked(cut, 100).unwrap_err().code(), "report_damaged");
    }
}
