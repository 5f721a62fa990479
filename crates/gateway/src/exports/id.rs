//! What an export is called: by which process, and which one. Nobody guesses it.

use std::fmt;
use std::str::FromStr;

use super::random;

/// Bytes that say which process made it: enough that no two replicas have the same.
const MAKER_BYTES: usize = 4;
/// Bytes that nobody guesses.
const SECRET_BYTES: usize = 16;

/// The process that an export was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Maker([u8; MAKER_BYTES]);

impl Maker {
    pub(super) fn new() -> Option<Self> {
        random().map(Self)
    }
}

/// An export's id: `a1b2c3d4-` and 32 digits, all hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ExportId {
    pub(super) maker: Maker,
    secret: [u8; SECRET_BYTES],
}

impl ExportId {
    pub(super) fn new(maker: Maker) -> Option<Self> {
        Some(Self { maker, secret: random()? })
    }

    /// All of it, to bind what belongs to this export.
    pub(super) fn bytes(&self) -> [u8; MAKER_BYTES + SECRET_BYTES] {
        let mut bytes = [0; MAKER_BYTES + SECRET_BYTES];
        bytes[..MAKER_BYTES].copy_from_slice(&self.maker.0);
        bytes[MAKER_BYTES..].copy_from_slice(&self.secret);
        bytes
    }
}

impl fmt::Display for ExportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", hex(&self.maker.0), hex(&self.secret))
    }
}

impl fmt::Debug for ExportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExportId {
    type Err = NoExportId;

    /// One way to write each: what is written otherwise is none.
    fn from_str(text: &str) -> Result<Self, NoExportId> {
        let (maker, secret) = text.split_once('-').ok_or(NoExportId)?;
        Ok(Self { maker: Maker(unhex(maker).ok_or(NoExportId)?), secret: unhex(secret).ok_or(NoExportId)? })
    }
}

/// A text that is no export's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an export_id is eight digits, a hyphen and 32 digits, all hexadecimal, as cost_export told it")]
pub(crate) struct NoExportId;

/// Bytes in hexadecimal, lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes that a text is in hexadecimal, if it is so many in lower case.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_in_no_other_way() {
        let id = ExportId::new(Maker::new().unwrap()).unwrap();
        let text = id.to_string();
        assert_eq!(text.len(), 41);
        assert_eq!(text.parse(), Ok(id));
        let (maker, secret) = text.split_once('-').unwrap();
        let longer = format!("{text}0");
        let cased = format!("{maker}-{}", secret.replace(|c: char| c.is_ascii_digit(), "A"));
        for bad in
            ["", "-", maker, secret, &longer, &text[..40], &cased, "../../etc/passwd", &format!("{text}/..")]
        {
            assert_eq!(bad.parse::<ExportId>(), Err(NoExportId), "{bad}");
        }
    }

    #[test]
    fn no_two_ids_are_the_same() {
        let maker = Maker::new().unwrap();
        assert_ne!(ExportId::new(maker), ExportId::new(maker));
        assert_ne!(Maker::new(), Maker::new());
    }
}
