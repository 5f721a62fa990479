//! The cost tools against an independent calculation from the emulator's raw rows, and against what people do with them.

use identity::clock::{Clock as _, SystemClock};
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

mod anomalies;
mod budgets;
mod burn_down;
mod commitments;
mod compared;
mod crowd;
mod dice;
mod exported;
mod exports;
mod exports_killed;
mod figures;
mod foreseen;
mod investigation;
mod listed;
mod random;
mod raw;
mod rights;

/// The first day of a month whose costs are final, whatever day it is today.
fn final_month() -> Date {
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    today.first_of_month().saturating_sub(2.months())
}

/// The same as a period.
fn final_period() -> String {
    final_month().strftime("%Y-%m").to_string()
}
