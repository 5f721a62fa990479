//! The connections that are up, and which of them a call takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::time::Instant;
use tonic::transport::Channel;

use super::connect::Target;

/// One connection.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) target: Target,
    pub(super) channel: Channel,
    pub(super) made: Instant,
    calls: AtomicUsize,
    fallen: AtomicBool,
}

impl Member {
    pub(super) fn new(target: Target, channel: Channel) -> Arc<Self> {
        let (calls, fallen) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { target, channel, made: Instant::now(), calls, fallen })
    }

    /// It broke: no further call takes it.
    pub(super) fn fall(&self) {
        self.fallen.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_fallen(&self) -> bool {
        self.fallen.load(Ordering::Relaxed)
    }
}

/// A call under way on a connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken(Arc<Member>);

impl Taken {
    pub(super) fn member(&self) -> &Member {
        &self.0
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes the connection with the fewest calls under way; of several the next in turn. So calls spread evenly, and who does
/// not answer any more soon gets none.
pub(super) fn take(up: &[Arc<Member>], turn: usize) -> Option<Taken> {
    let in_turn = (0..up.len()).map(|step| &up[(turn.wrapping_add(step)) % up.len()]);
    let free = in_turn.filter(|member| !member.has_fallen());
    let member = free.min_by_key(|member| member.calls.load(Ordering::Relaxed))?;
    member.calls.fetch_add(1, Ordering::Relaxed);
    Some(Taken(Arc::clone(member)))
}
