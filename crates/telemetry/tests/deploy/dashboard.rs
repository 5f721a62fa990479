//! What a dashboard is made of, before it is Grafana's.

/// A page of panels.
pub(crate) struct Dashboard {
    /// Name of its file, and its stable id.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// Panels under one heading.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) panels: Vec<Panel>,
}

/// One picture.
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) form: Form,
    pub(crate) unit: Unit,
    pub(crate) queries: Vec<Query>,
}

/// One expression, and what its lines are called.
pub(crate) struct Query {
    pub(crate) expr: String,
    pub(crate) legend: String,
}

/// How a panel looks.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Lines over time.
    Lines,
    /// A bar for each value, of the whole time that is looked at.
    Bars,
    /// One figure, good from the first bound on and at least bearable from the second.
    AtLeast(f64, f64),
    /// One figure, good up to below the first bound, bad from the second on.
    Below(f64, f64),
    /// One figure that is neither good nor bad.
    Figure,
}

/// What the figures are.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Seconds,
    Bytes,
    Days,
    Share,
}

pub(crate) fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, panels }
}

/// Lines over time.
pub(crate) fn lines(
    title: &'static str,
    description: &'static str,
    unit: Unit,
    queries: impl IntoIterator<Item = Query>,
) -> Panel {
    panel(Form::Lines, title, description, unit, queries)
}

/// A panel of any form.
pub(crate) fn panel(
    form: Form,
    title: &'static str,
    description: &'static str,
    unit: Unit,
    queries: impl IntoIterator<Item = Query>,
) -> Panel {
    Panel { title, description, form, unit, queries: queries.into_iter().collect() }
}

impl Query {
    /// The same with other words for its lines.
    pub(crate) fn called(self, legend: &str) -> Self {
        Self { legend: legend.to_owned(), ..self }
    }
}
