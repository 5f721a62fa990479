//! Units of measure: `100 Hours` is a block of 100 hours. Quantities of a report count hours, prices are of a block.

/// How many of what a price is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The size of the block.
    pub(super) block: u64,
    /// What is counted, in the plural: `Hours`, `GB/Month`.
    pub(super) name: String,
}

/// Where nothing is said.
pub(super) static ONE: Unit = Unit { block: 1, name: String::new() };

/// What follows a number and multiplies it.
const POWERS: [(&str, u64); 4] =
    [("K", 1_000), ("M", 1_000_000), ("B", 1_000_000_000), ("T", 1_000_000_000_000)];

/// Words of Azure's that FOCUS writes otherwise: in the plural, or by another name.
const WORDS: [(&str, &str); 24] = [
    ("", "Units"),
    ("API Calls", "Requests"),
    ("Call", "Calls"),
    ("CallingMinutes", "Minutes"),
    ("Connection", "Connections"),
    ("Day", "Days"),
    ("Device", "Devices"),
    ("GB Hour", "GB Hours"),
    ("GB Second", "GB Seconds"),
    ("GiB Hour", "GiB Hours"),
    ("GiB Second", "GiB Seconds"),
    ("Gb", "GB"),
    ("Hour", "Hours"),
    ("Key", "Keys"),
    ("Minute", "Minutes"),
    ("Minute(s)", "Minutes"),
    ("Month", "Months"),
    ("Node", "Nodes"),
    ("Per Call", "Calls"),
    ("Second", "Seconds"),
    ("Unassigned", "Units"),
    ("Unit", "Units"),
    ("User", "Users"),
    ("VM", "Virtual Machines"),
];

impl Unit {
    /// By its text alone.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, rest) = text.split_at(digits);
        let (power, rest) = power(rest);
        let block = number.parse::<u64>().ok().filter(|block| *block > 0);
        match block.and_then(|block| block.checked_mul(power)) {
            Some(block) => Self { block, name: name(rest) },
            None => Self { block: 1, name: name(text) },
        }
    }
}

/// `K` and the like, where a number of single things ends or a slash or a space follows: in `1 KB` it is no power.
fn power(rest: &str) -> (u64, &str) {
    let found = POWERS.iter().find_map(|(letter, power)| {
        let after = rest.strip_prefix(letter)?;
        after.chars().next().is_none_or(|next| next == '/' || next == ' ').then_some((*power, after))
    });
    found.unwrap_or((1, rest))
}

fn name(rest: &str) -> String {
    let rest = rest.trim();
    let (things, per) = match rest.split_once('/') {
        Some((things, per)) => (things.trim(), Some(per.trim())),
        None => (rest, None),
    };
    let word = WORDS.iter().find(|(word, _)| things.eq_ignore_ascii_case(word));
    let things = word.map_or(things, |(_, written)| written);
    per.map_or_else(|| things.to_owned(), |per| format!("{things}/{per}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_words_are_read() {
        for (text, block, name) in [
            ("1 Hour", 1, "Hours"),
            ("100 Hours", 100, "Hours"),
            ("1 GB/Month", 1, "GB/Month"),
            ("1/Month", 1, "Units/Month"),
            ("10K", 10_000, "Units"),
            ("10K/Month", 10_000, "Units/Month"),
            ("1M", 1_000_000, "Units"),
            ("10K Transactions", 10_000, "Transactions"),
            ("1", 1, "Units"),
            ("1 KB", 1, "KB"),
            ("128 MB", 128, "MB"),
            ("", 1, "Units"),
            ("CallingMinutes", 1, "Minutes"),
            ("0 Hours", 1, "0 Hours"),
            ("99999999999999999999T", 1, "99999999999999999999T"),
        ] {
            assert_eq!(Unit::read(text), Unit { block, name: name.to_owned() }, "{text}");
        }
    }
}
