//! The way from the network to the thread that writes. It holds a few pieces: whoever sends waits for whoever writes.

use std::io;
use std::io::{BufRead, Read};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc;

use super::door::Stopped;
use crate::query::Metric;
use crate::turns::{Turn, Turns};

/// How many pieces wait. A piece is what one read of a connection brought, up to some hundred kilobytes.
const MOST_WAITING: usize = 4;

/// What goes through.
enum Piece {
    /// Here begins a file, of a report of this metric.
    File(Metric),
    Bytes(Bytes),
    /// All files are there. Without it the export was given up.
    End,
}

/// The end on the network's side.
pub(super) struct Pipe(mpsc::Sender<Piece>);

/// The end on the thread's side: one file after the other, each to be read to its end.
pub(super) struct Inlet {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    /// What ended the file.
    next: Option<Piece>,
    turns: Turns,
    turn: Option<Turn>,
}

pub(super) fn pipe(turns: Turns) -> (Pipe, Inlet) {
    let (sender, pieces) = mpsc::channel(MOST_WAITING);
    (Pipe(sender), Inlet { pieces, current: Bytes::new(), next: None, turns, turn: None })
}

impl Pipe {
    pub(super) async fn file(&self, metric: Metric) -> Result<(), Stopped> {
        self.send(Piece::File(metric)).await
    }

    pub(super) async fn bytes(&self, bytes: Bytes) -> Result<(), Stopped> {
        self.send(Piece::Bytes(bytes)).await
    }

    /// All of it was sent.
    pub(super) async fn end(self) -> Result<(), Stopped> {
        self.send(Piece::End).await
    }

    async fn send(&self, piece: Piece) -> Result<(), Stopped> {
        self.0.send(piece).await.map_err(|_| Stopped)
    }
}

impl Inlet {
    /// The next file, once the one before was read to its end. `None` after the last.
    ///
    /// # Errors
    /// The export was given up.
    pub(super) fn next_file(&mut self) -> io::Result<Option<Metric>> {
        while !self.fill_buf()?.is_empty() {
            self.current.clear();
        }
        Ok(match self.next.take() {
            Some(Piece::File(metric)) => Some(metric),
            _ => None,
        })
    }

    /// The next piece. A turn is for one piece, and not for waiting.
    fn receive(&mut self) -> io::Result<Piece> {
        self.turn = None;
        let piece = self.pieces.blocking_recv();
        self.turn = Some(self.turns.turn());
        piece.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }
}

impl Read for Inlet {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(into.len());
        let (to, _) = into.split_at_mut(count);
        to.copy_from_slice(bytes.get(..count).unwrap_or_default());
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Inlet {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && self.next.is_none() {
            match self.receive()? {
                Piece::Bytes(bytes) => self.current = bytes,
                end => self.next = Some(end),
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current.advance(count.min(self.current.len()));
    }
}
