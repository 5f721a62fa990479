//! Keeps connections to every address behind the broker's name: looked up anew every few seconds, made again when they
//! break, and moved where one address may stand for several brokers.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::transport::Channel;

use super::connect::{Route, Target};
use super::members::Member;
use super::resolve::Resolve;

/// How often it is looked whether something is to be done.
const TICK: Duration = Duration::from_secs(1);
/// How often the name is looked up, and one connection moved: with a look-up that takes as long, an address is known
/// within 10 s.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);
const RESOLVE_WITHIN: Duration = Duration::from_secs(4);
/// How long an address rests that could not be reached, if others can; twice as long each further time, up to the second.
const REST: Duration = Duration::from_secs(1);
const MOST_REST: Duration = Duration::from_secs(8);
/// The most addresses that are used of a name.
const MOST_ADDRESSES: usize = 64;

/// What calls know of the connections.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) up: Arc<[Arc<Member>]>,
    /// How often every address was tried in vain.
    pub(super) rounds: u64,
    /// Why the last one failed.
    pub(super) failure: Arc<str>,
}

/// What calls tell the keeper.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Something is to be done at once: there is no connection, or one broke.
    pub(super) wake: Notify,
    /// Somebody called since the last look.
    pub(super) used: AtomicBool,
}

/// The keeper of one client's connections.
pub(super) struct Keeper {
    route: Arc<Route>,
    resolver: Arc<dyn Resolve>,
    demand: Arc<Demand>,
    state: watch::Sender<State>,
    targets: Vec<Target>,
    up: Vec<Arc<Member>>,
    work: JoinSet<Done>,
    /// Connections that are being made.
    pending: HashMap<Target, usize>,
    /// Addresses that could not be reached the last time.
    resting: HashMap<Target, Rest>,
    resolving: bool,
    resolved: Option<Instant>,
    /// Calls wait for what is being tried.
    trying: bool,
}

/// How long an address is left alone, and until when.
struct Rest {
    pause: Duration,
    until: Instant,
}

/// What a piece of work ended with.
enum Done {
    Resolved(io::Result<Vec<SocketAddr>>),
    Connected(Target, Result<Channel, String>),
}

impl Keeper {
    pub(super) fn new(
        route: Route,
        resolver: Arc<dyn Resolve>,
        demand: Arc<Demand>,
    ) -> (Self, watch::Receiver<State>) {
        let (state, receiver) = watch::channel(State::default());
        let targets = if route.name().is_none() { vec![Target::Socket] } else { Vec::new() };
        let keeper = Self {
            route: Arc::new(route),
            resolver,
            demand,
            state,
            targets,
            up: Vec::new(),
            work: JoinSet::new(),
            pending: HashMap::new(),
            resting: HashMap::new(),
            resolving: false,
            resolved: None,
            trying: false,
        };
        (keeper, receiver)
    }

    /// Runs from the first call on, for as long as there is somebody who could call.
    pub(super) async fn run(mut self) {
        let demand = Arc::clone(&self.demand);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = false;
        loop {
            let called = tokio::select! {
                () = self.state.closed() => return,
                () = demand.wake.notified() => true,
                Some(done) = self.work.join_next() => {
                    let Ok(done) = done else {
                        // What panicked is not known: all of it is begun anew.
                        (self.pending, self.resolving) = (HashMap::new(), false);
                        continue;
                    };
                    self.take(done);
                    false
                }
                _ = ticks.tick(), if asked => {
                    self.look();
                    false
                }
            };
            asked |= called;
            self.tidy(called);
        }
    }

    /// What is due by the clock.
    fn look(&mut self) {
        if self.resolved.is_none_or(|last| last.elapsed() >= RESOLVE_EVERY) {
            self.resolve();
            if self.demand.used.swap(false, Ordering::Relaxed) {
                self.move_one();
            }
        }
    }

    fn resolve(&mut self) {
        let Some((host, port)) = self.route.name() else { return };
        if self.resolving {
            return;
        }
        self.resolving = true;
        self.resolved = Some(Instant::now());
        let resolving = self.resolver.resolve(host, port);
        self.work.spawn(async {
            let late = || io::Error::new(io::ErrorKind::TimedOut, "no answer within 4 s");
            Done::Resolved(timeout(RESOLVE_WITHIN, resolving).await.unwrap_or_else(|_| Err(late())))
        });
    }

    /// Makes the oldest connection anew, if its address may stand for several brokers: what spreads connections over them
    /// then finds those that were added.
    fn move_one(&mut self) {
        if self.most() > 1
            && let Some(oldest) = self.up.iter().min_by_key(|member| member.made)
        {
            self.connect(oldest.target);
        }
    }

    /// How many connections there are to be to each address. One that cannot be reached stands for nobody.
    fn most(&self) -> usize {
        let reachable = self.targets.iter().filter(|target| !self.resting.contains_key(target)).count();
        self.route.connections_to_each(reachable)
    }

    fn connect(&mut self, target: Target) {
        *self.pending.entry(target).or_default() += 1;
        let connecting = Arc::clone(&self.route).connect(target);
        self.work.spawn(async move { Done::Connected(target, connecting.await) });
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Resolved(found) => {
                self.resolving = false;
                self.know(found);
            }
            Done::Connected(target, made) => {
                if let Some(pending) = self.pending.get_mut(&target) {
                    *pending = pending.saturating_sub(1);
                }
                match made {
                    Ok(channel) => self.add(target, channel),
                    Err(failure) => self.could_not_reach(target, &failure),
                }
            }
        }
    }

    /// Of a name that cannot be looked up, or has no address for a moment, the addresses before go on.
    fn know(&mut self, found: io::Result<Vec<SocketAddr>>) {
        let found = found.and_then(|found| {
            if found.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(found) }
        });
        match found {
            Ok(found) => {
                let mut targets: Vec<_> = found.into_iter().map(Target::Address).collect();
                targets.sort_unstable();
                targets.dedup();
                targets.truncate(MOST_ADDRESSES);
                self.targets = targets;
            }
            Err(error) => {
                let host = self.route.name().map_or("", |(host, _)| host);
                self.failed(format!("the name {host} cannot be looked up: {error}"));
            }
        }
    }

    fn add(&mut self, target: Target, channel: Channel) {
        self.resting.remove(&target);
        self.up.push(Member::new(target, channel));
        let most = self.most();
        let mut of_target: Vec<_> = self.up.iter().filter(|member| member.target == target).collect();
        of_target.sort_unstable_by_key(|member| member.made);
        // A call under way on one that goes is finished on it.
        let gone: Vec<_> =
            of_target.iter().take(of_target.len().saturating_sub(most)).map(|m| Arc::clone(m)).collect();
        self.up.retain(|member| !gone.iter().any(|gone| Arc::ptr_eq(gone, member)));
    }

    fn could_not_reach(&mut self, target: Target, failure: &str) {
        tracing::debug!(failure, "no connection to a token broker");
        let pause = self.resting.get(&target).map_or(REST, |rest| (rest.pause * 2).min(MOST_REST));
        self.resting.insert(target, Rest { pause, until: Instant::now() + pause });
        self.failed(failure.to_owned());
    }

    fn failed(&mut self, failure: String) {
        self.state.send_modify(|state| state.failure = failure.into());
    }

    /// Lets go of what is over, makes what is missing, and tells calls. Whoever calls and finds nothing up waits for no
    /// address to have rested.
    fn tidy(&mut self, called: bool) {
        let targets = &self.targets;
        self.up.retain(|member| !member.has_fallen() && targets.contains(&member.target));
        self.resting.retain(|target, _| targets.contains(target));
        let in_need = called && self.up.is_empty();
        self.trying |= in_need;
        if in_need && self.resolved.is_none_or(|last| last.elapsed() >= REST) {
            self.resolve();
        }
        let (most, now) = (self.most(), Instant::now());
        for target in self.targets.clone() {
            let rests = self.resting.get(&target).is_some_and(|rest| rest.until > now);
            let made = self.up.iter().filter(|member| member.target == target).count();
            let pending = self.pending.get(&target).copied().unwrap_or(0);
            for _ in made + pending..most {
                if in_need || !rests {
                    self.connect(target);
                }
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        let in_vain = self.trying && self.up.is_empty() && self.work.is_empty();
        if in_vain || !self.up.is_empty() {
            self.trying = false;
        }
        let up = &self.up;
        self.state.send_if_modified(|state| {
            let same = state.up.len() == up.len()
                && state.up.iter().zip(up).all(|(one, other)| Arc::ptr_eq(one, other));
            if !same {
                state.up = up.as_slice().into();
            }
            state.rounds += u64::from(in_vain);
            in_vain || !same
        });
    }
}
