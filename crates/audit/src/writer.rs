//! The one writer of a process: a thread of its own, because a sink may hang. It takes what waits in the queue as one group,
//! writes it at once, and then tells those who wait.
//!
//! What could not be written is tried again, in the same bytes: a line that was written in part is ended and written anew,
//! so that a reader sees the beginning of a line right before the whole.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::Clock;
use crate::chain::Chain;
use crate::checkpoint::Checkpoints;
use crate::metrics::Instruments;
use crate::record::Body;
use crate::sink::Sink;
use crate::state::State;

/// The most records that are written at once.
const MAX_GROUP: usize = 256;
/// How often it is looked whether a minute or a checkpoint is over, or the end has come.
const TICK: Duration = Duration::from_millis(250);
/// How soon what failed is tried again, at first,
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// and in the end.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What waits to be written.
pub(crate) struct Message {
    pub(crate) at: Timestamp,
    pub(crate) body: Body,
    /// Told once the record is written; dropped where that failed.
    pub(crate) written: Option<oneshot::Sender<()>>,
}

/// The writer.
pub(crate) struct Writer {
    pub(crate) queue: Receiver<Message>,
    pub(crate) sink: Sink,
    /// The last line there is half written.
    pub(crate) torn: bool,
    pub(crate) chain: Chain,
    pub(crate) state: Arc<State>,
    pub(crate) clock: Clock,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) instruments: Instruments,
}

/// Records that are written at once.
#[derive(Default)]
struct Group {
    /// What is not written yet, from the beginning of a line on.
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
    kinds: Vec<&'static str>,
}

impl Writer {
    /// Writes until it is told to close, then the end. Tells whether all of it was written.
    pub(crate) fn run(mut self, start: Body) -> bool {
        if !self.write_own(start) {
            return false;
        }
        loop {
            // Before the queue is looked into: what was sent before the end comes before the end.
            let the_last = self.state.is_closing();
            let group = self.collect(the_last);
            if the_last && group.is_empty() {
                break;
            }
            if !self.write(group) {
                return false;
            }
            self.checkpoints.tell_if_due(self.chain.head(), (self.clock)());
        }
        let is_whole = self.write_own(Body::End {});
        self.checkpoints.tell(self.chain.head().filter(|_| is_whole), (self.clock)());
        is_whole
    }

    fn write_own(&mut self, body: Body) -> bool {
        self.write(vec![Message { at: (self.clock)(), body, written: None }])
    }

    /// What is to be written next: what waits, and what has come together beside the queue.
    fn collect(&self, the_last: bool) -> Vec<Message> {
        let first = self.queue.recv_timeout(if the_last { Duration::ZERO } else { TICK });
        if matches!(first, Err(RecvTimeoutError::Disconnected)) {
            // Nobody is left who could write, nor close.
            self.state.close();
        }
        let at = (self.clock)();
        let own = |body| Message { at, body, written: None };
        let lost = self.state.take_lost();
        let gap = lost.map(|lost| own(Body::Gap { lost: lost.records, since: lost.since }));
        let summaries = self.state.summaries().take(at, the_last);
        let waiting = self.queue.try_iter().take(MAX_GROUP);
        gap.into_iter().chain(summaries.into_iter().map(own)).chain(first).chain(waiting).collect()
    }

    /// Writes a group, however long it takes; only a process that stops gives up. Tells whether it is written.
    fn write(&mut self, messages: Vec<Message>) -> bool {
        let mut group = self.seal(messages);
        self.state.set_writing(true);
        let is_whole = self.persist(&mut group);
        self.state.set_writing(false);
        if is_whole {
            group.kinds.iter().for_each(|kind| self.instruments.written(kind));
            // Who left meanwhile does not hear it.
            for one in group.waiting {
                let _ = one.send(());
            }
        }
        is_whole
    }

    fn persist(&mut self, group: &mut Group) -> bool {
        let mut pause = FIRST_PAUSE;
        while !group.bytes.is_empty() {
            let Err(error) = self.attempt(&mut group.bytes) else { break };
            if !self.state.set_failing(true) {
                tracing::error!(%error, "audit records cannot be written");
            }
            // They are told that it failed, and need not wait for their time to run out.
            group.waiting.clear();
            if self.state.is_closing() {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
        if self.state.set_failing(false) {
            tracing::info!("audit records can be written again");
        }
        true
    }

    /// The records as they will stand there, and those who wait for them.
    fn seal(&mut self, messages: Vec<Message>) -> Group {
        let mut group = Group::default();
        for Message { at, body, written } in messages {
            match self.chain.seal(at, &body, &mut group.bytes) {
                Ok(()) => {
                    group.kinds.push(body.kind());
                    group.waiting.extend(written);
                }
                Err(error) => {
                    tracing::error!(%error, kind = body.kind(), "an audit record has no form");
                    self.state.lose(at);
                    self.instruments.lost();
                }
            }
        }
        group
    }

    /// Tries once. What is left in `bytes` is not written. Where nothing is left and yet it failed, all stands there and may
    /// not be on the disk: to write it again would be another copy, and no safer.
    fn attempt(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let began = Instant::now();
        if self.torn {
            self.sink.write(b"\n", &mut 0)?;
            self.torn = false;
        }
        let mut written = 0;
        let result = self.sink.write(bytes, &mut written);
        let whole = bytes[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.torn = written > whole;
        bytes.drain(..whole);
        self.instruments.wrote(began.elapsed());
        result
    }
}
