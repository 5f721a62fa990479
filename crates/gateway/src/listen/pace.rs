//! What a connection is doing, since when, and how long it may.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the head of a request may take, from its first byte; for the first one, from the connection on. Time that
/// this process is too busy to read counts too, hence no less.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// How long connections may take over what they do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long a connection without a request is kept. Longer than proxies keep theirs (nginx 60 s, Caddy 2 min), so
    /// that it is the proxy that closes: a request sent as the server closes is lost.
    pub(crate) idle: Duration,
    /// How old a connection may grow. One that is used moves to another instance, takes the certificate in force.
    pub(crate) age: Duration,
    /// The longest that a request under way may still take when its connection has reached its age.
    pub(crate) last_request: Duration,
}

/// One connection's pace. Asked at every read and request, so it holds no timer.
#[derive(Debug)]
pub(super) struct Pace {
    opened: Instant,
    doing: Mutex<Doing>,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// No request has been understood yet: a handshake, the first head, or nothing.
    Opening,
    /// Nothing, after a request.
    Idle { since: Instant },
    /// A head has begun (HTTP/1.1).
    Head { since: Instant },
    /// So many requests are being answered.
    Busy(usize),
}

impl Pace {
    pub(super) fn start(now: Instant) -> Self {
        Self { opened: now, doing: Mutex::new(Doing::Opening) }
    }

    /// Bytes of a head came. Whether they are the first of a further one.
    pub(super) fn head_begins(&self, now: Instant) -> bool {
        let mut doing = self.doing();
        let further = matches!(*doing, Doing::Idle { .. });
        if further {
            *doing = Doing::Head { since: now };
        }
        further
    }

    /// A request was understood.
    pub(super) fn request_begins(&self) {
        let mut doing = self.doing();
        let others = if let Doing::Busy(others) = *doing { others } else { 0 };
        *doing = Doing::Busy(others + 1);
    }

    /// A request was answered, or given up.
    pub(super) fn request_ends(&self, now: Instant) {
        let mut doing = self.doing();
        *doing = match *doing {
            Doing::Busy(requests) if requests > 1 => Doing::Busy(requests - 1),
            _ => Doing::Idle { since: now },
        };
    }

    /// Whether bytes that come now belong to the head of a request (HTTP/1.1).
    pub(super) fn expects_head(&self) -> bool {
        !matches!(*self.doing(), Doing::Busy(_))
    }

    /// Since when nothing is done for this connection, and whether it has had a request. `None` while there is one.
    pub(super) fn waits(&self) -> Option<(bool, Instant)> {
        match *self.doing() {
            Doing::Opening => Some((false, self.opened)),
            Doing::Head { since } => Some((false, since)),
            Doing::Idle { since } => Some((true, since)),
            Doing::Busy(_) => None,
        }
    }

    /// When its time is over, if it goes on with what it does now.
    pub(super) fn deadline(&self, patience: &Patience) -> Instant {
        let of_age = self.opened + patience.age;
        let of_doing = match *self.doing() {
            Doing::Opening => self.opened + HEAD_DEADLINE,
            Doing::Head { since } => since + HEAD_DEADLINE,
            Doing::Idle { since } => since + patience.idle,
            Doing::Busy(_) => of_age,
        };
        of_doing.min(of_age)
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        // Held for a few instructions that cannot panic.
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(180),
        age: Duration::from_secs(1800),
        last_request: Duration::from_secs(120),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_thing_that_a_connection_does_has_its_time() {
        let opened = Instant::now();
        let pace = Pace::start(opened);
        assert_eq!(pace.deadline(&PATIENCE), opened + seconds(30), "a first request, or no connection");
        pace.head_begins(opened + seconds(10));
        assert_eq!(pace.deadline(&PATIENCE), opened + seconds(30), "the first head has no more time");

        pace.request_begins();
        pace.request_begins();
        assert_eq!(pace.deadline(&PATIENCE), opened + PATIENCE.age, "a request has a deadline of its own");
        pace.request_ends(opened + seconds(20));
        assert_eq!(pace.waits(), None, "the other request is still under way");
        pace.request_ends(opened + seconds(40));
        assert_eq!(pace.waits(), Some((true, opened + seconds(40))));
        assert_eq!(pace.deadline(&PATIENCE), opened + seconds(220));

        pace.head_begins(opened + seconds(100));
        pace.head_begins(opened + seconds(110));
        assert_eq!(pace.deadline(&PATIENCE), opened + seconds(130), "a head has 30 s from its first byte");
    }

    #[test]
    fn whatever_it_does_a_connection_has_an_age() {
        let opened = Instant::now();
        let pace = Pace::start(opened);
        pace.request_begins();
        pace.request_ends(opened + seconds(1790));
        assert_eq!(pace.deadline(&PATIENCE), opened + PATIENCE.age);
    }
}
