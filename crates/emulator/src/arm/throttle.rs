//! Cost Management's quotas: fixed windows per scope, user, tenant and client type, and the headers that tell of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::auth::Caller;
use super::errors::ArmError;
use super::request::ArmRequest;
use super::state::State;
use crate::config::Quotas;

const MOST_WINDOWS: usize = 50_000;

/// Which quota a window belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    Entity,
    User,
    Tenant,
    ClientType,
    Qpu,
}

impl Bucket {
    /// The name in headers. The per-user limit has none of its own in captures; it is told as the tenant's is.
    fn name(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::User | Self::Tenant => "tenant",
            Self::ClientType => "clienttype",
            Self::Qpu => "qpu",
        }
    }

    fn window_seconds(self) -> i64 {
        if self == Self::Qpu { 10 } else { 60 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begins: i64,
    used: u32,
}

/// The windows in use.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    windows: Mutex<HashMap<(Bucket, String), Window>>,
}

/// Counts a Cost Management call that costs `qpu` units; gives the headers of a success.
///
/// # Errors
/// 429 with every `…-retry-after` header that applies.
pub(crate) fn admit(
    state: &State,
    caller: &Caller,
    scope: &str,
    request: &ArmRequest<'_>,
    qpu: u32,
) -> Result<HeaderMap, ArmError> {
    let quotas = state.quotas();
    let mut headers = HeaderMap::new();
    put(&mut headers, "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed", &qpu.to_string());
    if quotas == Quotas::default() {
        return Ok(headers);
    }
    let client_type =
        request.headers.get("clienttype").and_then(|value| value.to_str().ok()).unwrap_or("Default");
    let limits = [
        (Bucket::Entity, scope.to_ascii_lowercase(), quotas.entity_per_minute, 1),
        (Bucket::User, caller.oid().to_owned(), quotas.user_per_minute, 1),
        (Bucket::Tenant, String::new(), quotas.tenant_per_minute, 1),
        (Bucket::ClientType, client_type.to_owned(), quotas.client_type_per_minute, 1),
        (Bucket::Qpu, String::new(), quotas.qpu_per_10_seconds, qpu),
    ];
    let mut refusal: Option<ArmError> = None;
    for (bucket, key, limit, cost) in limits {
        let Some(limit) = limit else { continue };
        match state.throttle.take(bucket, key, limit, cost, state.world.clock.seconds()) {
            Ok(left) => tell_remaining(&mut headers, bucket, left),
            Err(wait) => {
                let name = format!("x-ms-ratelimit-microsoft.costmanagement-{}-retry-after", bucket.name());
                let error = refusal.take().unwrap_or_else(ArmError::too_many_requests);
                refusal = Some(match HeaderName::try_from(name) {
                    Ok(name) => error.with_header(name, wait),
                    Err(_) => error,
                });
            }
        }
    }
    refusal.map_or(Ok(headers), Err)
}

impl Throttle {
    /// Takes `cost` from the window; how much is left, or how many seconds until the window ends.
    fn take(&self, bucket: Bucket, key: String, limit: u32, cost: u32, now: i64) -> Result<u32, u32> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_WINDOWS {
            windows.clear();
        }
        let window = windows.entry((bucket, key)).or_insert(Window { begins: now, used: 0 });
        if now - window.begins >= bucket.window_seconds() {
            *window = Window { begins: now, used: 0 };
        }
        if window.used + cost > limit {
            return Err(u32::try_from(window.begins + bucket.window_seconds() - now).unwrap_or(1).max(1));
        }
        window.used += cost;
        Ok(limit - window.used)
    }
}

fn tell_remaining(headers: &mut HeaderMap, bucket: Bucket, left: u32) {
    let (name, text) = match bucket {
        Bucket::Qpu => (
            "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining".to_owned(),
            format!("QueriesPerHour:597,QueriesPerMin:57,QueriesPer10Sec:{left}"),
        ),
        _ => (
            format!("x-ms-ratelimit-remaining-microsoft.costmanagement-{}-requests", bucket.name()),
            format!("DefaultQuota:{left}"),
        ),
    };
    put(headers, &name, &text);
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Throttle};

    #[test]
    fn a_window_fills_and_passes() {
        let throttle = Throttle::default();
        let take = |now| throttle.take(Bucket::Entity, "s".to_owned(), 2, 1, now);
        assert_eq!((take(0), take(10), take(20)), (Ok(1), Ok(0), Err(40)));
        assert_eq!(take(60), Ok(1));
    }
}
