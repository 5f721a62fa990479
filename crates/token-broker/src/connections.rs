//! Connections: accepts them, does the TLS handshake, finds out who is at the other end, and ends them in time.
//!
//! tonic would do the handshake itself, but with the certificate and authorities it was started with. Here each
//! handshake takes those in force, and whoever fails one, or takes long over it, holds nobody else up. This module
//! must not know what the peers may do.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use opentelemetry::metrics::Meter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{self, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use crate::consumers::{Consumers, Peer};
use crate::crowd::Crowd;
use crate::tls::ServerTls;
use door::{Door, Refused, Seat};
use watched::Watched;

mod door;

/// Handshakes at the same time. Beyond that the oldest gives way: a real one takes milliseconds, so it is one that
/// stalls.
const MAX_HANDSHAKES: usize = 512;
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long calls may go on when their connection has reached its age: longer than any call may take.
const AGE_GRACE: Duration = Duration::from_secs(30);
/// How long a connection lasts whose peer is not a consumer: it gets refusals only. If the peer has become one by then,
/// the connection goes on.
const STRANGER_AGE: Duration = Duration::from_secs(30);
/// How long to wait where the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from, and what is done with them first.
pub(crate) enum Listening {
    /// Plain text, which is for loopback.
    Loopback(TcpListener),
    /// Mutual TLS.
    MutualTls {
        listener: TcpListener,
        tls: Arc<Watched<ServerTls>>,
        /// After this age a connection is told to end; a little later it is ended.
        max_age: Duration,
    },
    /// A unix socket.
    Socket {
        listener: UnixListener,
        /// The user the socket belongs to, who is the broker's own.
        owner: u32,
    },
}

/// The connections that are ready for calls.
pub(crate) struct Incoming {
    ready: mpsc::Receiver<Connection>,
    // Dropped with the stream, and with it the listener: who connects afterwards is told at once.
    _accepting: JoinSet<()>,
}

impl Incoming {
    /// Starts to accept.
    pub(crate) fn new(listening: Listening, consumers: Arc<Consumers>, meter: &Meter) -> Self {
        let (out, ready) = mpsc::channel(16);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listening, Arc::new(Door::new(consumers, meter)), out));
        Self { ready, _accepting: accepting }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

/// A connection whose other end is known.
pub(crate) struct Connection {
    io: Box<dyn Io>,
    peer: Peer,
    /// Ends it by force, for a stream that is never closed would keep it for ever.
    end: Option<Pin<Box<Sleep>>>,
    /// How long it may last if a consumer has it.
    max_age: Option<Duration>,
    seat: Seat,
    door: Arc<Door>,
}

impl Connection {
    fn new(
        io: Box<dyn Io>,
        peer: Peer,
        max_age: Option<Duration>,
        door: &Arc<Door>,
    ) -> Result<Self, Refused> {
        let seat = door.enter(&peer)?;
        let age = if seat.is_strangers() { Some(STRANGER_AGE) } else { max_age };
        let end = age.map(|age| Box::pin(time::sleep(age)));
        Ok(Self { io, peer, end, max_age, seat, door: Arc::clone(door) })
    }

    /// Whether its time is over. A stranger's is not if the stranger has become a consumer.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(end) = &mut self.end {
            ready!(end.as_mut().poll(context));
            if !self.seat.is_strangers() || !self.door.recognise(&self.peer, &mut self.seat) {
                return Poll::Ready(());
            }
            self.end = self.max_age.map(|age| Box::pin(time::sleep(age)));
        }
        Poll::Pending
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_end(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// What bytes go over: TCP, TLS or a unix socket.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn accept_all(listening: Listening, door: Arc<Door>, out: mpsc::Sender<Connection>) {
    let mut handshakes = Crowd::new(MAX_HANDSHAKES);
    loop {
        match listening.accept().await {
            Ok(arrived) => {
                let (door, out) = (Arc::clone(&door), out.clone());
                handshakes.start(async move {
                    match arrived.connect(&door).await {
                        Ok(connection) => {
                            let _stopping = out.send(connection).await;
                        }
                        Err(refused) => door.refuse(&refused),
                    }
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted: is the limit of open files reached?");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an error is that of a connection which went away before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

impl Listening {
    async fn accept(&self) -> io::Result<Arrived> {
        match self {
            Self::Loopback(listener) => listener.accept().await.map(|(stream, _)| Arrived::Loopback(stream)),
            Self::MutualTls { listener, tls, max_age } => {
                let (stream, _) = listener.accept().await?;
                Ok(Arrived::MutualTls { stream, acceptor: tls.current().acceptor(), max_age: *max_age })
            }
            Self::Socket { listener, owner } => {
                let (stream, _) = listener.accept().await?;
                Ok(Arrived::Socket { stream, owner: *owner })
            }
        }
    }
}

/// A connection of which nothing is known yet.
enum Arrived {
    Loopback(TcpStream),
    MutualTls { stream: TcpStream, acceptor: TlsAcceptor, max_age: Duration },
    Socket { stream: UnixStream, owner: u32 },
}

impl Arrived {
    async fn connect(self, door: &Arc<Door>) -> Result<Connection, Refused> {
        match self {
            Self::Loopback(stream) => {
                Connection::new(Box::new(without_delay(stream)), Peer::Loopback, None, door)
            }
            Self::Socket { stream, owner } => {
                let uid = stream.peer_cred().map_err(Refused::Handshake)?.uid();
                let peer = Peer::User { uid, own: uid == owner || uid == 0 };
                Connection::new(Box::new(stream), peer, None, door)
            }
            Self::MutualTls { stream, acceptor, max_age } => {
                let handshake = acceptor.accept(without_delay(stream));
                let stream = time::timeout(HANDSHAKE_DEADLINE, handshake)
                    .await
                    .map_err(|_| Refused::Slow)?
                    .map_err(Refused::Handshake)?;
                let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let leaf = leaf.map_or(&[][..], AsRef::as_ref);
                let peer = Peer::of_certificate(leaf).map_err(Refused::Certificate)?;
                Connection::new(Box::new(stream), peer, Some(max_age + AGE_GRACE), door)
            }
        }
    }
}

/// A call is a few small frames, which must not wait for more to come.
fn without_delay(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    stream
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::door::tests::{CONSUMERS, Entrance, peer};
    use super::*;

    #[tokio::test]
    async fn a_connection_ends_at_its_age_whatever_it_waits_for() {
        let door = Entrance::mutual_tls([9, 9, 9]).door;
        let connection = |age| {
            let (here, there) = tokio::io::duplex(64);
            (Connection::new(Box::new(here), peer(&["a.test"]), age, &door).unwrap(), there)
        };
        let (mut ageing, _there) = connection(Some(Duration::from_millis(10)));
        let error = ageing.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (mut ageless, mut there) = connection(None);
        there.write_u8(7).await.unwrap();
        assert_eq!(ageless.read_u8().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_strangers_connection_is_short_and_a_consumers_of_late_goes_on() {
        let entrance = Entrance::mutual_tls([9, 9, 9]);
        let age = Duration::from_secs(3600);
        let stranger = async |name: &str| {
            let (here, there) = tokio::io::duplex(64);
            let connection = Connection::new(Box::new(here), peer(&[name]), Some(age), &entrance.door);
            let mut connection = connection.unwrap();
            assert!(left(&connection) <= STRANGER_AGE);
            // As if that time were over. A timer of no length is over only at the next tick: that is waited for.
            let mut over = Box::pin(time::sleep(Duration::ZERO));
            over.as_mut().await;
            connection.end = Some(over);
            (connection, there)
        };
        let ((mut one, _theirs), (mut late, mut there)) =
            (stranger("one.test").await, stranger("late.test").await);

        entrance.change(&CONSUMERS.replace("b.test", "late.test"));

        assert_eq!(one.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        there.write_u8(7).await.unwrap();
        assert_eq!(late.read_u8().await.unwrap(), 7);
        assert!(left(&late) > STRANGER_AGE, "as long as a consumer's");
    }

    fn left(connection: &Connection) -> Duration {
        connection.end.as_ref().unwrap().deadline() - time::Instant::now()
    }
}
