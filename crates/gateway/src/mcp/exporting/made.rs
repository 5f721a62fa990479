//! The making of an export, from Azure's reports to a file that is kept.

use std::sync::Arc;
use std::time::Instant;

use cost::{ExportPlan, ExportProgress};
use tokio::task::spawn_blocking;

use super::door::Door;
use crate::engine::Asker;
use crate::exports::{About, ExportFault, ExportId, Exports, Kept};
use crate::mcp::answer::{Failure, ToolError};

/// What it takes.
pub(in crate::mcp) struct Making<A> {
    pub(in crate::mcp) id: ExportId,
    pub(in crate::mcp) plan: ExportPlan,
    pub(in crate::mcp) cost: cost::Client,
    pub(in crate::mcp) door: Door<A>,
    pub(in crate::mcp) exports: Exports,
}

impl<A: Asker> Making<A> {
    pub(in crate::mcp) async fn made(self, progress: Arc<ExportProgress>) -> Result<Kept, Failure> {
        let began = Instant::now();
        let made = self.make(&progress).await;
        let (read, rows) = (progress.snapshot().bytes_read, progress.snapshot().rows);
        let code = made.as_ref().err().map(Failure::code);
        tracing::info!(
            code = code.as_deref(),
            rows,
            bytes_read = read,
            bytes = made.as_ref().ok().map(|kept| kept.size),
            duration_ms = began.elapsed().as_millis(),
            "export made"
        );
        made
    }

    async fn make(self, progress: &Arc<ExportProgress>) -> Result<Kept, Failure> {
        let Self { id, plan, cost, door, exports } = self;
        let person = door.azure.person();
        let draft = blocking(move || exports.begin(&person, id)).await?;
        let (exported, draft) = cost.export(&plan, &door, draft, progress).await?;
        let about = About {
            format: plan.format().name(),
            media_type: plan.format().media_type(),
            file_name: file_name(&plan),
            rows: exported.rows,
        };
        blocking(move || draft.finish(about)).await
    }
}

/// Says what is in it, and nothing that people wrote.
fn file_name(plan: &ExportPlan) -> String {
    let (period, extension) = (plan.period(), plan.format().extension());
    format!("azure-costs-{}-to-{}.{extension}", period.from(), period.to())
}

/// What works on the disk, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportFault> + Send + 'static,
) -> Result<T, Failure> {
    let done = spawn_blocking(work).await.map_err(|_| ToolError::internal())?;
    Ok(done.map_err(ToolError::from)?)
}
