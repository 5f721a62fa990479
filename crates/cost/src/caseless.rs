//! Texts that are one whatever case they are written in: Azure writes resource groups and providers in both
//! (<https://github.com/opencost/opencost/issues/2275>), and ignores case in names.

/// The text in small letters.
pub(crate) fn small(text: &str) -> String {
    let mut small = String::with_capacity(text.len());
    append(text, &mut small);
    small
}

/// The same behind what is there.
pub(crate) fn append(text: &str, small: &mut String) {
    if text.is_ascii() {
        let start = small.len();
        small.push_str(text);
        small[start..].make_ascii_lowercase();
    } else {
        small.extend(chars(text));
    }
}

fn chars(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether two texts differ in case at most.
pub(crate) fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    chars(one).eq(chars(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_all_that_may_differ() {
        assert!(same("Ärger-RG", "äRGER-rg"));
        assert!(!same("a", "a "));
        assert!(!same("a", ""));
        // The sign of the kelvin is a large k.
        assert!(same("\u{212a}", "k") && small("A\u{212a}") == "ak");
    }
}
