//! Text of a record: short, printable, and marked where it was cut.

use serde::{Serialize, Serializer};

/// The longest text, in bytes. A record has about ten, so it stays below its limit of 8 KiB even where each letter of
/// each text must be escaped.
const MAX_BYTES: usize = 256;
/// Stands at the end of a text that was longer.
const CUT: char = '…';

/// A text for a record. What is longer than 256 bytes is cut and ends in `…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// Takes a text; a control character becomes a space.
    pub fn new(text: &str) -> Self {
        let mut kept = String::with_capacity(text.len().min(MAX_BYTES));
        for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
            if kept.len() + letter.len_utf8() > MAX_BYTES {
                return Self::cut(kept);
            }
            kept.push(letter);
        }
        Self(kept)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn cut(mut kept: String) -> Self {
        while kept.len() + CUT.len_utf8() > MAX_BYTES {
            kept.pop();
        }
        kept.push(CUT);
        Self(kept)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_is_cut_at_a_letter_and_marked() {
        assert_eq!(Text::new("cost_export").as_str(), "cost_export");
        assert_eq!(Text::new(&"a".repeat(256)).as_str(), "a".repeat(256));
        assert_eq!(Text::new(&"a".repeat(257)).as_str(), format!("{}…", "a".repeat(253)));
        // Two bytes each: the mark takes three, and no letter is taken apart.
        assert_eq!(Text::new(&"ä".repeat(200)).as_str(), format!("{}…", "ä".repeat(126)));
        assert_eq!(Text::new("a\nb\u{7f}").as_str(), "a b ");
    }
}
