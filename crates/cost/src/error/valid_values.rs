//! The list of valid names in a message, where there is one.

/// More names than this are not list of dimensions.
const MOST: usize = 500;

/// The names of `…; valid values: 'A','B',''.`, which Azure adds where a dimension does not exist for an agreement:
/// <https://github.com/Azure/azure-rest-api-specs/issues/36332>.
pub(super) fn in_message(message: &str) -> Vec<String> {
    const START: &str = "valid values:";
    let Some((_, list)) = message.split_once(START) else { return Vec::new() };
    let mut names = Vec::new();
    let mut rest = list.trim_start();
    while let Some((name, behind)) = rest.strip_prefix('\'').and_then(|open| open.split_once('\'')) {
        if !name.is_empty() && names.len() < MOST {
            names.push(name.to_owned());
        }
        match behind.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => break,
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_the_message() {
        let message = "Invalid query definition: Invalid dataset grouping: 'X'; valid values: 'A', 'B c','D',''.\r\n\r\n (Request ID: 1)";
        assert_eq!(in_message(message), ["A", "B c", "D"]);
        for none in ["", "valid values:", "valid values: A, B", "valid values: 'A", "grouping: 'X'"] {
            assert!(in_message(none).is_empty(), "{none}");
        }
    }
}
