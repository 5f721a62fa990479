//! Connections to the broker, each with the certificates of that moment.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::address::{BrokerAddress, Place};
use super::error::{SetupError, chain};
use super::tls::{Tls, TlsFiles};

/// How long a connection may take to be made, handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that nobody answers on is noticed within both together: before a call's deadline, so that it is tried
/// again, and not because a busy broker is late, for that would break every call under way.
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(7);
/// Errors travel in headers: claims of 8 KiB in base64, and the rest.
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Connections over a network at least, where a name has fewer addresses: behind one of them may stand many brokers, and
/// what spreads connections over them.
const LEAST_OVER_NETWORK: usize = 4;

/// How the broker is reached.
pub(super) struct Route {
    way: Way,
    endpoint: Endpoint,
}

enum Way {
    Loopback { host: String, port: u16 },
    Tls { host: String, port: u16, tls: Tls },
    Socket(PathBuf),
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    Address(SocketAddr),
    /// The unix socket of the route.
    Socket,
}

impl Route {
    /// # Errors
    /// [`SetupError`] if address and files do not fit, or a file cannot be used.
    pub(super) fn new(address: BrokerAddress, tls: Option<TlsFiles>) -> Result<Self, SetupError> {
        let (way, scheme, authority) = match (address.place, tls) {
            (Place::Loopback { host, port, authority }, None) => {
                (Way::Loopback { host, port }, "http", authority)
            }
            (Place::Socket(path), None) => (Way::Socket(path), "http", "localhost".to_owned()),
            (Place::Tls { host, port, authority }, Some(files)) => {
                let tls = Tls::load(files, host.clone())?;
                (Way::Tls { host, port, tls }, "https", authority)
            }
            (Place::Tls { .. }, None) => return Err(SetupError::NoTlsFiles),
            (_, Some(_)) => return Err(SetupError::TlsFilesUnused),
        };
        // The connector does TLS itself, so the endpoint's own address must not ask for it; the origin is what is sent.
        let endpoint = Endpoint::from(uri("http", &authority)?)
            .origin(uri(scheme, &authority)?)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_WITHIN)
            .http2_max_header_list_size(MAX_HEADER_BYTES);
        Ok(Self { way, endpoint })
    }

    /// The name that is to be looked up, if there is one.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        match &self.way {
            Way::Loopback { host, port } | Way::Tls { host, port, .. } => Some((host, *port)),
            Way::Socket(_) => None,
        }
    }

    /// How many connections there are to be to each of so many addresses.
    pub(super) fn connections_to_each(&self, addresses: usize) -> usize {
        match &self.way {
            Way::Tls { .. } => LEAST_OVER_NETWORK.div_ceil(addresses.max(1)),
            Way::Loopback { .. } | Way::Socket(_) => 1,
        }
    }

    /// Makes a connection to `target`, on which HTTP/2 begins with the first call. What is returned makes it again when the
    /// broker ends it.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub(super) async fn connect(self: Arc<Self>, target: Target) -> Result<Channel, String> {
        let first = self.stream(target).await.map_err(|error| chain(&error))?;
        let (first, endpoint) = (Mutex::new(Some(first)), self.endpoint.clone());
        Ok(endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let route = Arc::clone(&self);
            async move {
                let stream = match first {
                    Some(stream) => stream,
                    None => route.stream(target).await?,
                };
                Ok::<_, io::Error>(TokioIo::new(stream))
            }
        })))
    }

    async fn stream(&self, target: Target) -> io::Result<Box<dyn Stream>> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection within 3 s");
        timeout(CONNECT_TIMEOUT, self.stream_to(target)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn stream_to(&self, target: Target) -> io::Result<Box<dyn Stream>> {
        match (&self.way, target) {
            (Way::Loopback { .. }, Target::Address(address)) if !address.ip().is_loopback() => {
                Err(io::Error::other("plain text is for loopback only, and the name leads elsewhere"))
            }
            (Way::Loopback { .. }, Target::Address(address)) => Ok(Box::new(tcp(address).await?)),
            (Way::Tls { tls, .. }, Target::Address(address)) => {
                Ok(Box::new(tls.connect(tcp(address).await?).await?))
            }
            (Way::Socket(path), Target::Socket) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(io::Error::other(format!("the socket {}: {error}", path.display()))),
            },
            (_, target) => Err(io::Error::other(format!("{target:?} is no end of this route"))),
        }
    }
}

/// What HTTP/2 runs over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn uri(scheme: &str, authority: &str) -> Result<Uri, SetupError> {
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
    uri.map_err(|_| SetupError::Host(authority.to_owned()))
}
