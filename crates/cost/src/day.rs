//! Days as Azure's reports write them: `11/30/2026` in most, `2026-11-30` in some, with or without an hour.

use jiff::civil::Date;

/// A day, and the hour that stands behind it, which is mostly nothing. `None` is no day.
pub(crate) fn read(text: &str) -> Option<(Date, &str)> {
    let (day, hour) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let mut parts = day.splitn(3, ['/', '-']);
    let parts = [parts.next()?, parts.next()?, parts.next()?];
    let [year, month, day] = if day.contains('/') { [parts[2], parts[0], parts[1]] } else { parts };
    if year.len() != 4 {
        return None;
    }
    Some((Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?, hour))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_read_in_both_forms_with_what_stands_behind() {
        for (text, hour) in [
            ("11/03/2026", ""),
            ("11/3/2026", ""),
            ("11/03/2026 00:00:00", "00:00:00"),
            ("2026-11-03", ""),
            ("2026-11-03T12:00:00Z", "12:00:00Z"),
        ] {
            assert_eq!(read(text), Some((date(2026, 11, 3), hour)), "{text}");
        }
        for text in ["", "13/03/2026", "3.11.2026", "11/03", "11/03/2026/1", "11/03/26", "2026-13-01", "x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
