//! What is to come: Azure's forecast where it has one, our own run rate where it has none, and our own range around either.
//!
//! Amounts of Azure's stay exact. What is ours is estimated in floating point, and rounded once, to two decimals, where it becomes
//! money.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

pub use foreseen::{Foreseen, Kind, Part, Point, Source};
pub use horizon::Horizon;
pub use plan::ForecastPlan;
pub use run_rate::RunRate;

use crate::breakdown::Breakdown;
use crate::money::Currency;

mod foreseen;
mod horizon;
mod plan;
mod range;
mod run_rate;

/// Azure's forecast of one scope: of each currency, what each day or month will cost.
pub type Ahead = BTreeMap<Currency, BTreeMap<Date, Decimal>>;

/// What is known of one scope.
#[derive(Clone, Debug)]
pub struct ScopeKnown {
    /// What it cost day by day, from [`Horizon::daily`] on.
    pub daily: Breakdown,
    /// What it cost month by month before those days, as far as the period goes back.
    pub monthly: Breakdown,
    /// Azure's forecast, or why there is none.
    pub azure: Result<Ahead, NoForecast>,
}

/// Why Azure has no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoForecast {
    /// Azure has none without a word: it wants 28 days of history.
    TooLittleHistory,
    /// It failed over the data that it is made of (424).
    Failed,
    /// The offer has none.
    OfferNotSupported,
    /// It ends before the period does.
    Incomplete,
}

impl NoForecast {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLittleHistory => "too_little_history",
            Self::Failed => "forecast_failed",
            Self::OfferNotSupported => "offer_not_supported",
            Self::Incomplete => "forecast_incomplete",
        }
    }

    /// What an error of Azure's means here; `None` where it is no want of a forecast, such as a missing role.
    pub fn of(code: &str) -> Option<Self> {
        match code {
            "forecast_failed" => Some(Self::Failed),
            "subscription_type_not_supported" | "no_report_of_offer" => Some(Self::OfferNotSupported),
            _ => None,
        }
    }
}
