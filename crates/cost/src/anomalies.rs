//! Costs that are odd: which days, by how much, how sure that is, and what caused it.
//!
//! Of each scope the costs by service and resource group are asked day by day, without what is charged at once, and beside them
//! what is. That is one query unit for every 31 days of the days to judge and their history, and one for the charges at once
//! ([`AnomalyPlan`]). Services, resource groups and the whole are series ([`Daily`]); each is judged by itself
//! (`judge`), what several of them tell of one incident is one event (`fold`). What caused the dearest of them is asked
//! in one more query where that can be, and never in more than two an event ([`CausePlan`]).
//!
//! Statistics are figures of floating point. Actual costs are exact; what was expected is rounded once, to two decimals.

pub use causes::{Cause, CauseKind, CausePlan};
pub use coverage::CoveragePlan;
pub use drill::{drilled, drills};
pub use events::{Event, Key, Odds, Unjudged};
pub use judge::Shape;
pub use plan::{AnomalyPlan, AnomalyQuestion, Daily, OneOff};
pub use rule::Sensitivity;
pub use suspect::Suspect;

mod causes;
mod coverage;
mod drill;
mod events;
mod fold;
mod judge;
mod level;
mod month;
mod pattern;
mod plan;
mod robust;
mod rule;
mod run;
mod scan;
#[cfg(test)]
mod statistics;
mod suspect;
