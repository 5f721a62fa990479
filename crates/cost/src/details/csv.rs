//! Joins the files of a report into one: the header once, the lines as they are. Knows nothing of Azure.

use csv::{ByteRecord, ErrorKind, ReaderBuilder};

use super::CostDetails;
use crate::error::Error;
use crate::json::unmarked;

/// The files so far.
#[derive(Default)]
pub(super) struct Joined {
    header: Option<ByteRecord>,
    text: Vec<u8>,
    rows: u64,
}

impl Joined {
    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.text.len() as u64
    }

    /// Adds a file. Its header must be that of the first, upper and lower case aside: columns that differ cannot be put below
    /// each other. Some of Azure's exporters begin a file with a byte order mark, and the first charge with another, which
    /// would be a part of its first cell: <https://github.com/Azure/azure-sdk-for-net/issues/34129>.
    pub(super) fn append(&mut self, file: &[u8]) -> Result<(), Error> {
        let whole = unmarked(file);
        let header = header_end(whole)?;
        let lines = unmarked(whole.get(header..).unwrap_or_default());
        if header + lines.len() == whole.len() {
            return self.append_unmarked(whole);
        }
        self.append_unmarked(&[whole.get(..header).unwrap_or_default(), lines].concat())
    }

    fn append_unmarked(&mut self, file: &[u8]) -> Result<(), Error> {
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(file);
        let mut record = ByteRecord::new();
        if !read(&mut reader, &mut record)? {
            return Ok(());
        }
        let body = usize::try_from(reader.position().byte()).map_err(|_| broken())?;
        let keep = match &self.header {
            None => {
                self.header = Some(record.clone());
                file
            }
            Some(header) if same_columns(header, &record) => lines_after(file, body).ok_or_else(broken)?,
            Some(_) => return Err(Error::DamagedReport { what: "its files have different columns" }),
        };
        let mut last = 0;
        while read(&mut reader, &mut record)? {
            self.rows += 1;
            last = start(&record);
        }
        if ends_in_quotes(file.get(last..).unwrap_or_default()) {
            return Err(Error::DamagedReport { what: "a file ends inside quotes" });
        }
        if !self.text.is_empty() && !self.text.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(keep);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<CostDetails, Error> {
        let csv = String::from_utf8(self.text).map_err(|_| broken())?;
        Ok(CostDetails { csv, rows: self.rows })
    }
}

/// Where the header ends, its line end included.
fn header_end(file: &[u8]) -> Result<usize, Error> {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(file);
    read(&mut reader, &mut ByteRecord::new())?;
    let end = usize::try_from(reader.position().byte()).map_err(|_| broken())?;
    let (header, lines) = file.split_at_checked(end).ok_or_else(broken)?;
    // The reader stops between the two characters of a `\r\n`.
    Ok(if header.ends_with(b"\r") && lines.starts_with(b"\n") { end + 1 } else { end })
}

/// <https://github.com/finopsfoundation/focus_converters/issues/331>: agreements write one header in two cases.
fn same_columns(one: &ByteRecord, other: &ByteRecord) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// What follows the header that ends at `end`. The reader stops between the two characters of a `\r\n`.
fn lines_after(file: &[u8], end: usize) -> Option<&[u8]> {
    let (header, lines) = file.split_at_checked(end)?;
    if header.ends_with(b"\r") { Some(lines.strip_prefix(b"\n").unwrap_or(lines)) } else { Some(lines) }
}

/// The next record, if there is one. A line with more or fewer cells than the header is an error.
fn read(reader: &mut csv::Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, Error> {
    reader.read_byte_record(record).map_err(|error| match error.kind() {
        ErrorKind::UnequalLengths { .. } => {
            Error::DamagedReport { what: "a line has more or fewer cells than the header" }
        }
        _ => broken(),
    })
}

/// Where in its file a record starts.
fn start(record: &ByteRecord) -> usize {
    record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default()
}

/// Whether a line end after `record`, the last one of a file, would be a part of it: the reader takes the end of a file for
/// the end of quotes, and the rows of the file that comes next would be a cell of this one.
fn ends_in_quotes(record: &[u8]) -> bool {
    let cells = |text: &[u8]| {
        let mut cells = ByteRecord::new();
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(text);
        reader.read_byte_record(&mut cells).ok().map(|_| cells)
    };
    cells(record) != cells(&[record, b"\n"].concat())
}

const fn broken() -> Error {
    Error::DamagedReport { what: "a file is not a CSV" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(files: &[&str]) -> Result<CostDetails, Error> {
        let mut joined = Joined::default();
        files.iter().try_for_each(|file| joined.append(file.as_bytes()))?;
        joined.finish()
    }

    #[test]
    fn the_header_stays_once() {
        let details =
            join(&["a,b\r\n1,\"x\r\ny\"\r\n2,é", "\u{feff}a,b\n3,4\n", "a,\"b\"\n", "", "a,b\r\n5,6\r\n"])
                .unwrap();
        assert_eq!(details.csv, "a,b\r\n1,\"x\r\ny\"\r\n2,é\n3,4\n5,6\r\n");
        assert_eq!(details.rows, 4);
    }

    #[test]
    fn nothing_is_an_empty_report() {
        assert_eq!(join(&[]).unwrap(), CostDetails::default());
        assert_eq!(join(&["", "\u{feff}"]).unwrap(), CostDetails::default());
        assert_eq!(join(&["a,b\n"]).unwrap().rows, 0);
    }

    #[test]
    fn columns_that_differ_are_not_mixed() {
        assert!(join(&["a,b\n1,2\n", "b,a\n1,2\n"]).is_err());
        assert!(join(&["a,b\n1,2,3\n"]).is_err());
    }

    #[test]
    fn a_file_that_ends_inside_quotes_is_refused() {
        let swallowed = join(&["a,b\n1,\"x\n", "a,b\n3,4\n"]).unwrap_err();
        assert_eq!(swallowed.code(), "report_damaged");
        assert!(swallowed.detail().contains("ends inside quotes"), "{}", swallowed.detail());
        for damaged in
            ["a,b\n1,\"", "a,b\n1,\"\"\"", "a,b\n1,\"x\"\"", "a,b\r\n1,2\r\n\"3,4\r\n5,6\r\n", "a,\"b", "\""]
        {
            assert_eq!(join(&[damaged]).unwrap_err().code(), "report_damaged", "{damaged:?}");
        }
        for sound in
            ["a,b\n1,\"x\n\"", "a,b\n1,\"\"", "a,b\n1,\"\"\"\"\n", "a,b\n1,5\" disk", "a,b\n1,\"x\"\r\n\r\n"]
        {
            assert_eq!(join(&[sound]).unwrap().csv, sound);
        }
    }

    proptest! {
        #[test]
        fn files_below_each_other_have_the_rows_of_both(first in "a,b\n[12,\"\n\r]{0,12}", second in "a,b\n[12,\"\n\r]{0,12}") {
            let rows = |files: &[&str]| join(files).map(|details| details.rows);
            if let (Ok(one), Ok(other), Ok(both)) = (rows(&[&first]), rows(&[&second]), join(&[&first, &second])) {
                prop_assert_eq!(both.rows, one + other);
                // Read as a whole it has as many.
                prop_assert_eq!(rows(&[&both.csv]).unwrap(), both.rows);
            }
        }

        #[test]
        fn joining_equals_one_file(lines in proptest::collection::vec("[a-z]{1,3},[a-z\"]{0,3}", 0..20), cut in 0_usize..20, end in "\r?\n") {
            let lines: Vec<String> = lines.iter().map(|line| line.replace('"', "") + &end).collect();
            let file = |lines: &[String]| format!("h1,h2{end}{}", lines.concat());
            let (first, second) = lines.split_at(cut.min(lines.len()));
            prop_assert_eq!(join(&[&file(first), &file(second)]).unwrap(), join(&[&file(&lines)]).unwrap());
        }

        #[test]
        fn hostile_files_never_panic(first in proptest::collection::vec(any::<u8>(), 0..100), second in "\\PC{0,50}") {
            let mut joined = Joined::default();
            let _ = joined.append(&first).and_then(|()| joined.append(second.as_bytes()));
        }
    }
}
