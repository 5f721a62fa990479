//! Tables in answers, as Markdown: what assistants show best.

/// A table under construction.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new(columns: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(columns);
        table.row(&vec!["---"; columns.len()]);
        table
    }

    /// Adds a row. Names in cells were chosen by somebody else: they cannot end the cell or the row.
    pub(super) fn row(&mut self, cells: &[&str]) {
        for cell in cells {
            self.0.push_str("| ");
            self.0.extend(cell.chars().map(|c| if c.is_control() { ' ' } else { c }).flat_map(escaped));
            self.0.push(' ');
        }
        self.0.push_str("|\n");
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let escape = (c == '|').then_some('\\');
    escape.into_iter().chain([c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_a_cell() {
        let mut table = Table::new(&["Name"]);
        table.row(&["a|b\n| c"]);
        assert_eq!(table.into_text(), "| Name |\n| --- |\n| a\\|b \\| c |\n");
    }
}
