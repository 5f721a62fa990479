//! The listeners: four with TLS and one of plain HTTP.
//!
//! Must not know what is served on them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Shared;
use axum::middleware::map_response_with_state;
use axum::response::Response;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use http::header::DATE;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::tls::Tls;
use crate::world::World;

/// Connections waiting to be accepted: load tests open thousands at once.
const BACKLOG: u32 = 4_096;
/// How long calls in flight may take to finish at shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// The bound sockets.
pub(crate) struct Listeners {
    entra: TcpListener,
    arm: TcpListener,
    graph: TcpListener,
    blob: TcpListener,
    metadata: TcpListener,
}

/// What is served on each of them.
pub(crate) struct Routers {
    pub(crate) entra: Router,
    pub(crate) arm: Router,
    pub(crate) graph: Router,
    pub(crate) blob: Router,
    pub(crate) metadata: Router,
}

impl Listeners {
    pub(crate) fn bind(config: &Config) -> io::Result<Self> {
        let ports = config.ports;
        let bind = |port| listen(SocketAddr::new(config.bind, port));
        Ok(Self {
            entra: bind(ports.entra)?,
            arm: bind(ports.arm)?,
            graph: bind(ports.graph)?,
            blob: bind(ports.blob)?,
            // Without TLS, and hence for this machine alone, as in life.
            metadata: listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ports.metadata))?,
        })
    }

    /// Where they are, for clients that know the machine as `host`.
    pub(crate) fn endpoints(&self, host: &str) -> io::Result<Endpoints> {
        let at = |listener: &TcpListener| -> io::Result<String> {
            Ok(format!("{host}:{}", listener.local_addr()?.port()))
        };
        Ok(Endpoints {
            authority: format!("https://{}", at(&self.entra)?),
            arm: format!("https://{}", at(&self.arm)?),
            graph: format!("https://{}", at(&self.graph)?),
            blob: at(&self.blob)?,
            metadata: format!("http://{}", self.metadata.local_addr()?),
        })
    }

    /// Serves until [`Servers`] end.
    pub(crate) fn serve(self, routers: Routers, tls: Tls, world: &Arc<World>) -> io::Result<Servers> {
        let tls = RustlsConfig::from_config(tls.server);
        let secured = [
            (self.entra, routers.entra),
            (self.arm, routers.arm),
            (self.graph, routers.graph),
            (self.blob, routers.blob),
        ];
        let mut servers = Servers(Vec::new());
        for (listener, router) in secured {
            let router = router.layer(map_response_with_state(Arc::clone(world), dated));
            servers.0.push(serve(listener, router, Some(tls.clone()))?);
        }
        servers.0.push(serve(self.metadata, routers.metadata, None)?);
        Ok(servers)
    }
}

type Running = (Handle<SocketAddr>, JoinHandle<io::Result<()>>);

/// What is being served. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct Servers(Vec<Running>);

impl Servers {
    /// Stops listening and lets calls in flight finish, for at most five seconds.
    pub(crate) async fn shutdown(mut self) {
        for (handle, _) in &self.0 {
            handle.graceful_shutdown(Some(GRACE));
        }
        for (_, task) in self.0.drain(..) {
            if let Ok(Err(error)) = task.await {
                tracing::warn!(%error, "a listener ended with an error");
            }
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (handle, _) in &self.0 {
            handle.shutdown();
        }
    }
}

/// Dates an answer by the emulator's clock: whoever compares clocks must see one clock everywhere.
async fn dated(Shared(world): Shared<Arc<World>>, mut response: Response) -> Response {
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&world.clock.now());
    if let Some(date) = date.ok().and_then(|date| date.parse().ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves in a task of its own: with TLS, or without.
fn serve(listener: TcpListener, router: Router, tls: Option<RustlsConfig>) -> io::Result<Running> {
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener.into_std()?)?.handle(handle.clone());
    let service = router.into_make_service();
    let task = match tls {
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
            tokio::spawn(server.acceptor(acceptor).serve(service))
        }
        None => tokio::spawn(server.serve(service)),
    };
    Ok((handle, task))
}
