//! Cost Management's quotas: fixed windows per scope, user, tenant and client type, and the headers that tell of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use self::reads::Reads;
use super::auth::Caller;
use super::errors::ArmError;
use super::request::ArmRequest;
use super::state::State;
use crate::config::Quotas;

mod reads;

const MOST_WINDOWS: usize = 50_000;

/// Which quota a window belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    /// Of the older provider, per scope.
    Consumption,
    Entity,
    User,
    Tenant,
    ClientType,
    QpuPer10Seconds,
    QpuPerMinute,
    QpuPerHour,
}

impl Bucket {
    /// The name in headers. The per-user limit has none of its own in captures; it is told as the tenant's is.
    fn name(self) -> &'static str {
        match self {
            Self::Consumption => "consumption",
            Self::Entity => "entity",
            Self::User | Self::Tenant => "tenant",
            Self::ClientType => "clienttype",
            Self::QpuPer10Seconds | Self::QpuPerMinute | Self::QpuPerHour => "qpu",
        }
    }

    /// The name of a window of query units, in the one header that tells of all three.
    fn qpu_name(self) -> Option<&'static str> {
        match self {
            Self::QpuPer10Seconds => Some("QueriesPer10Sec"),
            Self::QpuPerMinute => Some("QueriesPerMin"),
            Self::QpuPerHour => Some("QueriesPerHour"),
            Self::Consumption | Self::Entity | Self::User | Self::Tenant | Self::ClientType => None,
        }
    }

    fn window_seconds(self) -> i64 {
        match self {
            Self::QpuPer10Seconds => 10,
            Self::QpuPerHour => 3_600,
            Self::Consumption
            | Self::Entity
            | Self::User
            | Self::Tenant
            | Self::ClientType
            | Self::QpuPerMinute => 60,
        }
    }
}

/// The windows of query units that a tenant has, the longest first, as the header has them.
fn of_query_units(quotas: Quotas) -> [(Bucket, Option<u32>); 3] {
    [
        (Bucket::QpuPerHour, quotas.qpu_per_hour),
        (Bucket::QpuPerMinute, quotas.qpu_per_minute),
        (Bucket::QpuPer10Seconds, quotas.qpu_per_10_seconds),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begins: i64,
    used: u32,
}

/// The windows in use.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    reads: Reads,
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
    let whole = String::new;
    let requests = [
        (Bucket::Entity, scope.to_ascii_lowercase(), quotas.entity_per_minute, 1),
        (Bucket::User, caller.oid().to_owned(), quotas.user_per_minute, 1),
        (Bucket::Tenant, whole(), quotas.tenant_per_minute, 1),
        (Bucket::ClientType, client_type.to_owned(), quotas.client_type_per_minute, 1),
    ];
    let units = of_query_units(quotas).map(|(bucket, limit)| (bucket, whole(), limit, qpu));
    let mut told = Told::default();
    for (bucket, key, limit, cost) in requests.into_iter().chain(units) {
        let Some(limit) = limit else { continue };
        let foreign = bucket.qpu_name().map_or(0, |_| limit * quotas.foreign_percent.min(100) / 100);
        let now = state.world.clock.seconds();
        let taken = state.throttle.take_beside(foreign, (bucket, key), limit, cost, now);
        told.tell(bucket, taken);
    }
    told.into_headers(headers)
}

/// Counts a call of the older provider, Consumption.
///
/// # Errors
/// 429 with that provider's header.
pub(crate) fn admit_consumption(state: &State, scope: &str) -> Result<(), ArmError> {
    let Some(limit) = state.quotas().consumption_per_minute else { return Ok(()) };
    let key = scope.to_ascii_lowercase();
    let taken = state.throttle.take(Bucket::Consumption, key, limit, 1, state.world.clock.seconds());
    let name = HeaderName::from_static("x-ms-ratelimit-microsoft.consumption-retry-after");
    taken.map(|_| ()).map_err(|wait| ArmError::too_many_requests().with_header(name, wait))
}

/// Counts a read of ARM's own; gives the header of a success. `subscription` is empty for the tenant's.
///
/// # Errors
/// 429 with `Retry-After`.
pub(crate) fn admit_read(state: &State, caller: &Caller, subscription: &str) -> Result<HeaderMap, ArmError> {
    let mut headers = HeaderMap::new();
    let Some(size) = state.quotas().arm_read_bucket else { return Ok(headers) };
    let of = (caller.oid().to_owned(), subscription.to_ascii_lowercase());
    match state.throttle.reads.take(of, size, state.world.clock.seconds()) {
        Ok(left) => {
            let kind = if subscription.is_empty() { "tenant" } else { "subscription" };
            put(&mut headers, &format!("x-ms-ratelimit-remaining-{kind}-reads"), &left.to_string());
            Ok(headers)
        }
        Err(wait) => Err(ArmError::too_many_reads(subscription, wait)),
    }
}

/// What somebody else's program takes from the tenant's query units: they are one budget for all.
pub(crate) fn taken_elsewhere(state: &State, qpu: u32) {
    let now = state.world.clock.seconds();
    let windows = of_query_units(state.quotas()).map(|(bucket, limit)| (bucket, limit.unwrap_or(u32::MAX)));
    let take = |(bucket, limit), units| state.throttle.take(bucket, String::new(), limit, units, now);
    // It takes what every window has, and is refused the rest.
    let left = windows.iter().filter_map(|window| take(*window, 0).ok()).min().unwrap_or_default();
    for window in windows {
        // There is so much in each: nothing is refused.
        let _taken = take(window, qpu.min(left));
    }
}

/// What the windows say of a call.
#[derive(Default)]
struct Told {
    remaining: Vec<(Bucket, u32)>,
    /// The longest wait by the header's name: all three windows of query units share one.
    waits: BTreeMap<&'static str, u32>,
}

impl Told {
    fn tell(&mut self, bucket: Bucket, taken: Result<u32, u32>) {
        match taken {
            Ok(left) => self.remaining.push((bucket, left)),
            Err(wait) => {
                let longest = self.waits.entry(bucket.name()).or_default();
                *longest = wait.max(*longest);
            }
        }
    }

    fn into_headers(self, mut headers: HeaderMap) -> Result<HeaderMap, ArmError> {
        if !self.waits.is_empty() {
            let header = |name| {
                HeaderName::try_from(format!("x-ms-ratelimit-microsoft.costmanagement-{name}-retry-after"))
            };
            let named = self.waits.into_iter().filter_map(|(name, wait)| Some((header(name).ok()?, wait)));
            return Err(named
                .fold(ArmError::too_many_requests(), |error, (name, wait)| error.with_header(name, wait)));
        }
        let units: Vec<_> = self
            .remaining
            .iter()
            .filter_map(|(bucket, left)| Some(format!("{}:{left}", bucket.qpu_name()?)))
            .collect();
        if !units.is_empty() {
            put(&mut headers, "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining", &units.join(","));
        }
        for (bucket, left) in self.remaining.iter().filter(|(bucket, _)| bucket.qpu_name().is_none()) {
            let name =
                format!("x-ms-ratelimit-remaining-microsoft.costmanagement-{}-requests", bucket.name());
            put(&mut headers, &name, &format!("DefaultQuota:{left}"));
        }
        Ok(headers)
    }
}

impl Throttle {
    /// Takes `cost` from the window; how much is left, or how many seconds until the window ends.
    fn take(&self, bucket: Bucket, key: String, limit: u32, cost: u32, now: i64) -> Result<u32, u32> {
        self.take_beside(0, (bucket, key), limit, cost, now)
    }

    /// The same, where somebody else takes `foreign` as soon as the window begins.
    fn take_beside(
        &self,
        foreign: u32,
        (bucket, key): (Bucket, String),
        limit: u32,
        cost: u32,
        now: i64,
    ) -> Result<u32, u32> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_WINDOWS {
            windows.clear();
        }
        let window = windows.entry((bucket, key)).or_insert(Window { begins: now, used: foreign });
        if now - window.begins >= bucket.window_seconds() {
            *window = Window { begins: now, used: foreign };
        }
        if window.used + cost > limit {
            return Err(u32::try_from(window.begins + bucket.window_seconds() - now).unwrap_or(1).max(1));
        }
        window.used += cost;
        Ok(limit - window.used)
    }
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

    #[test]
    fn each_window_of_query_units_has_its_own_length() {
        let throttle = Throttle::default();
        let take = |bucket, now| throttle.take(bucket, String::new(), 1, 1, now);
        for (bucket, seconds) in
            [(Bucket::QpuPer10Seconds, 10), (Bucket::QpuPerMinute, 60), (Bucket::QpuPerHour, 3_600)]
        {
            assert_eq!(
                (take(bucket, 0), take(bucket, seconds - 1), take(bucket, seconds)),
                (Ok(0), Err(1), Ok(0))
            );
        }
    }
}
