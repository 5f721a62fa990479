//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use watched::Watched;

use super::clients::Asking;
use super::head::{self, CountedIo};
use super::pace::Patience;
use super::places::{Place, TooMany};
use super::{Listening, ServerTls};

/// How long a TLS handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How often a connection's pace is looked at: it may be over time by so much.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a connection that waits, and is told to end, may take over it.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often an HTTP/2 connection without traffic is asked whether somebody is there, and how long the answer may take.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// What every connection of a listener is served with.
pub(super) struct Serving {
    app: Router,
    http: Builder<TokioExecutor>,
    tls: Option<Arc<Watched<ServerTls>>>,
    patience: Patience,
    head_too_long: Arc<str>,
    too_many: Arc<str>,
    shutdown: CancellationToken,
}

/// Why a connection ends before its peer ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It waited too long, reached its age, or the service stops. What is under way is finished.
    Due,
    /// Another takes its place.
    MadeRoom,
}

impl Serving {
    pub(super) fn new(app: Router, listening: &Listening) -> Self {
        Self {
            app,
            http: http(),
            tls: listening.tls.clone(),
            patience: listening.patience,
            head_too_long: Arc::clone(&listening.head_too_long),
            too_many: Arc::clone(&listening.too_many),
            shutdown: listening.shutdown.clone(),
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, place: Place) {
        // Where it cannot be set, answers take longer.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.speak(stream, place).await };
        let handshake = tls.current().acceptor().accept(stream);
        let shaken = tokio::select! {
            shaken = timeout(HANDSHAKE_DEADLINE, handshake) => shaken,
            () = place.is_to_leave() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.speak(stream, place).await,
            Ok(Err(_)) => place.failed("handshake"),
            Err(_) => place.failed("slow"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S, place: Place) {
        let place = Arc::new(place);
        let (counted, too_long) = CountedIo::new(stream, Arc::clone(&place));
        let app = TowerToHyperService::new(self.app.clone());
        let service = |mut request: Request<Incoming>| {
            let asking = place.asks(request.headers());
            let asker = place.asker(request.headers());
            request.extensions_mut().insert(asker);
            let under_way = UnderWay::begin(&place);
            // Each request of a client counts from here to the last byte of its answer.
            let answer = asking.map(|asking| (app.call(request.map(Body::new)), asking));
            let too_many = Arc::clone(&self.too_many);
            async move {
                let (response, asking) = match answer {
                    Ok((answer, asking)) => (answer.await?, asking),
                    Err(TooMany) => (refused(&too_many), None),
                };
                Ok::<_, Infallible>(response.map(|body| Paced { body, _under_way: (under_way, asking) }))
            }
        };
        let service = hyper::service::service_fn(service);
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(counted), service));
        let end = tokio::select! {
            _ended = connection.as_mut() => None,
            end = self.end_of(&place) => Some(end),
        };
        if let Some(end) = end {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(self.farewell(end, &place), connection.as_mut()).await;
        }
        if let Some(stream) = too_long.taken() {
            head::refuse(stream, &self.head_too_long).await;
        }
    }

    /// Waits for the moment at which this connection must end.
    async fn end_of(&self, place: &Place) -> End {
        loop {
            let (now, deadline) = (Instant::now(), place.pace().deadline(&self.patience));
            if deadline <= now {
                return End::Due;
            }
            tokio::select! {
                () = sleep_until(deadline.min(now + LOOK_EVERY)) => {}
                () = place.is_to_leave() => return End::MadeRoom,
                () = self.shutdown.cancelled() => return End::Due,
            }
        }
    }

    /// A request under way is finished. It has a deadline of its own, and the listener one for all when the service stops.
    fn farewell(&self, end: End, place: &Place) -> Duration {
        match end {
            End::Due if place.pace().waits().is_none() => self.patience.last_request,
            End::Due | End::MadeRoom => FAREWELL,
        }
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // How long a head may take is the pace's business, which tells it from an idle connection.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(head::READ_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(head::MAX_H2_LIST_BYTES)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}

fn refused(body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A request that is being answered, to the last byte of its answer.
struct UnderWay(Arc<Place>);

impl UnderWay {
    fn begin(place: &Arc<Place>) -> Self {
        place.pace().request_begins();
        Self(Arc::clone(place))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.pace().request_ends(Instant::now());
    }
}

/// An answer's body, which ends its request when it is dropped.
struct Paced {
    body: Body,
    _under_way: (UnderWay, Option<Asking>),
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
