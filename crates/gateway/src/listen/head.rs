//! The bytes of a request's head, counted as they come, and the answer to one that is too long.
//!
//! hyper answers such a head itself, without a word. Here the connection is taken from it before, so that whoever is
//! in too many groups for their token to fit learns it: over HTTP/1.1 from [`refuse`]; over HTTP/2, where a head comes
//! in frames among others, from the layer that looks at all fields, for hyper lets more through than that one does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::places::Place;

/// The most that all fields of a request may take, names and values, over either protocol: a token of 16 KiB, and what
/// proxies add.
pub(crate) const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Request line and line ends, besides the fields.
const LINES_BYTES: usize = 8 * 1024;
/// The longest head that is read over HTTP/1.1.
const MAX_HEAD_BYTES: usize = MAX_FIELD_BYTES + LINES_BYTES;
/// How much of a head is read at once.
const READ_BYTES: usize = 4 * 1024;
/// What one connection's unread bytes may take. Longer than a head and what is read at once, so that hyper never finds one
/// too long.
pub(super) const READ_BUFFER_BYTES: usize = MAX_HEAD_BYTES + 2 * READ_BYTES;
/// What hyper takes of fields over HTTP/2. Counted with 32 bytes for each field (RFC 9113 section 6.5.2).
#[expect(clippy::cast_possible_truncation, reason = "128 KiB")]
pub(super) const MAX_H2_LIST_BYTES: u32 = (2 * MAX_FIELD_BYTES) as u32;
/// How HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0";
/// How long the answer may take, and how much of what the peer still sends is thrown away. Closed with bytes unread, the
/// connection would be reset, and the answer with it.
const FAREWELL: Duration = Duration::from_secs(2);
const THROWN_AWAY_BYTES: u64 = 1024 * 1024;

/// A connection whose heads are counted.
pub(super) struct CountedIo<S> {
    /// Taken when a head is too long.
    stream: Option<S>,
    hand_over: Option<oneshot::Sender<S>>,
    place: Arc<Place>,
    protocol: Protocol,
    head_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

/// Where a connection whose head was too long comes out.
pub(super) struct TooLong<S>(oneshot::Receiver<S>);

impl<S> TooLong<S> {
    /// The connection, if its head was too long. Asked when hyper is done with it.
    pub(super) fn taken(mut self) -> Option<S> {
        self.0.try_recv().ok()
    }
}

impl<S> CountedIo<S> {
    pub(super) fn new(stream: S, place: Arc<Place>) -> (Self, TooLong<S>) {
        let (hand_over, too_long) = oneshot::channel();
        let counted = Self {
            stream: Some(stream),
            hand_over: Some(hand_over),
            place,
            protocol: Protocol::Unknown,
            head_bytes: 0,
        };
        (counted, TooLong(too_long))
    }

    fn stream(&mut self) -> io::Result<&mut S> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    fn count(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.protocol == Protocol::Unknown {
            let http2 = bytes.starts_with(&PREFACE[..PREFACE.len().min(bytes.len())]);
            self.protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
        }
        if self.protocol == Protocol::Http2 {
            return;
        }
        let pace = self.place.pace();
        if !pace.expects_head() || pace.head_begins(Instant::now()) {
            self.head_bytes = 0;
        }
        self.head_bytes += bytes.len();
    }

    /// Whether a head goes on that is too long already. hyper has looked at every byte so far when it asks for more.
    fn is_too_long(&self) -> bool {
        self.head_bytes > MAX_HEAD_BYTES && self.place.pace().expects_head()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_too_long() {
            if let (Some(stream), Some(hand_over)) = (self.stream.take(), self.hand_over.take()) {
                let _ = hand_over.send(stream);
            }
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        let read = if buffer.remaining() > READ_BYTES && self.place.pace().expects_head() {
            read_some(Pin::new(self.stream()?), context, buffer)
        } else {
            Pin::new(self.stream()?).poll_read(context, buffer)
        };
        if matches!(read, Poll::Ready(Ok(()))) {
            self.count(&buffer.filled()[before..]);
        }
        read
    }
}

/// Reads no more than [`READ_BYTES`], whatever there is room for: a head that is too long is to be noticed here first.
fn read_some<S: AsyncRead>(
    stream: Pin<&mut S>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let mut bytes = [0; READ_BYTES];
    let mut some = ReadBuf::new(&mut bytes);
    let read = stream.poll_read(context, &mut some);
    buffer.put_slice(some.filled());
    read
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()?).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()?).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_shutdown(context)
    }
}

/// Answers a head that is too long with this JSON, and lets the peer read it.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, body: &str) {
    let answer = format!(
        "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let farewell = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(THROWN_AWAY_BYTES), &mut tokio::io::sink()).await
    };
    // Who does not read it in time has no answer.
    let _ = timeout(FAREWELL, farewell).await;
}
