//! One listener: connections bounded in number, age and patience, plain on loopback, TLS elsewhere, drained on shutdown.
//!
//! | module | what it holds |
//! |---|---|
//! | `places` | how many connections there may be, and which one gives way |
//! | `pace` | how long a connection may take over what it is doing |
//! | `connection` | one connection, from the handshake to its end |
//! | `clients` | requests under way of each client behind a proxy |
//! | `head` | the bytes of a request's head, counted, and the answer to one that is too long |
//! | `tls` | the certificate, followed |
//! | `descriptors` | how many files this process may have open |
//!
//! This module must not know what is served.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watched::Watched;

pub(crate) use head::MAX_FIELD_BYTES;
pub(crate) use pace::Patience;
pub(crate) use places::{Asker, Limits, Places};
pub(crate) use tls::{ServerTls, watch as watch_tls};

use connection::Serving;

mod clients;
mod connection;
pub(crate) mod descriptors;
mod head;
mod pace;
mod places;
#[cfg(test)]
mod tests;
mod tls;

/// How many new connections may wait to be accepted; the kernel's own limit (`net.core.somaxconn`) is 4096 by default.
const ACCEPT_QUEUE: u32 = 4096;
/// How long to wait where the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a listener is served.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) tls: Option<Arc<Watched<ServerTls>>>,
    pub(crate) patience: Patience,
    /// The answer, in JSON, to a request whose head is too long to be looked at.
    pub(crate) head_too_long: Arc<str>,
    /// The answer, in JSON, to a request of a client behind a proxy that has too many under way.
    pub(crate) too_many: Arc<str>,
    /// How long calls in flight may finish once the service stops.
    pub(crate) drain: Duration,
    pub(crate) shutdown: CancellationToken,
}

impl Listening {
    /// Serves `app` until shutdown, then lets calls in flight finish for as long as `drain`.
    pub(crate) async fn run(self, listener: TcpListener, places: Arc<Places>, app: Router) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let serving = Arc::new(Serving::new(app, &self));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                // What has ended is let go of at once.
                Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => seat(&mut connections, &serving, &places, stream, peer),
                    Err(error) => not_accepted(&error, &places).await,
                },
            }
        }
        // Who connects from here on is told at once.
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(self.drain, ended).await;
        connections.shutdown().await;
        Ok(())
    }
}

fn seat(
    connections: &mut JoinSet<()>,
    serving: &Arc<Serving>,
    places: &Arc<Places>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // Without a place the connection closes here.
    if let Some(place) = places.enter(peer.ip()) {
        connections.spawn(Arc::clone(serving).serve(stream, place));
    }
}

/// A connection that broke before it was accepted is nobody's; where the system has no room, the idle make some.
async fn not_accepted(error: &io::Error, places: &Places) {
    if descriptors::ran_out(error) {
        places.no_descriptors();
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Binds an address; the caller learns the port before anything is served.
///
/// With a queue for a burst of new connections: where it overflows (the standard library's holds 128), the kernel
/// resets connections that clients believe to be made.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_QUEUE)?.into_std()
}
