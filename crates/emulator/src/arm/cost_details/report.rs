//! Reports that were ordered. Each shows what was known when it was ordered, however late its blobs are read.

use std::sync::{Arc, OnceLock};
use std::thread;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::layout::Layout;
use crate::arm::costs::{Basis, View, Wanted};
use crate::arm::query::QueryScope;
use crate::bounded::Bounded;

const MOST_REPORTS: usize = 10_000;

/// A report of more rows than this is made by a thread of its own, while polls are answered 202.
const MOST_AT_ONCE: usize = 20_000;

/// A report that was ordered. Its rows are generated whenever a blob is read.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(super) scope: Arc<QueryScope>,
    pub(super) basis: Basis,
    pub(super) start: Date,
    pub(super) end: Date,
    pub(super) view: View,
    pub(super) rows_per_blob: usize,
    pub(super) is_compressed: bool,
    /// The blob whose header differs from the others'.
    pub(super) odd_header: Option<usize>,
    pub(super) owner: String,
    pub(super) polls_left: u32,
    pub(super) request: Value,
    /// How often its blobs were written anew.
    pub(super) written_anew: u32,
    pub(super) layout: Arc<OnceLock<Layout>>,
}

/// What a report is made of.
pub(super) struct Made {
    pub(super) scope: QueryScope,
    pub(super) basis: Basis,
    pub(super) days: (Date, Date),
    pub(super) view: View,
    pub(super) rows_per_blob: usize,
}

impl Report {
    pub(super) fn of(made: Made) -> Self {
        let Made { scope, basis, days: (start, end), view, rows_per_blob } = made;
        Self {
            scope: Arc::new(scope),
            basis,
            start,
            end,
            view,
            rows_per_blob: rows_per_blob.max(1),
            is_compressed: false,
            odd_header: None,
            owner: String::new(),
            polls_left: 0,
            request: Value::Null,
            written_anew: 0,
            layout: Arc::default(),
        }
    }

    /// Its rows, as they are to be seen.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted { from: self.start, to: self.end, basis: self.basis, view: &self.view }
    }

    /// Finds its blobs: at once if that is quick.
    pub(super) fn make(&self) {
        let days = usize::try_from((self.end - self.start).get_days()).unwrap_or_default() + 1;
        let report = self.clone();
        let make = move || {
            report.layout.get_or_init(|| Layout::measure(&report));
        };
        if self.scope.lines() * days <= MOST_AT_ONCE {
            return make();
        }
        // What cannot be made is never ready: whoever polls sees it.
        let _ = thread::Builder::new().name("report".to_owned()).spawn(make);
    }

    /// When it was ordered, as Azure's data goes.
    pub(crate) fn ordered(&self) -> Timestamp {
        self.view.now()
    }

    /// Its blobs; `None` until they are found.
    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.layout.get()
    }

    /// How often its blobs were written anew.
    pub(crate) fn written_anew(&self) -> u32 {
        self.written_anew
    }
}

/// The reports ordered so far.
#[derive(Debug)]
pub(crate) struct Reports(pub(super) Bounded<Report>);

impl Default for Reports {
    fn default() -> Self {
        Self(Bounded::new(MOST_REPORTS))
    }
}

impl Reports {
    pub(crate) fn get(&self, operation: &str) -> Option<Report> {
        self.0.get(operation).cloned()
    }

    /// Azure writes the report's blobs once more.
    pub(crate) fn write_anew(&mut self, operation: &str) {
        if let Some(report) = self.0.get_mut(operation) {
            report.written_anew += 1;
        }
    }
}
