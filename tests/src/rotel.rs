//! A real collector that we did not write: Rotel takes OTLP over gRPC and over HTTP, and passes on what it understood.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use flate2::read::GzDecoder;
use telemetry::testing::FinishedSpan;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::processes::free_addresses;
use received::Received;

mod received;

/// How Rotel is installed, for a test that does not find it.
pub const INSTALL_ROTEL: &str = "make setup (tests/setup.sh services)";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Rotel. It ends when this is dropped.
#[derive(Debug)]
pub struct Rotel {
    process: Child,
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    received: Arc<Mutex<Received>>,
    kept: JoinHandle<()>,
}

impl Rotel {
    /// Starts it, with its log in this folder, and waits until it listens.
    ///
    /// # Errors
    /// When it is not installed, or does not start; its log says why.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let received = Arc::new(Mutex::new(Received::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let passed_on_to = format!("http://{}", listener.local_addr()?);
        let keep = Router::new().fallback(keep).with_state(Arc::clone(&received));
        let kept = tokio::spawn(async move {
            let _ = axum::serve(listener, keep).await;
        });
        let [grpc, http] = free_addresses()?;
        let log = std::fs::File::create(folder.join("rotel.log"))?;
        let process = Command::new(program()?)
            .arg("start")
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &passed_on_to, "--batch-timeout", "50ms"])
            .arg("--pid-file")
            .arg(folder.join("rotel.pid"))
            .arg("--log-file")
            .arg(folder.join("rotel-agent.log"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("Rotel cannot be started: {INSTALL_ROTEL}"))?;
        let mut rotel = Self { process, grpc, http, received, kept };
        for address in [grpc, http] {
            rotel.listens(address).await?;
        }
        Ok(rotel)
    }

    /// Every span that it got, with the service that sent it, in the order in which they began.
    pub fn spans(&self) -> Vec<(String, FinishedSpan)> {
        let mut spans = self.received().spans.clone();
        spans.sort_by_key(|(began, ..)| *began);
        spans.into_iter().map(|(_, service, span)| (service, span)).collect()
    }

    /// The metrics that it got, by the service that sent them and their name.
    pub fn metrics(&self) -> BTreeSet<(String, String)> {
        self.received().metrics.clone()
    }

    /// What each service says of itself, whatever it sends: attributes of resources, as `key=value`.
    pub fn resources(&self) -> BTreeSet<(String, String)> {
        self.received().resources.clone()
    }

    /// The log records that it got, as the lines of JSON that a collector would keep them in.
    pub fn logs(&self) -> String {
        self.received().logs.join("\n")
    }

    /// All that it got, as it came: what is in there is known to whoever keeps it.
    pub fn bytes(&self) -> Vec<u8> {
        self.received().bytes.clone()
    }

    fn received(&self) -> std::sync::MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listens(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let limit = tokio::time::Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            if self.process.try_wait()?.is_some() {
                bail!("Rotel ended at once; see rotel.log");
            }
            if tokio::time::Instant::now() > limit {
                bail!("Rotel does not listen within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        self.kept.abort();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program inside the package, which has no name of its own in the folder of programs.
fn program() -> anyhow::Result<std::path::PathBuf> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join(".rotel/lib");
    let pythons = std::fs::read_dir(lib).with_context(|| format!("Rotel is missing: {INSTALL_ROTEL}"))?;
    let agents = pythons.filter_map(|python| {
        let agent = python.ok()?.path().join("site-packages/rotel/rotel-agent");
        agent.is_file().then_some(agent)
    });
    agents.last().with_context(|| format!("Rotel is missing: {INSTALL_ROTEL}"))
}

/// Keeps what Rotel passes on, which it compresses.
async fn keep(
    State(received): State<Arc<Mutex<Received>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut plain = Vec::new();
    let is_compressed = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    let read = if is_compressed {
        GzDecoder::new(&*body).read_to_end(&mut plain)
    } else {
        (&*body).read_to_end(&mut plain)
    };
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    let is_taken = read.is_ok() && received.take(uri.path(), &plain);
    if is_taken { StatusCode::OK } else { StatusCode::BAD_REQUEST }
}
