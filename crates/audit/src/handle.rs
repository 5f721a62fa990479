//! What the services write the audit with. Nobody who calls here touches a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use opentelemetry::metrics::Meter;
use tokio::sync::{oneshot, watch};
use tokio::time;

use crate::Clock;
use crate::chain::{Chain, hash};
use crate::checkpoint::{Checkpoints, KeyFileError, SigningKey};
use crate::metrics::Instruments;
use crate::record::{Body, Call, Outcome};
use crate::settings::{Destination, Settings, WhenFull};
use crate::sink::{Found, Sink};
use crate::state::{IN_TIME, State};
use crate::text::Text;
use crate::writer::{Message, Writer};

/// The code of a call that was not let through because its record could not be written.
pub const AUDIT_UNAVAILABLE: &str = "audit_unavailable";
/// The code of a call that nobody waited for any more.
const CANCELLED: &str = "cancelled";
/// Records that wait at most. Of those beyond, the number is recorded.
const MOST_WAITING: usize = 4096;
/// How long a destination may take to open: a pipe that nobody reads does not.
const OPEN_WITHIN: Duration = Duration::from_secs(2);
/// How long the last records may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Whose records they are.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The service.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its settings, as they are in force and without secrets. The start record holds their digest.
    pub settings: String,
}

/// The audit of a process. Clones write the same chain.
#[derive(Clone)]
pub struct Audit(Option<Arc<Open>>);

struct Open {
    queue: SyncSender<Message>,
    state: Arc<State>,
    when_full: WhenFull,
    clock: Clock,
    calls: AtomicU64,
    instruments: Instruments,
    /// Whether all was written; nothing while the writer runs.
    ended: watch::Receiver<Option<bool>>,
}

impl Audit {
    /// An audit that keeps nothing and refuses nobody.
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens the destination and writes the start record, behind what is in the file already.
    ///
    /// # Errors
    /// [`StartError`] names the setting.
    pub async fn start(
        settings: &Settings,
        origin: Origin,
        clock: Clock,
        meter: &Meter,
    ) -> Result<Self, StartError> {
        let key = settings.key_file.as_deref().map(SigningKey::read).transpose()?;
        let (sink, Found { head, torn }) = match &settings.destination {
            Destination::Off => return Ok(Self::off()),
            Destination::Stdout => (Sink::stdout().map_err(StartError::Stdout)?, Found::default()),
            Destination::File(path) => open(path).await?,
        };
        let state = Arc::new(State::default());
        let instruments = Instruments::new(meter, &state);
        let (queue, waiting) = sync_channel(MOST_WAITING);
        let (over, ended) = watch::channel(None);
        let writer = Writer {
            queue: waiting,
            sink,
            torn,
            chain: Chain::new(origin.service),
            state: Arc::clone(&state),
            clock: Arc::clone(&clock),
            checkpoints: Checkpoints::new(key),
            instruments: instruments.clone(),
        };
        let config = Text::new(&hash(origin.settings.as_bytes()));
        let start = Body::Start { version: origin.version.into(), config, after: head.map(Into::into) };
        let run = move || {
            let all_written = writer.run(start);
            let _ = over.send(Some(all_written));
        };
        thread::Builder::new().name("audit".to_owned()).spawn(run).map_err(StartError::Thread)?;
        let (when_full, calls) = (settings.when_full, AtomicU64::new(1));
        Ok(Self(Some(Arc::new(Open { queue, state, when_full, clock, calls, instruments, ended }))))
    }

    /// Records that a call is let through, and waits until that is written, at most a quarter of a second. Nothing of the
    /// call may be done before.
    ///
    /// # Errors
    /// [`Unavailable`] if it could not be written and calls are refused then: it must not be done.
    pub async fn decide(&self, call: Call) -> Result<Decided, Unavailable> {
        let Some(open) = &self.0 else { return Ok(Decided(None)) };
        let goes_on = open.when_full == WhenFull::Continue;
        let is_down = open.state.is_down();
        if is_down && !goes_on {
            open.push(Body::Refusal { what: call, code: AUDIT_UNAVAILABLE.into() }, None);
            return Err(Unavailable);
        }
        let number = open.calls.fetch_add(1, Ordering::Relaxed);
        let (written, told) = oneshot::channel();
        let taken = open.push(Body::Decision { call: number, what: call.clone() }, Some(written));
        // Made before the wait: whoever leaves now is recorded, too.
        let decided = Decided(Some(UnderWay { open: Arc::clone(open), number, call, began: Instant::now() }));
        let is_written = taken && !is_down && matches!(time::timeout(IN_TIME, told).await, Ok(Ok(())));
        if is_written || goes_on {
            return Ok(decided);
        }
        decided.end(Outcome::new(AUDIT_UNAVAILABLE));
        Err(Unavailable)
    }

    /// Records that a call of a person who is known was not let through. Waits for nothing.
    pub fn refused(&self, call: Call, code: &str) {
        if let Some(open) = &self.0 {
            open.push(Body::Refusal { what: call, code: code.into() }, None);
        }
    }

    /// Counts a refusal that anybody can cause, for the record of this minute. `code` and `consumer` are of closed lists.
    pub fn counted(&self, code: &str, consumer: Option<&str>) {
        if let Some(open) = &self.0 {
            let now = (open.clock)();
            open.state.summaries().count(code, consumer, now);
        }
    }

    /// Whether calls are let through, as far as the audit decides.
    pub fn is_ready(&self) -> bool {
        let refuses = |open: &Arc<Open>| open.when_full == WhenFull::Refuse && open.state.is_down();
        !self.0.as_ref().is_some_and(refuses)
    }

    /// Whether there are records.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes what waits, and the end. To be called when nobody calls any more.
    pub async fn close(&self) {
        let Some(open) = &self.0 else { return };
        open.state.close();
        let mut ended = open.ended.clone();
        let all_written = time::timeout(CLOSE_WITHIN, ended.wait_for(Option::is_some)).await;
        if !matches!(all_written, Ok(Ok(result)) if *result == Some(true)) {
            tracing::error!("the last audit records could not be written");
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Open {
    /// Puts a record into the queue, or counts it as lost. Tells which.
    fn push(&self, body: Body, written: Option<oneshot::Sender<()>>) -> bool {
        let at = (self.clock)();
        let taken = self.queue.try_send(Message { at, body, written }).is_ok();
        if !taken {
            self.state.lose(at);
            self.instruments.lost();
        }
        taken
    }
}

/// A call that was let through. Its outcome is recorded in any case: one that is dropped was cancelled.
#[derive(Debug)]
#[must_use = "what is dropped counts as cancelled"]
pub struct Decided(Option<UnderWay>);

struct UnderWay {
    open: Arc<Open>,
    number: u64,
    call: Call,
    began: Instant,
}

impl Decided {
    /// Records how the call ended.
    pub fn end(mut self, outcome: Outcome) {
        self.record(outcome);
    }

    fn record(&mut self, outcome: Outcome) {
        let Some(UnderWay { open, number: call, call: what, began }) = self.0.take() else { return };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        open.push(Body::Outcome { call, what, outcome, ms }, None);
    }
}

impl Drop for Decided {
    fn drop(&mut self) {
        self.record(Outcome::new(CANCELLED));
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The record of a call could not be written in time, so that the call must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit record of this call could not be written")]
pub struct Unavailable;

/// Opens a file in a thread of its own, for to open a pipe may take forever.
async fn open(path: &Path) -> Result<(Sink, Found), StartError> {
    let (opened, told) = oneshot::channel();
    let of_thread = path.to_owned();
    let run = move || {
        let _ = opened.send(Sink::open(&of_thread));
    };
    thread::Builder::new().name("audit-open".to_owned()).spawn(run).map_err(StartError::Thread)?;
    let path = path.to_owned();
    match time::timeout(OPEN_WITHIN, told).await {
        Ok(Ok(Ok(opened))) => Ok(opened),
        Ok(Ok(Err(source))) => Err(StartError::Open { path, source: Box::new(source) }),
        _ => Err(StartError::Hangs(path)),
    }
}

/// The audit cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The key of checkpoints cannot be used.
    #[error("AUDIT_KEY_FILE: {0}")]
    Key(#[from] KeyFileError),
    /// The file cannot be appended to.
    #[error("AUDIT: `{}` cannot be appended to", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no standard output.
    #[error("AUDIT: standard output cannot be written to")]
    Stdout(#[source] io::Error),
    /// The file does not open.
    #[error("AUDIT: `{}` did not open within 2 s: if it is a pipe, something must read it", .0.display())]
    Hangs(PathBuf),
    /// The system has no thread left.
    #[error("the audit has no thread to write with")]
    Thread(#[source] io::Error),
}
