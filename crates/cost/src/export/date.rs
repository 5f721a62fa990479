//! Days as Azure writes them: `11/30/2026` in most reports, `2026-11-30` in some, with or without an hour.

use jiff::civil::Date;

/// A day. `None` is no day, or one with an hour other than midnight.
pub(super) fn day(text: &str) -> Option<Date> {
    let (day, hour) = text.trim().split_once(['T', ' ']).unwrap_or((text.trim(), ""));
    let midnight = hour.trim_end_matches('Z').bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    if !midnight {
        return None;
    }
    match day.split_once('/') {
        Some((month, rest)) => {
            let (day, year) = rest.split_once('/')?;
            Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
        }
        None => day.parse().ok(),
    }
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
