//! Days that a column of days can hold.

use jiff::civil::Date;

use crate::day::read;

/// A day. `None` is no day, or one with an hour other than midnight.
pub(super) fn day(text: &str) -> Option<Date> {
    let (day, hour) = read(text.trim())?;
    let midnight = hour.trim_end_matches('Z').bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    midnight.then_some(day)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_read_in_both_forms() {
        for text in
            ["11/03/2026", "11/3/2026", "2026-11-03", "2026-11-03T00:00:00Z", "2026-11-03 00:00:00.000"]
        {
            assert_eq!(day(text), Some(date(2026, 11, 3)), "{text}");
        }
        for text in ["", "13/03/2026", "2026-11-03T12:00:00Z", "3.11.2026", "11/03", "11/03/2026/1", "x"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
