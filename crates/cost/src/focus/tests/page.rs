//! docs/focus.md says what the code does.

use super::conformance::DEVIATIONS;
use crate::focus::VERSION;
use crate::focus::rules::rules;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/focus.md")).unwrap()
}

/// The lines of the table below a heading, by cells.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, below) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    let lines =
        below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect()
}

#[test]
fn each_column_is_on_the_page_with_where_it_comes_from() {
    let page = page();
    assert!(page.contains(&format!("FOCUS {VERSION}")));
    let mut shown = table(&page, "Columns of FOCUS");
    shown.extend(table(&page, "Columns of Microsoft's"));
    let expected: Vec<Vec<&str>> = rules().map(|rule| vec![rule.name, rule.from]).collect();
    assert_eq!(shown, expected);
}

#[test]
fn each_deviation_is_on_the_page() {
    let expected: Vec<Vec<&str>> =
        DEVIATIONS.iter().map(|(column, rule, why)| vec![*column, *rule, *why]).collect();
    assert_eq!(table(&page(), "What deviates from FOCUS 1.2"), expected);
}
