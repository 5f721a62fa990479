//! `cost_export`: the raw cost details, as a file. They leave Azure and hold identifiers, hence a scope of their own.
//!
//! Azure takes its time for a report, so an export is begun, asked for by its id, and fetched when it is ready.

use cost::{ExportPlan, Format, Metric};
use rmcp::model::Resource;
use tokio::task::spawn_blocking;

use self::output::{About, Output};
use super::ask::question::{ExportInput, ExportOrder};
use super::run::all_failed;
use super::scopes::Scopes;
use crate::exports::{ExportId, Kept};
use crate::mcp::answer::{Answer, Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::exporting::{Job, State};
use crate::mcp::registry::Definition;

mod output;
mod text;

/// The tool.
pub(in crate::mcp) struct CostExport;

impl Definition for CostExport {
    const NAME: &'static str = "cost_export";
    const TITLE: &'static str = "Export cost details";
    const DESCRIPTION: &'static str = "The raw cost details as a file: every charge with resource, meter, quantity and price. Begins it and answers with an \
        export_id; ask again with that alone for how far it is, then for the file's uri, which the same person fetches. Small files come in the \
        answer. Up to 13 months back. For sums, cost_query. Names in cells are people's, and a spreadsheet takes one that begins with =, +, - or @ \
        for a formula: see spreadsheet_safe.";
    type Input = ExportInput;
    type Output = Output;

    async fn call(context: ToolContext, input: ExportInput) -> Result<Answer<Output>, Failure> {
        match input {
            ExportInput::Of(id) => of(&context, &id).await,
            ExportInput::Order(order) => begin(&context, order).await,
        }
    }

    fn link(answer: &Output) -> Option<Resource> {
        answer.link()
    }
}

async fn begin(context: &ToolContext, order: ExportOrder) -> Result<Answer<Output>, Failure> {
    let days = order.when.days(context.today())?;
    // Nothing of an export is told, and none joined, before the broker has vouched for this very call.
    context.vouched().await.map_err(Failure::Refused)?;
    let scopes = Scopes::resolve(context, std::slice::from_ref(&order.scope)).await?;
    let [scope] = &scopes.all[..] else { return Err(all_failed(scopes.unseen)) };
    let mut plan = ExportPlan::new(scope.clone(), order.format, days.period, order.metric);
    if let Some(columns) = order.columns {
        plan = plan.and_then(|plan| plan.with_columns(columns));
    }
    if order.spreadsheet_safe {
        plan = plan.and_then(ExportPlan::spreadsheet_safe);
    }
    let plan = plan.map_err(cost::Error::from)?;
    let notes = [days.caution()].into_iter().flatten().chain(scopes.notes.iter().map(String::as_str));
    let note = notes.fold(days.note(), |note, more| note + " " + more);
    let waiting = context.export(plan, scopes.title, note)?;
    match waiting.state(context.export_wait()).await {
        State::Failed(failure) => Err(failure),
        state => {
            waiting.told();
            answer(context, &waiting.job, state).await
        }
    }
}

/// What has become of an export. Those of others, and those that are none, are one answer.
async fn of(context: &ToolContext, id: &str) -> Result<Answer<Output>, Failure> {
    context.vouched().await.map_err(Failure::Refused)?;
    let id: ExportId = id.parse().map_err(|_| no_export())?;
    match context.export_jobs().watch(context.person(), id) {
        Some(waiting) => {
            let state = waiting.state(context.export_wait()).await;
            answer(context, &waiting.job, state).await
        }
        None if context.exports().is_elsewhere(id) => Err(elsewhere().into()),
        None => {
            let kept = context.exports().find(&context.person(), id).ok_or_else(no_export)?;
            ready(context, None, kept).await
        }
    }
}

async fn answer(context: &ToolContext, job: &Job, state: State) -> Result<Answer<Output>, Failure> {
    match state {
        State::Running => Ok(Output::running(job.id.to_string(), About::of(job), &job.progress.snapshot())),
        // The refusal was of the sign-in that it was made with, and says nothing about this one.
        State::Failed(Failure::Refused(refusal)) => {
            Err(sign_in_refused(&refusal.code()).of_export(job.id).into())
        }
        State::Failed(Failure::Tool(error)) => Err(error.of_export(job.id).into()),
        State::Failed(Failure::Cancelled) => Err(ToolError::internal().of_export(job.id).into()),
        State::Ready(kept) => match context.exports().find(&context.person(), kept.id) {
            Some(kept) => ready(context, Some(job), kept).await,
            None => Ok(Output::expired(About::of(job), &kept)),
        },
    }
}

/// An export that is ready: small ones come with the answer, if people can read them.
async fn ready(context: &ToolContext, job: Option<&Job>, kept: Kept) -> Result<Answer<Output>, Failure> {
    let (exports, person) = (context.exports(), context.person());
    let places = (exports.url(kept.id), exports.link(&person, kept.id));
    let about = job.map(About::of);
    let inline = if kept.size <= exports.settings().inline_bytes && is_text(kept.about.format) {
        Some(whole_text(context, kept.id).await?)
    } else {
        None
    };
    Ok(Output::ready(about, &kept, places, inline))
}

/// The whole of an export, as text.
pub(in crate::mcp) async fn whole_text(context: &ToolContext, id: ExportId) -> Result<String, Failure> {
    let (exports, person) = (context.exports().clone(), context.person());
    let whole = spawn_blocking(move || exports.read(&person, id)).await.map_err(|_| ToolError::internal())?;
    let whole = whole.map_err(ToolError::from)?;
    Ok(String::from_utf8(whole).map_err(|_| ToolError::internal())?)
}

/// Whether a file of this format can be read as it is.
pub(in crate::mcp) fn is_text(format: &str) -> bool {
    [Format::Csv, Format::Jsonl, Format::FocusCsv].iter().any(|text| text.name() == format)
}

pub(in crate::mcp) fn no_export() -> ToolError {
    let detail = "There is no such export of yours. It may have expired: ask for it anew, without export_id.";
    ToolError::new("export_not_found", detail.to_owned())
}

fn elsewhere() -> ToolError {
    let detail = "This export_id is of another replica of this server, or from before it was started anew. Another replica \
                  answers if the client's requests all go to it (docs/exports.md has how); after a restart there is nothing left. \
                  Ask for the export anew, without export_id.";
    ToolError::new("export_elsewhere", detail.to_owned())
}

fn sign_in_refused(code: &str) -> ToolError {
    let detail = format!(
        "The sign-in that the export was made with was no longer enough ({code}). Ask for it anew, without export_id: if it is \
         still so, the answer says what to do."
    );
    ToolError::new("export_sign_in_refused", detail)
}

/// What a metric is called in an answer.
fn metric(plan: &ExportPlan) -> &'static str {
    match plan.reports().first() {
        _ if plan.format().is_focus() => "actual and amortized",
        Some((_, Metric::Amortized)) => "amortized",
        _ => "actual",
    }
}
