//! The parameters of a request, from a query or from a form, read so that there is one way to read them: each once, its
//! percent-encoding whole, and its text in UTF-8 without control characters.

use zeroize::Zeroizing;

use super::fault::Fault;

/// The longest query or body. A claims request and a refresh token fit several times.
pub(super) const MAX_BYTES: usize = 8 * 1024;
/// More than any client sends.
const MOST: usize = 32;

/// Parameters by name. They hold credentials: there is no `Debug`, and they are wiped.
pub(super) struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// One stands twice, or is not written as it must be.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::TooLarge);
        }
        let mut read = Self(Vec::new());
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(split);
            let name = decoded(name)?;
            if read.0.iter().any(|(known, _)| *known == *name) {
                return Err(Fault::Repeated);
            }
            if read.0.len() == MOST {
                return Err(Fault::Malformed);
            }
            read.0.push((name.to_string(), decoded(value.get(1..).unwrap_or_default())?));
        }
        Ok(read)
    }

    /// One without a value is as one that is not there (RFC 6749 section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }
}

fn decoded(text: &[u8]) -> Result<Zeroizing<String>, Fault> {
    // With room for all of it: nothing is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let (digits, behind) = rest.split_at_checked(2).ok_or(Fault::Malformed)?;
                rest = behind;
                hex(digits[0])? << 4 | hex(digits[1])?
            }
            0x21..=0x7e => *first,
            _ => return Err(Fault::Malformed),
        });
    }
    let text = String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new);
    text.ok().filter(|text| !text.chars().any(char::is_control)).ok_or(Fault::Malformed)
}

fn hex(digit: u8) -> Result<u8, Fault> {
    let value = char::from(digit).to_digit(16).ok_or(Fault::Malformed)?;
    u8::try_from(value).map_err(|_| Fault::Malformed)
}
