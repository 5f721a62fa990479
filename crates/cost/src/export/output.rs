//! Where text goes: into the sink, compressed or not.

use std::io;
use std::io::{BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::Error;

/// The sink is written in pieces of this size, for it seals each.
const BUFFER: usize = 64 * 1024;
/// gzip's own default: two thirds of the time of the best, for a few hundredths more bytes.
const LEVEL: u32 = 6;

/// A sink for text.
pub(super) enum Output<W: Write> {
    Plain(BufWriter<W>),
    Compressed(GzEncoder<BufWriter<W>>),
}

impl<W: Write> Output<W> {
    pub(super) fn new(sink: W, compressed: bool) -> Self {
        let sink = BufWriter::with_capacity(BUFFER, sink);
        if compressed {
            Self::Compressed(GzEncoder::new(sink, Compression::new(LEVEL)))
        } else {
            Self::Plain(sink)
        }
    }

    /// Writes what is left and gives the sink back.
    pub(super) fn finish(self) -> Result<W, Error> {
        let sink = match self {
            Self::Plain(sink) => sink,
            Self::Compressed(encoder) => encoder.finish().map_err(Error::Unwritable)?,
        };
        sink.into_inner().map_err(|error| Error::Unwritable(error.into_error()))
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Compressed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Compressed(encoder) => encoder.flush(),
        }
    }
}
