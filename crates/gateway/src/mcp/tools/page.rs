//! As much of a long list as one answer holds. What it leaves out is counted, with the call that gets it.

use serde::Serialize;

use super::table::Table;
use super::told::length;

/// The most bytes of an answer's rows as text.
const TEXT_BYTES: usize = 6 * 1024;
/// The most bytes of its rows as data. With the text and what stands around the rows, an answer stays below 32 kB.
const DATA_BYTES: usize = 18 * 1024;

/// A part of a list.
pub(super) struct Page<T> {
    /// What is shown, and in the table.
    pub(super) shown: Vec<T>,
    /// How many there are in all.
    pub(super) total: usize,
    /// How many come before what is shown.
    skipped: usize,
}

impl<T: Serialize> Page<T> {
    /// Puts what comes after the first `skip` of `all` into `table` until the answer is full. `row` makes an entry into
    /// what stands in the data and in the table's cells.
    pub(super) fn fill<S>(
        all: Vec<S>,
        skip: usize,
        table: &mut Table,
        row: impl Fn(S) -> (T, Vec<String>),
    ) -> Self {
        let total = all.len();
        let skipped = skip.min(total);
        let mut bytes = 0;
        let mut shown = Vec::new();
        for entry in all.into_iter().skip(skipped) {
            let (data, cells) = row(entry);
            let line = Table::line(&cells);
            // With a comma.
            bytes += length(&data) + 1;
            if !shown.is_empty() && (table.len() + line.len() > TEXT_BYTES || bytes > DATA_BYTES) {
                break;
            }
            table.push(&line);
            shown.push(data);
        }
        Self { shown, total, skipped }
    }

    /// `skip` of the call that gets what comes after this page, if something does.
    pub(super) fn next_skip(&self) -> Option<usize> {
        let next = self.skipped + self.shown.len();
        (next < self.total).then_some(next)
    }

    /// A sentence about what is left out, or nothing if nothing is.
    pub(super) fn note(&self, what: &str, tool: &str) -> String {
        if self.shown.len() == self.total {
            return String::new();
        }
        let shown = match self.shown.len() {
            0 => "None".to_owned(),
            count => format!("{} to {}", self.skipped + 1, self.skipped + count),
        };
        let rest = match self.next_skip() {
            Some(skip) => format!(" For those that follow, call {tool} again with \"skip\": {skip}."),
            None => String::new(),
        };
        format!("\n{shown} of {} {what} shown.{rest}", self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[String], skip: usize) -> (Page<String>, String) {
        let mut table = Table::new(&["Name"]);
        let page = Page::fill(items.to_vec(), skip, &mut table, |item| (item.clone(), vec![item]));
        (page, table.into_text())
    }

    #[test]
    fn a_short_list_is_whole_and_says_nothing_of_it() {
        let (page, text) = page(&["a".to_owned(), "b".to_owned()], 0);
        assert_eq!((page.next_skip(), page.note("x", "t").as_str()), (None, ""));
        assert_eq!(text, "| Name |\n| --- |\n| a |\n| b |\n");
    }

    #[test]
    fn every_entry_of_a_long_list_is_on_one_page_and_no_page_is_too_long() {
        // The text fills up first, then the data.
        for entry in ["x".repeat(60), "\u{1}".repeat(90)] {
            let all: Vec<_> = (0..1000).map(|n| format!("{n:04}{entry}")).collect();
            let (mut skip, mut seen) = (0, Vec::new());
            loop {
                let (page, text) = page(&all, skip);
                assert!(text.len() <= TEXT_BYTES, "{}", text.len());
                assert!(serde_json::to_string(&page.shown).unwrap().len() <= DATA_BYTES + 1);
                assert!(page.shown.len() > 10 || page.next_skip().is_none());
                let note = page.note("things", "list");
                seen.extend(page.shown.iter().cloned());
                let expected = format!("\n{} to {} of 1000 things shown.", skip + 1, seen.len());
                assert!(note.starts_with(&expected), "{note}");
                let Some(next) = page.next_skip() else { break };
                assert!(note.ends_with(&format!("call list again with \"skip\": {next}.")), "{note}");
                skip = next;
            }
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn what_is_too_long_alone_is_shown_all_the_same() {
        let all = ["\u{1}".repeat(10_000), "b".to_owned()];
        let (page, _) = page(&all, 0);
        assert_eq!((page.shown.len(), page.next_skip()), (1, Some(1)));
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        let (page, _) = page(&["a".to_owned()], 7);
        assert_eq!((page.shown.len(), page.next_skip()), (0, None));
        assert_eq!(page.note("things", "list"), "\nNone of 1 things shown.");
    }
}
