//! Connections to the broker: made when needed, again when they end, with the certificates of that moment.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::{ServiceExt as _, service_fn};

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

/// A channel to `address` that connects when first used.
pub(super) fn lazily(address: BrokerAddress, tls: Option<TlsFiles>) -> Result<Channel, SetupError> {
    let (way, scheme, authority) = match (address.place, tls) {
        (Place::Loopback { authority }, None) => (Way::Loopback(uri("http", &authority)?), "http", authority),
        (Place::Socket(path), None) => (Way::Socket(path.into()), "http", "localhost".to_owned()),
        (Place::Tls { authority, host }, Some(files)) => {
            let tls = Tls::load(files, host)?;
            (Way::Tls(uri("http", &authority)?, tls), "https", authority)
        }
        (Place::Tls { .. }, None) => return Err(SetupError::NoTlsFiles),
        (_, Some(_)) => return Err(SetupError::TlsFilesUnused),
    };
    // The connector does TLS itself, so the endpoint's own address must not ask for it; the origin is what is sent.
    let endpoint = Endpoint::from(uri("http", &authority)?)
        .origin(uri(scheme, &authority)?)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .http2_max_header_list_size(MAX_HEADER_BYTES);
    let way = Arc::new(way);
    Ok(endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
        let way = Arc::clone(&way);
        async move { way.connect().await.map(TokioIo::new) }
    })))
}

/// How the broker is reached.
enum Way {
    Loopback(Uri),
    Tls(Uri, Tls),
    Socket(Arc<Path>),
}

impl Way {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Loopback(uri) => {
                let stream = tcp(uri).await?;
                if !stream.peer_addr()?.ip().is_loopback() {
                    return Err(io::Error::other(
                        "plain text is for loopback only, and the name leads elsewhere",
                    ));
                }
                Ok(Box::new(stream))
            }
            Self::Tls(uri, tls) => Ok(Box::new(tls.connect(tcp(uri).await?).await?)),
            Self::Socket(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(io::Error::other(format!("the socket {}: {error}", path.display()))),
            },
        }
    }
}

/// What HTTP/2 runs over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Tries every address that the name has now: a name may stand for many replicas.
async fn tcp(uri: &Uri) -> io::Result<TcpStream> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let stream = connector.oneshot(uri.clone()).await.map_err(|error| io::Error::other(chain(&error)))?;
    Ok(stream.into_inner())
}

fn uri(scheme: &str, authority: &str) -> Result<Uri, SetupError> {
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build();
    uri.map_err(|_| SetupError::Host(authority.to_owned()))
}
