//! A model of Azure by its documentation: fixed windows of query units for the directory, of requests for each scope and person.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cost::{
    Grouping, Metric, Page, Paged, Period, Query, QueryResult, Quota, Scope, UnitsLeft, Usage, Waits,
};
use identity::clock::{Clock, SharedClock};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use telemetry::Metrics;
use tokio::time::{Instant, sleep};

use crate::engine::key::Person;
use crate::engine::settings::{CacheSettings, CostSettings, Quotas, UnitQuota};
use crate::engine::{Asker, Engine};
use crate::refusal::Refusal;

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

/// How a request went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) at: Duration,
    pub(crate) person: Person,
    pub(crate) scope: String,
    pub(crate) page: u32,
    pub(crate) refused: bool,
}

/// Azure, for all who ask it.
#[derive(Clone)]
pub(crate) struct Azure(Arc<Mutex<Model>>);

struct Model {
    start: Instant,
    windows: Vec<Fixed>,
    /// When a window begins: with its first request, or with the clock, so long after the start.
    phase: Option<Duration>,
    /// What another tool takes at the beginning of each window of units.
    foreign_tenths: u32,
    latency: Duration,
    limited: bool,
    pages: u32,
    asked: Vec<Asked>,
    proofs: u32,
    exchanges: u32,
    may_read: Option<bool>,
    signed_in: bool,
    /// What refuses the next request, and for how long.
    refuse: HashMap<u32, Waits>,
}

/// One window of one key.
struct Fixed {
    key: String,
    length: Duration,
    begins: Instant,
    used: u32,
}

impl Azure {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Model {
            start: Instant::now(),
            windows: Vec::new(),
            phase: None,
            foreign_tenths: 0,
            latency: Duration::from_millis(300),
            limited: true,
            pages: 1,
            asked: Vec::new(),
            proofs: 0,
            exchanges: 0,
            may_read: Some(true),
            signed_in: true,
            refuse: HashMap::new(),
        })))
    }

    fn model<T>(&self, look: impl FnOnce(&mut Model) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    pub(crate) fn aligned(self, phase: Duration) -> Self {
        self.model(|model| model.phase = Some(phase));
        self
    }

    pub(crate) fn shared_with_a_foreign_tool(self, tenths: u32) -> Self {
        self.model(|model| model.foreign_tenths = tenths);
        self
    }

    pub(crate) fn with_pages(self, pages: u32) -> Self {
        self.model(|model| model.pages = pages);
        self
    }

    pub(crate) fn without_limits(self) -> Self {
        self.model(|model| model.limited = false);
        self
    }

    pub(crate) fn at_once(self) -> Self {
        self.model(|model| model.latency = Duration::ZERO);
        self
    }

    /// Refuses the request of this number, counted from 0.
    pub(crate) fn refusing(self, request: u32, waits: Waits) -> Self {
        self.model(|model| model.refuse.insert(request, waits));
        self
    }

    /// `None`: the list of permissions cannot be had.
    pub(crate) fn permissions(&self, may_read: Option<bool>) {
        self.model(|model| model.may_read = may_read);
    }

    pub(crate) fn sign_out(&self) {
        self.model(|model| model.signed_in = false);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.model(|model| model.asked.clone())
    }

    pub(crate) fn proofs(&self) -> u32 {
        self.model(|model| model.proofs)
    }

    pub(crate) fn refusals(&self) -> usize {
        self.asked().iter().filter(|asked| asked.refused).count()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.model(|model| model.start.elapsed()).as_secs_f64()
    }

    pub(crate) fn as_person(&self, person: u32) -> AsPerson {
        AsPerson {
            azure: self.clone(),
            number: person,
            person: of(person),
            ended: Arc::default(),
            usage: Usage::default(),
        }
    }
}

impl Model {
    /// Takes from every window, as Azure does: each for itself.
    fn take(&mut self, person: Person, scope: &str, units: u32) -> Result<Quota, Waits> {
        if !self.limited {
            return Ok(Quota::default());
        }
        let seconds = Duration::from_secs;
        let mut quota = Quota { consumed: Some(units.into()), ..Quota::default() };
        let mut waits = Waits::default();
        let mut units_of = |name: &str, limit, length| {
            self.of(name, limit, seconds(length), units)
                .map_err(|wait| waits.units = waits.units.max(Some(wait)))
                .ok()
        };
        quota.units = UnitsLeft {
            per_ten_seconds: units_of("10s", 12, 10),
            per_minute: units_of("min", 60, 60),
            per_hour: units_of("h", 600, 3600),
        };
        let entity = self.of(&format!("scope {scope}"), 4, seconds(60), 1);
        quota.entity = entity.map_err(|wait| waits.entity = Some(wait)).ok();
        let own = self.of(&format!("person {}", person.1), 20, seconds(60), 1);
        let _ = own.map_err(|wait| waits.tenant = Some(wait));
        if waits == Waits::default() { Ok(quota) } else { Err(waits) }
    }

    fn of(&mut self, key: &str, limit: u32, length: Duration, amount: u32) -> Result<u32, Duration> {
        let now = Instant::now();
        let foreign = if key.contains(' ') { 0 } else { limit * self.foreign_tenths / 10 };
        let begins = match self.phase {
            None => now,
            Some(phase) => {
                // A whole number of windows before the start, and so much after.
                let since =
                    (now - self.start + length * 7).saturating_sub(phase).as_nanos() % length.as_nanos();
                now - Duration::from_nanos(u64::try_from(since).unwrap())
            }
        };
        let place = self.windows.iter().position(|window| window.key == key);
        let place = place.unwrap_or_else(|| {
            self.windows.push(Fixed { key: key.to_owned(), length, begins, used: foreign });
            self.windows.len() - 1
        });
        let window = &mut self.windows[place];
        if now >= window.begins + window.length {
            *window = Fixed { begins, used: foreign, key: key.to_owned(), length };
        }
        if window.used + amount > limit {
            return Err(window.begins + length - now);
        }
        window.used += amount;
        Ok(limit - window.used)
    }
}

/// Azure as one person.
#[derive(Clone)]
pub(crate) struct AsPerson {
    azure: Azure,
    number: u32,
    person: Person,
    ended: Arc<AtomicBool>,
    usage: Usage,
}

impl AsPerson {
    /// Ends this sign-in, and no other of the same person.
    pub(crate) fn sign_out(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// A query under way. Its answer says whose it is.
pub(crate) struct Pages {
    of: AsPerson,
    scope: String,
    units: u32,
    read: u32,
}

impl Asker for AsPerson {
    type Pages = Pages;

    fn person(&self) -> Person {
        self.person
    }

    fn usage(&self) -> &Usage {
        &self.usage
    }

    fn counted_in(&self, usage: &Usage) -> Self {
        Self { usage: usage.clone(), ..self.clone() }
    }

    async fn token(&self, _claims: Option<&str>) -> Result<SecretString, Refusal> {
        self.azure.model(|model| {
            model.exchanges += 1;
            if model.signed_in && !self.ended.load(Ordering::Relaxed) {
                Ok("token".into())
            } else {
                Err(Refusal::BrokerUnavailable)
            }
        })
    }

    fn query(&self, scope: &Scope, query: &Query) -> Pages {
        Pages { of: self.clone(), scope: scope.to_string(), units: cost::query_units(query), read: 0 }
    }

    async fn may_read(&self, _token: &SecretString, scope: &Scope) -> Result<Option<bool>, cost::Error> {
        if scope.subscription().is_none() {
            return Ok(None);
        }
        self.azure.model(|model| {
            model.proofs += 1;
            model.may_read.map(Some).ok_or(cost::Error::MalformedToken)
        })
    }
}

impl Paged for Pages {
    type Whole = QueryResult;

    async fn next_page(&mut self, _token: &SecretString) -> Result<Page, cost::Error> {
        let (azure, person) = (self.of.azure.clone(), self.of.person);
        let latency = azure.model(|model| model.latency);
        sleep(latency / 2).await;
        let page = azure.model(|model| {
            let number = u32::try_from(model.asked.len()).unwrap();
            self.of.usage.has_id(&format!("r-{number}"));
            let taken = match model.refuse.remove(&number) {
                Some(waits) => Err(waits),
                None => model.take(person, &self.scope, self.units),
            };
            let at = model.start.elapsed();
            let (scope, page) = (self.scope.clone(), self.read);
            model.asked.push(Asked { at, person, scope, page, refused: taken.is_err() });
            match taken {
                Err(waits) => Page::NotNow {
                    retry_after: waits.longest().unwrap_or(Duration::from_secs(10)),
                    quota: Quota { waits, ..Quota::default() },
                },
                Ok(quota) => {
                    self.read += 1;
                    if self.read < model.pages { Page::More(quota) } else { Page::Last(quota) }
                }
            }
        });
        sleep(latency / 2).await;
        if self.of.azure.model(|model| model.may_read == Some(false)) {
            return Err(cost::Error::MalformedToken);
        }
        Ok(page)
    }

    fn whole(self) -> QueryResult {
        let mut result = QueryResult::default();
        result.pages = self.read;
        result.without_figure = self.of.number.into();
        result
    }
}

/// A clock that goes with the runtime's, which stands still until nobody has anything to do.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        start + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

pub(crate) fn settings() -> CostSettings {
    CostSettings {
        quota: Quotas {
            units: UnitQuota { per_ten_seconds: 12, per_minute: 60, per_hour: 600 },
            scope_per_minute: 4,
            user_per_minute: 20,
        },
        cache: CacheSettings {
            data: Duration::from_secs(14_400),
            rights: Duration::from_secs(300),
            bytes: 64 << 20,
        },
        soft_deadline: Duration::from_secs(40),
    }
}

pub(crate) fn engine(settings: CostSettings) -> Engine {
    let clock: SharedClock = Arc::new(TokioClock(Instant::now()));
    Engine::new(settings, clock, &Metrics::new("gateway").unwrap().meter("test"))
}

pub(crate) fn of(person: u32) -> Person {
    (TENANT.parse().unwrap(), format!("00000000-0000-4000-8000-{person:012x}").parse().unwrap())
}

pub(crate) fn subscription(number: u32) -> Scope {
    format!("/subscriptions/10000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// A question about the first days of November 2026.
pub(crate) fn query(days: i8) -> Query {
    let period = Period::new(date(2026, 11, 1), date(2026, 11, days), date(2026, 11, 26)).unwrap();
    let service = Grouping::Dimension("ServiceName".to_owned());
    Query::builder(Metric::Actual, period).group_by(service).build().unwrap()
}

/// The same without the services.
pub(crate) fn whole(days: i8) -> Query {
    Query::builder(Metric::Actual, query(days).period()).build().unwrap()
}

/// So many months, back from October 2026: a unit each, about.
pub(crate) fn months(months: i8) -> Query {
    let first = date(2026, 11 - months, 1);
    let period = Period::new(first, date(2026, 10, 31), date(2026, 11, 26)).unwrap();
    Query::builder(Metric::Actual, period).build().unwrap()
}

pub(crate) fn patient() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}
