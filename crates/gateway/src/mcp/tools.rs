//! The tools, one file each, and what they share: how a question names a subscription and a period, how money reads.

pub(super) use cost_anomalies::CostAnomalies;
pub(super) use cost_by_service::CostByService;
pub(super) use cost_commitments::CostCommitments;
pub(super) use cost_compare::CostCompare;
pub(super) use cost_export::{CostExport, is_text, no_export, whole_text};
pub(super) use cost_forecast::CostForecast;
pub(super) use cost_query::CostQuery;
pub(super) use list_budgets::ListBudgets;
pub(super) use list_dimensions::ListDimensions;
pub(super) use list_subscriptions::ListSubscriptions;
pub(super) use scopes::{Scopes, subscriptions};
pub(super) use takes::query_units;

mod absent;
#[cfg(test)]
mod as_it_is;
mod ask;
mod cost_anomalies;
mod cost_by_service;
mod cost_commitments;
mod cost_compare;
mod cost_export;
mod cost_forecast;
mod cost_query;
mod list_budgets;
mod list_dimensions;
mod list_subscriptions;
mod money;
mod page;
mod period;
mod run;
mod scopes;
mod shown;
mod spark;
mod subscription;
mod table;
mod takes;
mod told;
mod units;
