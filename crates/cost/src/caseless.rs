//! Texts that are one whatever case they are written in: Azure writes resource groups and providers in both
//! (<https://github.com/opencost/opencost/issues/2275>), and ignores case in names.

/// The text in small letters.
pub(crate) fn chars(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether two texts differ in case at most.
pub(crate) fn same(one: &str, other: &str) -> bool {
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
    }
}
