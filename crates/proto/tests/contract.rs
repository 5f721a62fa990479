//! Holds what the contract says in words to what the code does.

#![expect(clippy::unwrap_used, reason = "a test")]

use token_broker_proto::Reason;

const CONTRACT: &str = include_str!("../../../proto/token_broker/v1/token_broker.proto");

/// The table's rows are those comment lines that begin with a code in capitals.
#[test]
fn the_table_of_errors_is_the_one_in_the_code() {
    let written: Vec<(String, String)> = CONTRACT
        .lines()
        .take_while(|line| !line.starts_with("syntax"))
        .filter_map(|line| line.strip_prefix("//   "))
        .map(|row| {
            let mut words = row.split_whitespace().map(str::to_owned);
            (words.next().unwrap_or_default(), words.next().unwrap_or_default())
        })
        .filter(|(code, _)| code.len() > 3 && code.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();

    let coded: Vec<_> =
        Reason::ALL.iter().map(|reason| (name(*reason), reason.as_str().to_owned())).collect();

    assert_eq!(
        written, coded,
        "proto/token_broker/v1/token_broker.proto against `token_broker_proto::Reason`"
    );
}

/// And proto/README.md tells consumers what to do about each.
#[test]
fn the_readme_has_a_row_for_every_reason() {
    let readme = include_str!("../../../proto/README.md");
    for reason in Reason::ALL {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{reason}` |")));
        let row = row.unwrap_or_else(|| panic!("proto/README.md has no row for `{reason}`"));
        assert!(row.contains(&format!("`{}`", name(reason))), "{row}");
    }
}

/// The gRPC code as the contract writes it: `InvalidArgument` is `INVALID_ARGUMENT`.
fn name(reason: Reason) -> String {
    let code = format!("{:?}", reason.code());
    let words = code.char_indices().fold(String::new(), |mut name, (at, c)| {
        if at > 0 && c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
        name
    });
    assert!(words.chars().next().unwrap().is_ascii_uppercase());
    words
}
