//! The preflight: whether the tenant is set up as the broker needs it, told at the start rather than to the first user.
//!
//! | module | what it holds |
//! |---|---|
//! | `settings` | what is looked for, and whether it is |
//! | `needs` | what the gateway's policy asks of the tenant |
//! | `expected` | what the tenant must be like, by the settings |
//! | `graph` | Microsoft Graph, read with the broker's own credential |
//! | `tenant` | what was seen, each part known or untold |
//! | `untold` | why a part is not known |
//! | `checks` | whether it is as expected: a table of pure functions |
//! | `telling` | what of a new report goes to the log |
//!
//! Looking never stands in the way: it happens in the background, is bounded, and what cannot be seen is unknown. No
//! exchange asks the preflight anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use identity::clock::SharedClock;
use jiff::Timestamp;
use telemetry::admin::Check;
use telemetry::report::{Finding, Outcome, Report};
use tokio::sync::{Notify, watch};
use tokio::time::{self, Instant};

use checks::CHECKS;
pub(crate) use expected::Expectations;
pub(crate) use graph::Graph;
use graph::Standing;
pub use needs::{Needs, NeedsError};
pub use settings::{GraphSettings, KnownClient, PreflightArgs, PreflightSettings, PreflightSettingsError};
use tenant::Tenant;
use untold::Untold;

mod checks;
mod expected;
mod graph;
mod needs;
mod settings;
mod telling;
mod tenant;
mod untold;
mod well_known;

/// How long a look in the background may take: less than a caller waits for it.
const LOOK_DEADLINE: Duration = Duration::from_secs(14);
/// How long the look of `token-broker preflight` may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
/// How long a caller that wants a new look waits for it; after that it gets the one before.
const PATIENCE: Duration = Duration::from_secs(17);
/// A look younger than this is new enough for whoever wants a new one.
const FRESH: Duration = Duration::from_secs(10);
/// How often a tenant that is as it must be is looked at.
const EVERY: Duration = Duration::from_secs(3600);
/// When one that is not is looked at again; twice as long after each further time, up to [`EVERY`].
const SOON: Duration = Duration::from_secs(15);

const TOOL: &str = "token-broker preflight";

/// Looks at the tenant, and remembers what was seen last.
pub(crate) struct Preflight {
    graph: Graph,
    expected: Expectations,
    enabled: bool,
    required: bool,
    clock: SharedClock,
    looked: watch::Sender<Option<Arc<Looked>>>,
    wish: Notify,
}

struct Looked {
    report: Report,
    at: Instant,
    /// Whether something is missing for sure: at the first look, or again. Graph is eventually consistent, and one read
    /// of a replica that is behind is no reason to turn users away.
    lacking: bool,
}

impl Preflight {
    /// A preflight that has not looked yet. Asks nobody.
    pub(crate) fn new(
        expected: Expectations,
        settings: &PreflightSettings,
        graph: Graph,
        clock: &SharedClock,
    ) -> Self {
        let preflight = Self {
            graph,
            expected,
            enabled: settings.enabled,
            required: settings.required,
            clock: Arc::clone(clock),
            looked: watch::Sender::new(None),
            wish: Notify::new(),
        };
        if !settings.enabled {
            preflight.remember(preflight.unseen(&Untold::SwitchedOff));
        }
        preflight
    }

    /// Looks at the start, then now and then: hourly if all is well, sooner if not. Never returns.
    pub(crate) async fn run(&self) {
        if !self.enabled {
            tracing::info!("the tenant is not looked at: PREFLIGHT_ENABLED is false");
            return std::future::pending().await;
        }
        let mut looks_in_vain = 0;
        loop {
            let before = self.last();
            let (report, pause) = self.look(LOOK_DEADLINE).await;
            telling::tell(before.as_deref().map(|looked| &looked.report), &report);
            looks_in_vain = if report.outcome() == Outcome::Ok { 0 } else { looks_in_vain + 1 };
            self.remember(report);
            let until = Instant::now() + interval(looks_in_vain).max(pause.unwrap_or_default().min(EVERY));
            tokio::select! {
                () = time::sleep_until(until) => {}
                () = self.wished() => {}
            }
        }
    }

    /// Whether it looks by itself, from the start on.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What was seen last, if anything was; after a new look if `refresh` is wanted and the last one is not new.
    pub(crate) async fn report(&self, refresh: bool) -> Option<Report> {
        let is_fresh = |looked: &Option<Arc<Looked>>| looked.as_ref().is_some_and(|l| l.at.elapsed() < FRESH);
        if refresh && self.enabled && !is_fresh(&self.last()) {
            let mut looked = self.looked.subscribe();
            self.wish.notify_one();
            let _in_vain = time::timeout(PATIENCE, looked.wait_for(is_fresh)).await;
        }
        self.last().map(|looked| looked.report.clone())
    }

    /// Whether the tenant does not keep the broker from being ready, and what is known of it. It does so where that is
    /// wanted and something is missing, or was not looked for yet, which the first look's deadline bounds.
    pub(crate) fn readiness(&self) -> Check {
        let last = self.last();
        let lacking = last.as_ref().is_none_or(|looked| looked.lacking);
        let state = last.map_or("not_looked_yet", |looked| looked.report.outcome().as_str());
        Check::new("preflight", !self.required || !self.enabled || !lacking).described(state)
    }

    /// How many findings there are of each check and outcome.
    pub(crate) fn counts(&self) -> Vec<(&'static str, Outcome, u64)> {
        let Some(looked) = self.last() else { return Vec::new() };
        let findings = &looked.report.findings;
        let count = |name, outcome| {
            let of = findings.iter().filter(|finding| finding.name == name && finding.outcome == outcome);
            (name, outcome, u64::try_from(of.count()).unwrap_or(u64::MAX))
        };
        let outcomes = [Outcome::Ok, Outcome::Unknown, Outcome::Missing];
        CHECKS.iter().flat_map(|check| outcomes.map(|outcome| count(check.name, outcome))).collect()
    }

    /// Looks once, with the patience of a person at a terminal.
    pub(crate) async fn once(&self) -> Report {
        self.look(COMMAND_DEADLINE).await.0
    }

    /// What is seen, and how long Graph asks to be left alone.
    async fn look(&self, deadline: Duration) -> (Report, Option<Duration>) {
        let (at, deadline) = (self.clock.now(), Instant::now() + deadline);
        let tenant = Tenant::look(&self.graph, &self.expected, at, deadline).await;
        (report(at, checks::judge(&tenant, &self.expected)), tenant.pause())
    }

    fn unseen(&self, why: &Untold) -> Report {
        let (at, standing) = (self.clock.now(), Standing::Untold(why.clone()));
        let (clock, own) = (Err(why.clone()), Err(why.clone()));
        let tenant = Tenant::untold(&self.expected, at, standing, clock, own, why);
        report(at, checks::judge(&tenant, &self.expected))
    }

    /// Waits until somebody wants a new look, and the last one is no longer new.
    async fn wished(&self) {
        loop {
            self.wish.notified().await;
            if self.last().is_none_or(|looked| looked.at.elapsed() >= FRESH) {
                return;
            }
        }
    }

    fn last(&self) -> Option<Arc<Looked>> {
        self.looked.borrow().clone()
    }

    fn remember(&self, report: Report) {
        let is_missing = |report: &Report| report.outcome() == Outcome::Missing;
        let lacking = is_missing(&report) && self.last().is_none_or(|before| is_missing(&before.report));
        self.looked.send_replace(Some(Arc::new(Looked { report, at: Instant::now(), lacking })));
    }
}

impl fmt::Debug for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preflight").field("expected", &self.expected).finish_non_exhaustive()
    }
}

fn report(checked_at: Timestamp, findings: Vec<Finding>) -> Report {
    Report { tool: TOOL, checked_at, findings }
}

/// How long until the next look, after so many in vain.
fn interval(looks_in_vain: u32) -> Duration {
    match looks_in_vain {
        0 => EVERY,
        vain => SOON.saturating_mul(2_u32.saturating_pow(vain.min(16) - 1)).min(EVERY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_is_not_right_is_looked_at_sooner_and_ever_later() {
        let seconds: Vec<_> = [0, 1, 2, 3, 8, 9, 99].map(|vain| interval(vain).as_secs()).to_vec();
        assert_eq!(seconds, [3600, 15, 30, 60, 1920, 3600, 3600]);
    }
}
