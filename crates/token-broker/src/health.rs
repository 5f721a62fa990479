//! Where the broker says how it is, over HTTP: short connections, few at a time, and the oldest gives way, so that whoever
//! opens many and says nothing keeps no probe out.
//!
//! This module must not know what is said.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::{Args, Parser};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use telemetry::probe::{self, EXIT_CODES, Place, ProbeArgs};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{self, timeout};
use tokio_rustls::TlsAcceptor;
use watched::Watched;

use crate::crowd::Crowd;
use crate::tls::ServerTls;

/// Connections of one address at a time. A probe takes milliseconds.
const MAX_CONNECTIONS: usize = 64;
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How old a connection may grow. Who scrapes over one that is kept connects again.
const MAX_AGE: Duration = Duration::from_secs(60);
/// How long a request may take when its connection has reached its age.
const LAST_REQUEST: Duration = Duration::from_secs(5);
/// How long to wait where the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the broker says how it is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Health and metrics")]
pub struct HealthArgs {
    /// Where /healthz, /readyz and /metrics are served: in plain text on loopback, and beyond it over TLS, with
    /// BROKER_TLS_CERT_FILE and BROKER_TLS_KEY_FILE.
    #[arg(long, env = "BROKER_ADMIN_LISTEN", default_value = "127.0.0.1:9051")]
    pub admin_listen: SocketAddr,

    /// PEM file with the authorities that certificates of whoever asks the admin address over TLS must come from [default:
    /// none is asked for].
    #[arg(long, env = "BROKER_ADMIN_CLIENT_CA_FILE")]
    pub admin_client_ca_file: Option<PathBuf>,

    /// Where /healthz and /readyz alone are served, a status and a word each, in plain text: for probes of any platform,
    /// and hence on any address [default: none].
    #[arg(long, env = "BROKER_HEALTH_LISTEN")]
    pub health_listen: Option<SocketAddr>,
}

/// Asks the broker of this machine whether it can do its work, once. Where it asks, the broker's own settings say, by flag or
/// environment.
#[derive(Debug, Parser)]
#[command(name = "token-broker probe", bin_name = "token-broker probe", version, after_help = EXIT_CODES)]
struct Probe {
    #[command(flatten)]
    how: ProbeArgs,

    #[command(flatten)]
    health: HealthArgs,
}

/// `token-broker probe`: asks, and tells the exit code. The first argument is its name.
pub async fn probe(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match probe::parse::<Probe>(arguments) {
        Ok(Probe { how, health: HealthArgs { admin_listen, health_listen, admin_client_ca_file } }) => {
            if admin_client_ca_file.is_some() && health_listen.is_none() {
                return probe::failed(
                    "BROKER_ADMIN_CLIENT_CA_FILE lets nobody in without a certificate: set BROKER_HEALTH_LISTEN",
                );
            }
            probe::run(how, Place::of(health_listen, admin_listen, is_over_tls(admin_listen))).await
        }
        Err(code) => code,
    }
}

/// Metrics and the names of checks travel in plain text on loopback only.
pub(crate) fn is_over_tls(admin_listen: SocketAddr) -> bool {
    !admin_listen.ip().is_loopback()
}

/// Serves `router`, for ever.
pub(crate) async fn serve(listener: TcpListener, tls: Option<Arc<Watched<ServerTls>>>, router: Router) {
    let mut connections = Crowd::new(MAX_CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let acceptor = tls.as_ref().map(|tls| tls.current().acceptor());
                connections.start(connection(stream, acceptor, router.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "no connection was accepted");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, router: Router) {
    let Some(acceptor) = acceptor else { return speak(stream, router).await };
    // A handshake that fails or stalls is nobody's.
    if let Ok(Ok(stream)) = timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await {
        speak(stream, router).await;
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, router: Router) {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new());
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How it ended is its peer's affair.
    if timeout(MAX_AGE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ended = timeout(LAST_REQUEST, connection).await;
    }
}
