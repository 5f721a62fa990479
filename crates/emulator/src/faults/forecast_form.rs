//! How a forecast answers where that was seen in more than one way, or is not known.

use serde::{Deserialize, Serialize};

/// The form of a forecast's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForecastForm {
    /// The amount's column is `PreTaxCost`, whatever was asked for.
    pub pretax_column: bool,
    /// Too little history is a page without rows. Default: 204.
    pub empty_page: bool,
    /// Rows beyond the 40th stand on further pages. Default: they are left out without a word.
    pub pages: bool,
    /// Days of history that it needs of a currency. Default: 28, as in life.
    pub least_history: u32,
    /// It ends after so many days, whatever was asked. Default: never; nobody has written that it does.
    pub most_days: Option<u32>,
}

impl Default for ForecastForm {
    fn default() -> Self {
        Self { pretax_column: false, empty_page: false, pages: false, least_history: 28, most_days: None }
    }
}
