//! The pause that Entra ID asks for, kept by all calls of one kind together: same token endpoint, same resource.
//!
//! `429`, and any answer with `Retry-After`, begin a pause at once. Faults and timeouts without it begin one when
//! several came in a row: from one alone nobody concludes anything. During a pause nobody asks. At its end one call
//! goes first; its success lets the others in, a few at first and more with each success. Whoever is refused here is
//! told how long to wait. This module must not know what is asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use jiff::{SignedDuration, Timestamp};

/// The longest pause, whatever `Retry-After` says (MSAL believes up to an hour). One question in ten minutes burdens
/// nobody, and one wrong header does not take the service away for long.
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// The pause where throttling comes without `Retry-After`.
const UNSAID_PAUSE: Duration = Duration::from_secs(10);
/// Faults in a row that begin a pause.
const FAULTS_TO_PAUSE: u32 = 3;
/// The longest pause after faults; the first is one second, then doubled, with full jitter.
const MAX_FAULT_PAUSE: Duration = Duration::from_secs(30);
/// What callers are told while another call finds out whether the pause is over, or the first ones are under way.
const SOON: Duration = Duration::from_secs(1);
/// How many calls the first success lets in at the same time; each further success lets in one more.
const FIRST_ADMITTED: usize = 8;
/// With so many at the same time there is no limit any more.
const ALL_ADMITTED: usize = 128;
/// Kinds there are: one per configured resource, and the proof of the credential. More share the last one's pause.
const MAX_KINDS: usize = 1024;

/// The pauses, by kind of call.
pub(crate) struct Throttle {
    gates: Mutex<HashMap<Arc<str>, Gate>>,
    jitter: fn(Duration) -> Duration,
}

#[derive(Debug)]
struct Gate {
    phase: Phase,
    faults: u32,
    /// Counts phases, so that a call admitted in an earlier one does not speak about this one.
    phase_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Paused {
        until: Timestamp,
        for_at_most: SignedDuration,
    },
    /// One call is under way to find out.
    Probing,
    Ramping {
        limit: usize,
        under_way: usize,
    },
}

/// How a call ended, as far as the others are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Answered, whatever the answer: there is no reason to hold back.
    Answered,
    /// Told to hold back.
    Throttled {
        /// For how long, if that was said.
        retry_after: Option<Duration>,
    },
    /// No answer, or a fault.
    Fault,
}

/// What a pause began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseCause {
    /// Entra ID asked for it.
    Asked,
    /// Several faults in a row.
    Faults,
}

/// Leave to ask. Dropped before its end was told, the call came to no answer: a fault.
pub(crate) struct Pass<'a> {
    throttle: &'a Throttle,
    kind: Arc<str>,
    phase_id: u64,
    now: Timestamp,
    told: bool,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self::with_jitter(jittered)
    }

    fn with_jitter(jitter: fn(Duration) -> Duration) -> Self {
        Self { gates: Mutex::default(), jitter }
    }

    /// What is left of the pause, if there is one. Reserves nothing.
    pub(crate) fn pause(&self, kind: &str, now: Timestamp) -> Option<Duration> {
        self.with(kind, |gate| match gate.phase {
            Phase::Paused { until, for_at_most } => left(until, for_at_most, now),
            Phase::Probing => Some(SOON),
            Phase::Open | Phase::Ramping { .. } => None,
        })
    }

    /// Admits a call.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn admit(&self, kind: &str, now: Timestamp) -> Result<Pass<'_>, Duration> {
        let phase_id = self.with(kind, |gate| {
            match &mut gate.phase {
                Phase::Open => {}
                Phase::Probing => return Err(SOON),
                Phase::Ramping { limit, under_way } if *under_way >= *limit => return Err(SOON),
                Phase::Ramping { under_way, .. } => *under_way += 1,
                Phase::Paused { until, for_at_most } => match left(*until, *for_at_most, now) {
                    Some(left) => return Err(left),
                    None => gate.enter(Phase::Probing),
                },
            }
            Ok(gate.phase_id)
        })?;
        Ok(Pass { throttle: self, kind: Arc::from(kind), phase_id, now, told: false })
    }

    fn end(
        &self,
        kind: &str,
        phase_id: u64,
        ending: Ending,
        now: Timestamp,
    ) -> Option<(PauseCause, Duration)> {
        let jitter = self.jitter;
        self.with(kind, |gate| {
            let current = gate.phase_id == phase_id;
            match ending {
                Ending::Answered => {
                    if current {
                        gate.faults = 0;
                        gate.answered();
                    }
                    None
                }
                Ending::Throttled { retry_after } => {
                    let pause = retry_after.unwrap_or(UNSAID_PAUSE + jitter(UNSAID_PAUSE)).min(MAX_PAUSE);
                    gate.begin_pause(pause, now).then_some((PauseCause::Asked, pause))
                }
                Ending::Fault if !current => None,
                Ending::Fault => {
                    gate.faults = gate.faults.saturating_add(1);
                    if let Phase::Ramping { under_way, .. } = &mut gate.phase {
                        *under_way = under_way.saturating_sub(1);
                    }
                    // The call that was to find out found out.
                    let many = gate.faults >= FAULTS_TO_PAUSE || gate.phase == Phase::Probing;
                    if !many {
                        return None;
                    }
                    let doublings = gate.faults.saturating_sub(FAULTS_TO_PAUSE).min(10);
                    let most = (Duration::from_secs(1) * 2_u32.pow(doublings)).min(MAX_FAULT_PAUSE);
                    let pause = jitter(most);
                    gate.begin_pause(pause, now).then_some((PauseCause::Faults, pause))
                }
            }
        })
    }

    fn with<T>(&self, kind: &str, work: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get_mut(kind) {
            return work(gate);
        }
        let kind = if gates.len() < MAX_KINDS { kind } else { "" };
        work(gates.entry(Arc::from(kind)).or_insert_with(Gate::open))
    }
}

impl Gate {
    fn open() -> Self {
        Self { phase: Phase::Open, faults: 0, phase_id: 0 }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_id += 1;
    }

    fn answered(&mut self) {
        match &mut self.phase {
            Phase::Probing => self.enter(Phase::Ramping { limit: FIRST_ADMITTED, under_way: 0 }),
            Phase::Ramping { limit, .. } if *limit >= ALL_ADMITTED => self.enter(Phase::Open),
            Phase::Ramping { limit, under_way } => {
                *limit += 1;
                *under_way = under_way.saturating_sub(1);
            }
            Phase::Open | Phase::Paused { .. } => {}
        }
    }

    /// Begins a pause, or lengthens the present one; whether one began.
    fn begin_pause(&mut self, pause: Duration, now: Timestamp) -> bool {
        let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::ZERO);
        let until = now.saturating_add(pause).unwrap_or(now);
        match self.phase {
            Phase::Paused { until: before, .. } if before >= until => false,
            Phase::Paused { .. } => {
                self.phase = Phase::Paused { until, for_at_most: pause };
                false
            }
            _ => {
                self.enter(Phase::Paused { until, for_at_most: pause });
                true
            }
        }
    }
}

impl Pass<'_> {
    /// Tells how the call ended; the pause that this began, if it did.
    pub(crate) fn end(mut self, ending: Ending, now: Timestamp) -> Option<(PauseCause, Duration)> {
        self.told = true;
        self.throttle.end(&self.kind, self.phase_id, ending, now)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.throttle.end(&self.kind, self.phase_id, Ending::Fault, self.now);
        }
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").finish_non_exhaustive()
    }
}

/// Any duration up to `most`: full jitter, so that replicas which were refused together do not come back together.
pub(crate) fn jittered(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_err() {
        return most;
    }
    most.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// What is left until then, if anything. More than the pause ever was means that the clock was set back.
fn left(until: Timestamp, for_at_most: SignedDuration, now: Timestamp) -> Option<Duration> {
    let left = until.duration_since(now);
    if left <= SignedDuration::ZERO || left > for_at_most {
        return None;
    }
    Duration::try_from(left).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    const ASKED: Ending = Ending::Throttled { retry_after: Some(Duration::from_secs(30)) };

    fn at(seconds: i64) -> Timestamp {
        NOW + SignedDuration::from_secs(seconds)
    }

    fn throttle() -> Throttle {
        Throttle::with_jitter(|most| most)
    }

    #[test]
    fn one_throttled_answer_holds_all_of_its_kind_and_no_other() {
        let throttle = throttle();
        let passes: Vec<_> = (0..100).map(|_| throttle.admit("arm", NOW).unwrap()).collect();
        let mut passes = passes.into_iter();
        let pause = Some((PauseCause::Asked, Duration::from_secs(30)));
        assert_eq!(passes.next().unwrap().end(ASKED, NOW), pause);
        for seconds in [0_i64, 10, 29] {
            let left = Duration::from_secs(30 - seconds.unsigned_abs());
            assert_eq!(throttle.admit("arm", at(seconds)).err(), Some(left));
            assert_eq!(throttle.pause("arm", at(seconds)), Some(left));
        }
        assert!(throttle.admit("graph", NOW).is_ok());
        // Answers to calls that were under way already do not end it, nor do their faults count.
        for pass in passes {
            assert_eq!(pass.end(Ending::Answered, at(1)), None);
        }
        assert!(throttle.admit("arm", at(2)).is_err());
    }

    #[test]
    fn at_its_end_one_goes_first_and_the_others_follow_slowly() {
        let throttle = throttle();
        throttle.admit("arm", NOW).unwrap().end(ASKED, NOW);
        let probe = throttle.admit("arm", at(30)).unwrap();
        assert_eq!(throttle.admit("arm", at(30)).err(), Some(SOON));
        assert_eq!(throttle.pause("arm", at(30)), Some(SOON));
        probe.end(Ending::Answered, at(31));

        let first: Vec<_> = (0..FIRST_ADMITTED).map(|_| throttle.admit("arm", at(31)).unwrap()).collect();
        assert_eq!(throttle.admit("arm", at(31)).err(), Some(SOON));
        for pass in first {
            pass.end(Ending::Answered, at(32));
        }
        let next: Vec<_> = (0..2 * FIRST_ADMITTED).map(|_| throttle.admit("arm", at(32)).unwrap()).collect();
        assert!(throttle.admit("arm", at(32)).is_err());
        for pass in next {
            pass.end(Ending::Answered, at(32));
        }
        for _ in 0..ALL_ADMITTED {
            throttle.admit("arm", at(33)).unwrap().end(Ending::Answered, at(33));
        }
        let all: Vec<_> = (0..1000).map(|_| throttle.admit("arm", at(34)).unwrap()).collect();
        assert!(all.into_iter().all(|pass| pass.end(Ending::Answered, at(34)).is_none()));
    }

    #[test]
    fn a_probe_that_fails_or_vanishes_begins_the_pause_anew() {
        let throttle = throttle();
        throttle.admit("arm", NOW).unwrap().end(ASKED, NOW);
        throttle.admit("arm", at(30)).unwrap().end(ASKED, at(31));
        assert_eq!(throttle.admit("arm", at(31)).err(), Some(Duration::from_secs(30)));
        drop(throttle.admit("arm", at(61)).unwrap());
        assert_eq!(throttle.admit("arm", at(61)).err(), Some(Duration::from_secs(1)));
        assert!(throttle.admit("arm", at(62)).is_ok());
    }

    #[test]
    fn single_faults_are_nobodys_business_several_in_a_row_are() {
        let throttle = throttle();
        let fault = |now| throttle.admit("arm", now).unwrap().end(Ending::Fault, now);
        assert_eq!((fault(NOW), fault(NOW)), (None, None));
        throttle.admit("arm", NOW).unwrap().end(Ending::Answered, NOW);
        assert_eq!((fault(NOW), fault(NOW)), (None, None));
        let pauses: Vec<_> = [0, 1, 3, 7, 15, 31, 61].map(|seconds| fault(at(seconds)).unwrap().1).into();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs));
    }

    #[test]
    fn no_header_makes_a_pause_endless_and_none_at_all_makes_one() {
        let throttle = throttle();
        let day = Ending::Throttled { retry_after: Some(Duration::from_secs(86_400)) };
        assert_eq!(throttle.admit("a", NOW).unwrap().end(day, NOW), Some((PauseCause::Asked, MAX_PAUSE)));
        let unsaid = Ending::Throttled { retry_after: None };
        let pause = throttle.admit("b", NOW).unwrap().end(unsaid, NOW).unwrap().1;
        assert_eq!(pause, 2 * UNSAID_PAUSE);
    }

    #[test]
    fn a_clock_set_back_ends_the_pause() {
        let throttle = throttle();
        throttle.admit("arm", NOW).unwrap().end(ASKED, NOW);
        assert!(throttle.admit("arm", at(-3600)).is_ok());
    }

    #[test]
    fn a_longer_word_lengthens_the_pause_and_a_shorter_one_does_not() {
        let throttle = throttle();
        let (one, two, three) = (
            throttle.admit("a", NOW).unwrap(),
            throttle.admit("a", NOW).unwrap(),
            throttle.admit("a", NOW).unwrap(),
        );
        let wait = |seconds| Ending::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
        assert!(one.end(wait(20), NOW).is_some());
        assert_eq!((two.end(wait(5), NOW), three.end(wait(60), NOW)), (None, None));
        assert_eq!(throttle.pause("a", NOW), Some(Duration::from_secs(60)));
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let most = Duration::from_secs(8);
        let all: Vec<_> = (0..1000).map(|_| jittered(most)).collect();
        assert!(all.iter().all(|one| *one <= most));
        assert!(all.iter().any(|one| *one < most / 4) && all.iter().any(|one| *one > most * 3 / 4));
    }
}
