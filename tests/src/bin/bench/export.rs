//! A million rows of sixty columns, about a gigabyte, from a storage on loopback into each format: how fast, and with how much
//! memory, next to `gzip` over the same bytes. Each format is written by a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use cost::{Client, ExportPlan, ExportProgress, Format, Metric, Period, Scope};
use jiff::civil::date;
use secrecy::SecretString;
use serde_json::json;

use super::{report, usage};

const COLUMNS: usize = 60;
/// Rows that are made once and sent again and again.
const ROWS: usize = 4_000;
const TIMES: usize = 250;
/// The most that a process may have at its peak, in MiB.
const MOST: f64 = 96.0;

/// Writes each format once.
pub(super) fn measure() -> anyhow::Result<()> {
    let (header, rows) = (header(), rows());
    let bytes = header.len() + rows.len() * TIMES;
    let address = serve(header, rows.clone())?;
    report::export_head(bytes, ROWS * TIMES);
    let began = Instant::now();
    let packed = gzip(&rows)?;
    report::export("cat | gzip", bytes, packed, began.elapsed(), None, MOST);
    for format in [Format::Csv, Format::CsvGz, Format::Jsonl, Format::Parquet] {
        let began = Instant::now();
        let (written, peak) = child(address, format)?;
        report::export(format.name(), bytes, written, began.elapsed(), Some(peak), MOST);
    }
    Ok(())
}

/// This program once more, which exports; the bytes it wrote, and its peak in KiB.
fn child(address: SocketAddr, format: Format) -> anyhow::Result<(u64, u64)> {
    let mut command = Command::new(std::env::current_exe()?);
    let done =
        command.args(["export", &address.to_string(), format.name()]).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8(done.stdout)?;
    ensure!(done.status.success(), "{}: {said}", format.name());
    let (written, peak) = said.trim().split_once(' ').context("two numbers")?;
    Ok((written.parse()?, peak.parse()?))
}

/// In the child: exports, and says how much it wrote and what it took.
///
/// # Errors
/// When it cannot.
#[expect(clippy::print_stdout, reason = "who started it reads the figures there")]
pub(super) async fn write(address: SocketAddr, format: &str) -> anyhow::Result<()> {
    let Some(format) = Format::ALL.into_iter().find(|known| known.name() == format) else {
        bail!("no format: {format}")
    };
    #[expect(clippy::disallowed_methods, reason = "the bench is an edge: it makes its own client")]
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = Client::new(http, format!("http://{address}/").parse()?, vec![address.to_string()]);
    let scope: Scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse()?;
    let period = Period::new(date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22))?;
    let plan = ExportPlan::new(scope, format, period, Metric::Actual)?;
    let progress = Arc::new(ExportProgress::default());
    let (exported, sink) = client.export(&plan, &SecretString::from("t"), Counted(0), &progress).await?;
    ensure!(exported.rows == (ROWS * TIMES) as u64, "{} rows", exported.rows);
    let memory = usage::memory(std::process::id()).context("the memory is not known")?;
    println!("{} {}", sink.0, memory.peak);
    Ok(())
}

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
    format!("\u{feff}Date,CostInBillingCurrency{}\r\n", text.collect::<String>())
}

/// Rows of about a kilobyte: as in Azure's reports, some cells are the same in many rows, and some in none.
fn rows() -> String {
    let row = |number: usize| {
        let text = (2..COLUMNS).map(|at| match at % 3 {
            0 => format!(",column-{at:02}-of-all"),
            1 => format!(",c{at:02}-{:09}", number % 97),
            _ => format!(",c{at:02}-{:014}", number * 7_919 + at),
        });
        let day = number % 21 + 1;
        format!("11/{day:02}/2026,{number}.25E-05{}\r\n", text.collect::<String>())
    };
    (0..ROWS).map(row).collect()
}

/// The bytes that gzip makes of it.
fn gzip(rows: &str) -> anyhow::Result<u64> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut sent, mut packed) = (gzip.stdin.take().context("stdin")?, gzip.stdout.take().context("stdout")?);
    let rows = rows.to_owned();
    let sender = std::thread::spawn(move || (0..TIMES).try_for_each(|_| sent.write_all(rows.as_bytes())));
    let bytes = std::io::copy(&mut packed, &mut std::io::sink())?;
    sender.join().map_err(|_| anyhow::anyhow!("nothing was sent"))??;
    ensure!(gzip.wait()?.success(), "gzip failed");
    Ok(bytes)
}

/// Azure and its storage in one, on threads of their own.
fn serve(header: String, rows: String) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let file = Arc::new((header, rows));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let file = Arc::clone(&file);
            std::thread::spawn(move || answer(&connection, address, &file));
        }
    });
    Ok(address)
}

fn answer(
    mut connection: &TcpStream,
    own: SocketAddr,
    (header, rows): &(String, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let (mut first, mut line, mut body) = (String::new(), String::new(), 0);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        let length = line.to_ascii_lowercase();
        body = length.strip_prefix("content-length:").and_then(|it| it.trim().parse().ok()).unwrap_or(body);
        line.clear();
    }
    std::io::copy(&mut reader.by_ref().take(body), &mut std::io::sink())?;
    let bytes = header.len() + rows.len() * TIMES;
    let head = |length| {
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"1\"\r\ncontent-length: {length}\r\n\r\n")
    };
    if !first.starts_with("GET /file") {
        let blob = json!({"blobLink": format!("http://{own}/file?sig=1"), "byteCount": bytes});
        let body = json!({"status": "Completed", "manifest": {"blobs": [blob]}}).to_string();
        return connection.write_all(format!("{}{body}", head(body.len())).as_bytes());
    }
    connection.write_all(format!("{}{header}", head(bytes)).as_bytes())?;
    (0..TIMES).try_for_each(|_| connection.write_all(rows.as_bytes()))
}
