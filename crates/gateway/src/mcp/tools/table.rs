//! Tables in answers, as Markdown: what assistants show best.

use crate::mcp::foreign;

/// A table under construction.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new(columns: &[&str]) -> Self {
        Self(format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len())))
    }

    /// A row. What is in the cells was chosen by somebody else: it can neither end its cell nor the row.
    pub(super) fn line(cells: &[String]) -> String {
        let cells: Vec<_> = cells.iter().map(|cell| foreign::name(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    }

    /// Adds a row.
    pub(super) fn push(&mut self, line: &str) {
        self.0.push_str(line);
    }

    /// Its length so far, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell() {
        let mut table = Table::new(&["Name", "Id"]);
        table.push(&Table::line(&["a|b\n| c".to_owned(), r"a\|b\".to_owned()]));
        assert_eq!(table.into_text(), "| Name | Id |\n| --- | --- |\n| a\\|b \\| c | a\\\\\\|b\\\\ |\n");
    }
}
