//! What an export takes of the memory, however large the report. A process of its own: what else it held would be counted.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::sync::Arc;

use cost::{Client, ExportPlan, ExportProgress, Format, Metric, Period};
use jiff::civil::date;
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const COLUMNS: usize = 60;
const ROWS: usize = 64 * 1024;
/// The most that the peak may grow by, whatever the format. The report has 66 MB.
const MOST_MIB: u64 = 40;

/// Counts what it is given.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn header() -> String {
    let text = (2..COLUMNS).map(|at| format!(",column{at}"));
    format!("Date,CostInBillingCurrency{}\r\n", text.collect::<String>())
}

/// A row of about a kilobyte, whose cells differ from those of other rows. All are of one length.
fn row(number: usize) -> String {
    let digits = format!("{number:012}");
    let mut row = format!("11/{:02}/2026,{digits}.25", number % 21 + 1);
    for at in 2..COLUMNS {
        // Put together by hand: this is most of what the test does.
        row.push_str(",c");
        row.push(char::from(b'0' + u8::try_from(at / 10).unwrap()));
        row.push(char::from(b'0' + u8::try_from(at % 10).unwrap()));
        row.push('-');
        row.push_str(&digits);
    }
    row + "\r\n"
}

fn size(rows: usize) -> usize {
    header().len() + rows * row(0).len()
}

/// Azure and its storage in one: a report of so many rows, made while it is sent.
async fn answer(mut connection: TcpStream, rows: usize, bytes: usize, own: String) {
    let mut head = vec![0; 16 * 1024];
    let read = connection.read(&mut head).await.unwrap();
    if !head[..read].starts_with(b"GET /file") {
        let blob = json!({"blobLink": format!("http://{own}/file?sig=1"), "byteCount": bytes});
        let body = json!({"status": "Completed", "manifest": {"blobs": [blob]}}).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        return connection.write_all(head.as_bytes()).await.unwrap();
    }
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: {bytes}\r\n\r\n");
    connection.write_all(format!("{head}{}", header()).as_bytes()).await.unwrap();
    for first in (0..rows).step_by(64) {
        let chunk: String = (first..rows.min(first + 64)).map(row).collect();
        connection.write_all(chunk.as_bytes()).await.unwrap();
    }
}

async fn export(format: Format, rows: usize) -> u64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().to_string();
    let (bytes, address) = (size(rows), own.clone());
    let server = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, rows, bytes, address.clone()));
        }
    });
    #[expect(clippy::disallowed_methods, reason = "stands for the client that a service passes in")]
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = Client::new(http, format!("http://{own}/").parse().unwrap(), vec![own]);
    let scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
    let period = Period::new(date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22)).unwrap();
    let plan = ExportPlan::new(scope, format, period, Metric::Actual).unwrap();
    let progress = Arc::new(ExportProgress::default());
    let (exported, sink) =
        client.export(&plan, &SecretString::from("t"), Counted(0), &progress).await.unwrap();
    assert_eq!((exported.rows, exported.bytes_read), (rows as u64, bytes as u64));
    server.abort();
    sink.0
}

/// The most memory that this process ever had.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn a_large_report_takes_no_more_memory_than_a_small_one() {
    let formats = [Format::Csv, Format::CsvGz, Format::Jsonl, Format::Parquet];
    for format in formats {
        export(format, 10).await;
    }
    let before = peak_mib();
    for format in formats {
        let written = export(format, ROWS).await;
        assert!(written > 1024 * 1024, "{format:?}: {written}");
        let grown = peak_mib() - before;
        assert!(grown <= MOST_MIB, "{format:?}: the peak grew by {grown} MiB");
    }
}
