//! When a call is made again, and after which pause. Never after a refusal: it would be the same.

use std::error::Error as _;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::rand;
use tonic::{Code, Status};

use crate::status::BrokerError;

/// The pause before the second try where a connection broke; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// How often and for how long a call is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    /// All tries, the first included.
    pub(super) attempts: NonZeroU32,
    /// The longest `RetryInfo` that is waited for.
    pub(super) patience: Duration,
}

impl Retries {
    /// The pause before another try, if there is to be one after `tries` that ended in `error`.
    pub(super) fn pause(&self, tries: u32, error: &BrokerError, status: &Status) -> Option<Duration> {
        if tries >= self.attempts.get() {
            return None;
        }
        let pause = match (error.is_from_broker(), error.retry_after()) {
            // The broker itself says that it helps, and when. Not before: the jitter comes on top.
            (true, Some(wait)) if wait <= self.patience && !self.patience.is_zero() => wait,
            (false, _) if nobody_answered(status) => {
                let doubled = BACKOFF.saturating_mul(1 << (tries - 1).min(16));
                return Some(spread(doubled.min(MAX_BACKOFF) / 2));
            }
            _ => return None,
        };
        Some(spread(pause))
    }
}

/// Whether the status is not an answer of the broker: its connection broke, or something in between says that it is not
/// there. A status with a source was made on this side, of a transport error.
fn nobody_answered(status: &Status) -> bool {
    status.code() == Code::Unavailable || status.source().is_some()
}

/// From `pause` up to twice that, so that callers who were turned away together do not come back together.
fn spread(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness all wait the longest.
    let share = rand::fill(&mut random).map_or(u16::MAX, |()| u16::from_ne_bytes(random));
    pause + pause.mul_f64(f64::from(share) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::status::{ERROR_DOMAIN, Reason};

    /// A refusal for a reason that only a newer broker has.
    fn newer(wait: Option<Duration>) -> Status {
        let mut details = ErrorDetails::with_error_info("too_early", ERROR_DOMAIN, HashMap::new());
        if wait.is_some() {
            details.set_retry_info(wait);
        }
        Status::with_error_details(Code::Unavailable, "no", details)
    }

    fn pause(tries: u32, status: &Status) -> Option<Duration> {
        let retries = Retries { attempts: NonZeroU32::new(3).unwrap(), patience: Duration::from_secs(2) };
        retries.pause(tries, &BrokerError::from_status(status), status)
    }

    #[test]
    fn a_refusal_is_final_whatever_its_reason() {
        for reason in Reason::ALL {
            let status = Status::from(BrokerError::new(reason, "no"));
            assert_eq!(pause(1, &status), None, "{reason}");
        }
        for code in [Code::Internal, Code::Unknown, Code::ResourceExhausted, Code::Unimplemented] {
            assert_eq!(pause(1, &Status::new(code, "of the peer")), None, "{code:?}");
        }
    }

    #[test]
    fn the_broker_is_not_asked_before_the_time_it_names_nor_waited_for_too_long() {
        let asked = |wait| {
            let error = BrokerError::new(Reason::Overloaded, "later").with_retry_after(wait);
            pause(1, &error.into())
        };
        for _ in 0..100 {
            let wait = Duration::from_millis(500);
            assert!((wait..=wait * 2).contains(&asked(wait).unwrap()));
        }
        assert_eq!(asked(Duration::from_millis(2001)), None);
    }

    #[test]
    fn a_reason_that_is_not_known_here_is_a_refusal_all_the_same() {
        assert_eq!(pause(1, &newer(None)), None);
        let wait = Duration::from_millis(500);
        assert!((wait..=wait * 2).contains(&pause(1, &newer(Some(wait))).unwrap()));
        assert!(BrokerError::from_status(&newer(None)).is_from_broker());
    }

    #[test]
    fn a_broken_connection_is_tried_again_with_growing_pauses_and_an_end() {
        let gone = Status::unavailable("connection refused");
        for (tries, least, most) in [(1, 50, 100), (2, 100, 200)] {
            for _ in 0..100 {
                let pause = pause(tries, &gone).unwrap().as_millis();
                assert!((least..=most).contains(&pause), "{tries}: {pause}");
            }
        }
        assert_eq!(pause(3, &gone), None);
        let broken = Status::from_error(Box::new(std::io::Error::other("broken pipe")));
        assert_eq!(broken.code(), Code::Unknown);
        assert!(pause(1, &broken).is_some(), "made on this side: nobody answered");
    }

    #[test]
    fn who_has_no_patience_decides_about_every_pause() {
        let retries = Retries { attempts: NonZeroU32::new(3).unwrap(), patience: Duration::ZERO };
        let error = BrokerError::new(Reason::Overloaded, "now").with_retry_after(Duration::ZERO);
        let status = Status::from(error.clone());
        assert_eq!(retries.pause(1, &error, &status), None);
    }
}
