//! The transport of the client: each call goes to one of the connections that are up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Service, ServiceExt as _};

use super::connect::Route;
use super::keeper::{Demand, Keeper, State};
use super::members::{Taken, take};
use super::resolve::Resolve;

/// Connections to every address behind the broker's name, which calls spread over. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub struct Channel {
    state: watch::Receiver<State>,
    demand: Arc<Demand>,
    turn: Arc<AtomicUsize>,
}

impl Channel {
    /// Connections by this route. They are made when first needed. Call it within a Tokio runtime.
    pub(super) fn new(route: Route, resolver: Arc<dyn Resolve>) -> Self {
        let demand = Arc::new(Demand::default());
        let (keeper, state) = Keeper::new(route, resolver, Arc::clone(&demand));
        tokio::spawn(keeper.run());
        Self { state, demand, turn: Arc::default() }
    }

    async fn send(mut self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let taken = self.connection().await?;
        let answer = taken.member().channel.clone().oneshot(request).await;
        answer.map_err(|error| {
            // Out of time is no fault of the connection.
            if !is_timeout(&error) {
                taken.member().fall();
                self.demand.wake.notify_one();
            }
            error.into()
        })
    }

    /// A connection that is up, or, where none is, the first that comes up. An error if every address was tried in vain.
    async fn connection(&mut self) -> Result<Taken, Status> {
        self.demand.used.store(true, Ordering::Relaxed);
        let rounds = self.state.borrow_and_update().rounds;
        let mut waits = false;
        loop {
            let state = self.state.borrow_and_update().clone();
            if let Some(taken) = take(&state.up, self.turn.fetch_add(1, Ordering::Relaxed)) {
                return Ok(taken);
            }
            if state.rounds > rounds {
                return Err(Status::unavailable(&*state.failure));
            }
            if !std::mem::replace(&mut waits, true) {
                self.demand.wake.notify_one();
            }
            if self.state.changed().await.is_err() {
                return Err(Status::unavailable("the runtime that keeps the connections has ended"));
            }
        }
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

fn is_timeout(error: &tonic::transport::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.any(<dyn std::error::Error>::is::<tonic::TimeoutExpired>)
}
