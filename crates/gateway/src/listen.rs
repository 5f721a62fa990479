//! One listener: plain on loopback, TLS elsewhere, TCP_NODELAY, drained on shutdown.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

/// How long the head of a request may take, from the moment the connection is free for it. Time that this process
/// is too busy to read counts too, hence hyper's own default and no less.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// How many new connections may wait to be accepted; the kernel's own limit (`net.core.somaxconn`) is 4096 by default.
const ACCEPT_QUEUE: u32 = 4096;
/// How often an HTTP/2 connection without traffic is asked whether somebody is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How a listener is served.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) tls: Option<RustlsConfig>,
    pub(crate) drain: Duration,
    pub(crate) shutdown: CancellationToken,
}

impl Serving {
    /// Serves `app` until shutdown, then lets calls in flight finish for as long as `drain`.
    pub(crate) async fn run(self, listener: TcpListener, app: Router) -> std::io::Result<()> {
        let handle = Handle::<SocketAddr>::new();
        let (stop, drain) = (handle.clone(), self.drain);
        let watcher = tokio::spawn(async move {
            self.shutdown.cancelled().await;
            stop.graceful_shutdown(Some(drain));
        });
        let mut server =
            axum_server::from_tcp(listener)?.handle(handle).first_request_timeout(HEADER_DEADLINE);
        // Who sends no request, or a bit of one at a time, must not hold a connection.
        let builder = server.http_builder();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(HEADER_DEADLINE);
        let outcome = match self.tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
                server.acceptor(acceptor).serve(app.into_make_service()).await
            }
            None => server.acceptor(NoDelayAcceptor::new()).serve(app.into_make_service()).await,
        };
        watcher.abort();
        outcome
    }
}

/// Binds an address; the caller learns the port before anything is served.
///
/// With a queue for a burst of new connections: where it overflows (the standard library's holds 128), the kernel
/// resets connections that clients believe to be made.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)?.into_std()
}

/// Loads the certificate that both addresses are served with.
pub(crate) async fn tls(certificate: &Path, key: &Path) -> std::io::Result<RustlsConfig> {
    RustlsConfig::from_pem_file(certificate, key).await
}
