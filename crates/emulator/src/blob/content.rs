//! What stands in a blob, and how it is sent: written by a thread of its own while it is read, and never held as a whole.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use jiff::Timestamp;
use tokio::sync::mpsc::{self, Sender};

use crate::arm::cost_details::{Extent, Report};
use crate::arm::state::State;
use crate::jwt;

/// How much is sent at once.
const CHUNK: usize = 64 << 10;
/// How long what was sent before a cut has to leave.
const LEAVES_IN: Duration = Duration::from_millis(50);

/// A blob.
pub(super) struct Content {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) written: Timestamp,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// Of a report of cost details, by its number.
    Rows(Arc<Report>, usize, Extent),
    Text(Arc<str>),
}

impl Content {
    pub(super) fn find(state: &State, operation: &str, part: &str) -> Option<Self> {
        let at: usize = part.strip_prefix("part_")?.strip_suffix(".csv")?.parse().ok()?;
        let report = state.reports().get(operation);
        if let Some(report) = report {
            let extent = *report.layout()?.blobs.get(at)?;
            let etag = tag(&format!("{operation}/{at}/{}", report.written_anew()));
            let written = report.ordered();
            let source = Source::Rows(Arc::new(report), at, extent);
            return Some(Self { etag, size: extent.bytes, written, source });
        }
        let order = state.benefit_reports().get(operation).filter(|_| at == 0)?;
        let (text, written) = (order.csv(state), state.world.data_moment());
        Some(Self { etag: tag(&text), size: text.len() as u64, written, source: Source::Text(text.into()) })
    }

    /// Its bytes from the first to the last; where it is cut, an error in place of the rest.
    pub(super) fn body(&self, first: u64, last: u64, cut_after: Option<u64>) -> Body {
        let (sender, mut receiver) = mpsc::channel(4);
        let source = self.source.clone();
        let left = last + 1 - first;
        let part = Part { skip: first, left: cut_after.map_or(left, |after| after.min(left)), sender };
        let write = move || {
            let mut part = io::BufWriter::with_capacity(CHUNK, part);
            let written = source.write(&mut part).and_then(|()| part.flush());
            // Who reads has gone, or has all that it asked for.
            drop(written);
            if cut_after.is_some() {
                // What is still in a buffer when the connection breaks is lost with it.
                thread::sleep(LEAVES_IN);
                let cut = io::Error::new(io::ErrorKind::ConnectionReset, "cut by order");
                let _ = part.get_ref().sender.blocking_send(Err(cut));
            }
        };
        // Without a thread there is no body, which whoever reads sees as a cut.
        let _ = thread::Builder::new().name("blob".to_owned()).spawn(write);
        Body::from_stream(stream::poll_fn(move |context| receiver.poll_recv(context)))
    }
}

impl Source {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Rows(report, at, extent) => report.write(*at, *extent, to),
            Self::Text(text) => to.write_all(text.as_bytes()),
        }
    }
}

/// Sends the part that was asked for of what is written.
struct Part {
    skip: u64,
    left: u64,
    sender: Sender<io::Result<Bytes>>,
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
        self.skip -= skipped as u64;
        let wanted = &bytes[skipped..];
        let wanted =
            &wanted[..usize::try_from(self.left).map_or(wanted.len(), |left| left.min(wanted.len()))];
        if !wanted.is_empty() {
            self.left -= wanted.len() as u64;
            let sent = self.sender.blocking_send(Ok(Bytes::copy_from_slice(wanted)));
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As blob storage writes them: a number behind `0x`.
fn tag(of: &str) -> String {
    let digest = jwt::sha256(of.as_bytes());
    let number = digest.bytes().take(7).fold(0x8_u64, |number, byte| number << 8 | u64::from(byte));
    format!("\"0x{number:X}\"")
}
