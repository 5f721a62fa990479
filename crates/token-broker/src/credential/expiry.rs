//! How long the certificate lasts, and when to say so. Time comes from outside: nothing is waited for.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::SigningCertificate;

/// From here on an operator has to act.
const WARN_BELOW: SignedDuration = SignedDuration::from_hours(30 * 24);
/// From here on it is urgent.
pub(crate) const URGENT_BELOW: SignedDuration = SignedDuration::from_hours(7 * 24);
const REMIND_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Days until the certificate ends; negative after it.
pub(super) fn days_left(certificate: &SigningCertificate, now: Timestamp) -> f64 {
    certificate.not_after().duration_since(now).as_secs_f64() / 86_400.0
}

/// Reminds of a certificate that ends soon: at the start, once a day, and when it becomes urgent.
#[derive(Debug, Default)]
pub(super) struct Reminder(Mutex<Option<Reminded>>);

#[derive(Clone, Debug)]
struct Reminded {
    at: Timestamp,
    urgency: Urgency,
    thumbprint: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    Warning,
    Error,
}

impl Reminder {
    /// Logs a reminder, if one is due.
    pub(super) fn remind(&self, certificate: &SigningCertificate, now: Timestamp) {
        let Some(urgency) = self.due(certificate, now) else { return };
        let (thumbprint, not_after) = (&**certificate.thumbprint(), certificate.not_after());
        let days_left = days_left(certificate, now).floor();
        match urgency {
            Urgency::Warning => tracing::warn!(
                thumbprint_sha256 = thumbprint, %not_after, days_left,
                "the client certificate ends soon: renew it, and add the new one to the app registration first"
            ),
            Urgency::Error => tracing::error!(
                thumbprint_sha256 = thumbprint, %not_after, days_left,
                "the client certificate ends within days, and every exchange with it: renew it now"
            ),
        }
    }

    /// How urgently to remind now, if at all; remembers that it was done.
    fn due(&self, certificate: &SigningCertificate, now: Timestamp) -> Option<Urgency> {
        let urgency = match certificate.not_after().duration_since(now) {
            left if left < URGENT_BELOW => Urgency::Error,
            left if left < WARN_BELOW => Urgency::Warning,
            _ => return None,
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = last.as_ref().is_some_and(|last| {
            let since = now.duration_since(last.at);
            (SignedDuration::ZERO..REMIND_EVERY).contains(&since)
                && last.urgency == urgency
                && last.thumbprint == *certificate.thumbprint()
        });
        if said {
            return None;
        }
        *last = Some(Reminded { at: now, urgency, thumbprint: Arc::clone(certificate.thumbprint()) });
        Some(urgency)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::testing::{NOW, key_and_cert};

    #[test]
    fn reminders_come_daily_and_grow_urgent() {
        let parse = || {
            let pem = key_and_cert().pem();
            SigningCertificate::parse(pem.as_bytes(), &SecretString::default(), NOW).unwrap()
        };
        let (certificate, other) = (parse(), parse());
        let before_end = |hours: i64| certificate.not_after() - SignedDuration::from_hours(hours);
        let reminder = Reminder::default();
        let due = |at| reminder.due(&certificate, at);

        assert_eq!(due(before_end(30 * 24)), None);
        assert_eq!(due(before_end(30 * 24 - 1)), Some(Urgency::Warning));
        assert_eq!(due(before_end(30 * 24 - 2)), None);
        assert_eq!(due(before_end(29 * 24 - 1)), Some(Urgency::Warning));
        assert_eq!(
            reminder.due(&other, before_end(29 * 24 - 2)),
            Some(Urgency::Warning),
            "another certificate"
        );
        assert_eq!(due(before_end(7 * 24 + 1)), Some(Urgency::Warning));
        assert_eq!(due(before_end(7 * 24 - 1)), Some(Urgency::Error));
        assert_eq!(due(before_end(-1)), Some(Urgency::Error));
        assert!((days_left(&certificate, before_end(36)) - 1.5).abs() < 1e-9);
    }
}
