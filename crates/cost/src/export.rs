//! The raw costs at any size, from Azure's reports into a file, in constant memory.
//!
//! Azure builds a report of at most one month in its own time, so this is a dance for each: order it, ask whether it is ready,
//! fetch its files. What comes goes through a bounded pipe to a thread that decompresses, reads, encodes and writes. So the
//! network waits for the disk, and the async runtime for neither.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report>
//!
//! A file's link is a permission by itself (a SAS): it is used here, without the token, and shown to nobody.

use std::io::Write;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

pub use door::ExportDoor;
pub use format::Format;
pub use plan::ExportPlan;
pub use progress::{ExportProgress, ExportSnapshot};

use crate::client::Client;
use crate::error::Error;
use door::Fault;
use files::Files;
use pipe::Pipe;

mod date;
mod decimal;
mod delimited;
mod door;
mod encoder;
mod files;
mod format;
mod intake;
mod join;
mod jsonl;
mod kinds;
mod manifest;
mod order;
mod output;
mod parquet;
mod pipe;
mod plan;
mod progress;
mod records;
mod rows;
mod selection;
mod sheet;
mod thread;
mod verbatim;

/// An export that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// How many rows there are.
    pub rows: u64,
    /// How many bytes came from Azure's storage.
    pub bytes_read: u64,
}

/// One export under way.
struct Run<'a, D> {
    client: &'a Client,
    plan: &'a ExportPlan,
    door: &'a D,
    progress: &'a Arc<ExportProgress>,
}

impl Client {
    /// Has Azure build the reports that a plan takes and writes them into the sink, which comes back with all of it. No costs
    /// are a file without rows. Dropping the future ends everything; the sink is dropped then, and where this fails.
    ///
    /// How long it may take is the caller's to say: every wait in here is bounded, and every try is counted.
    ///
    /// # Errors
    /// What the door refuses; [`Error::SubscriptionTypeNotSupported`], [`Error::DamagedReport`], [`Error::Unwritable`] and
    /// what else Azure says.
    pub async fn export<D: ExportDoor, W: Write + Send + 'static>(
        &self,
        plan: &ExportPlan,
        door: &D,
        sink: W,
        progress: &Arc<ExportProgress>,
    ) -> Result<(Exported, W), D::Refused> {
        let scope = plan.scope();
        let subscription = scope.subscription().map(display);
        let (kind, format) = (scope.kind(), plan.format().name());
        let span = tracing::info_span!("cost.export", subscription, scope.kind = kind, format, rows = Empty, bytes = Empty, error.type = Empty);
        let run = Run { client: self, plan, door, progress };
        match run.all(sink).instrument(span.clone()).await {
            Ok(done) => Ok(done),
            Err(Fault::Door(refused)) => Err(refused),
            Err(Fault::Azure(error)) => {
                span.record("error.type", display(error.code()));
                Err(error.into())
            }
            Err(Fault::Stopped) => Err(Error::WriterEnded.into()),
        }
    }
}

impl<D: ExportDoor> Run<'_, D> {
    /// Reads and writes at the same time. Where writing fails, reading is told only that it did.
    async fn all<W: Write + Send + 'static>(&self, sink: W) -> Result<(Exported, W), Fault<D::Refused>> {
        let (pipe, inlet) = pipe::pipe(self.client.turns());
        let (tell, told) = oneshot::channel();
        let (plan, progress) = (self.plan.clone(), Arc::clone(self.progress));
        let open_data = self.client.open_data().clone();
        thread::start(move || {
            // Nobody listens any more where the export was given up.
            let _ = tell.send(join::write((&plan, &open_data), inlet, sink, &progress));
        })?;
        let read = self.read(pipe).await;
        let written = told.await;
        match read {
            Ok(()) | Err(Fault::Stopped) => {}
            Err(error) => return Err(error),
        }
        let (rows, sink) = written.map_err(|_| Fault::Stopped)??;
        let exported = Exported { rows, bytes_read: self.progress.snapshot().bytes_read };
        Span::current().record("rows", rows).record("bytes", exported.bytes_read);
        Ok((exported, sink))
    }

    /// Has one report after the other built and sends its files through the pipe. Without its last word, which only the end of
    /// all sends, the thread gives up.
    async fn read(&self, pipe: Pipe) -> Result<(), Fault<D::Refused>> {
        let reports = self.plan.reports();
        self.progress.begins(reports.len());
        for (period, metric) in reports {
            if let Some(built) = self.report(period, metric).await? {
                self.fetch(Files::new((period, metric), built), &pipe).await?;
            }
            self.progress.report_done();
        }
        Ok(pipe.end().await?)
    }
}

#[cfg(test)]
mod tests;
