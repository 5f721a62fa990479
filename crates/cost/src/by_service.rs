//! The question asked most: what did each service cost?

use rust_decimal::Decimal;
use secrecy::SecretString;

use crate::client::Client;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{Money, Totals};
use crate::period::Period;
use crate::query::{Grouping, Metric, Query, QueryResult};
use crate::scope::SubscriptionId;

/// The costs of a subscription by service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CostByService {
    /// The days they cover.
    pub period: Period,
    /// The kind of cost.
    pub metric: Metric,
    /// The services, currency by currency, the dearest of each first. Each stands there once in a currency.
    pub services: Vec<ServiceCost>,
    /// The sum of each currency.
    pub totals: Totals,
    /// How many rows came without a figure, and are in no sum.
    pub without_figure: u64,
}

/// What one service cost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceCost {
    /// Azure's name of the service, such as `Storage`. Empty for what belongs to none: purchases, credits.
    pub service: String,
    /// Its cost, not rounded.
    pub cost: Money,
    /// Its part of the currency's total, from 0 to 1, to four places. `None` where the total is not positive;
    /// beside credits it can be below 0 or above 1.
    pub share: Option<Decimal>,
}

impl Client {
    /// What each service of a subscription cost.
    ///
    /// # Errors
    /// [`Error::TooMany`] rather than the sums of a truncated answer.
    pub async fn cost_by_service(
        &self,
        token: &SecretString,
        subscription: SubscriptionId,
        period: Period,
        metric: Metric,
    ) -> Result<CostByService, Error> {
        let query = CostByService::query(period, metric)?;
        let result = self.query(token, &subscription.into(), &query).await?;
        CostByService::of(&query, result)
    }
}

impl CostByService {
    /// What to ask.
    pub fn query(period: Period, metric: Metric) -> Result<Query, InvalidQuery> {
        let by_service = Grouping::Dimension("ServiceName".to_owned());
        Query::builder(metric, period).group_by(by_service).build()
    }

    /// The answer to [`Self::query`], ranked.
    ///
    /// # Errors
    /// [`Error::TooMany`] rather than the sums of a truncated answer.
    pub fn of(query: &Query, result: QueryResult) -> Result<Self, Error> {
        if let Some(bound) = result.truncated {
            return Err(bound.into());
        }
        let (period, metric) = (query.period(), query.metric());
        let totals = result.totals()?;
        let without_figure = result.without_figure;
        let mut services: Vec<ServiceCost> = result
            .summed()?
            .rows
            .into_iter()
            .map(|row| {
                let total = totals.get(row.cost.currency);
                let share = total.and_then(|total| share(row.cost.amount, total.amount));
                ServiceCost {
                    service: row.groups.first().cloned().unwrap_or_default(),
                    cost: row.cost,
                    share,
                }
            })
            .collect();
        services.sort_by(|a, b| {
            let (left, right) = (a.cost, b.cost);
            left.currency
                .cmp(&right.currency)
                .then_with(|| right.amount.cmp(&left.amount))
                .then_with(|| a.service.cmp(&b.service))
        });
        Ok(Self { period, metric, services, totals, without_figure })
    }
}

fn share(part: Decimal, total: Decimal) -> Option<Decimal> {
    if total <= Decimal::ZERO {
        return None;
    }
    Some(part.checked_div(total)?.round_dp(4).normalize())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn row(service: &str, amount: &str, currency: &str) -> crate::Row {
        let cost = Money::new(amount.parse().unwrap(), currency.parse().unwrap());
        crate::Row { cost, beside: None, date: None, groups: [service.to_owned()].into() }
    }

    #[test]
    fn services_are_ranked_within_their_currency() {
        let rows = vec![
            row("Storage", "25", "EUR"),
            row("Virtual Machines", "75", "EUR"),
            row("Bandwidth", "1000", "USD"),
            row("Backup", "25", "EUR"),
            row("Refund", "-5", "GBP"),
        ];
        let result = QueryResult { rows: rows.into(), pages: 1, ..QueryResult::default() };
        let period = Period::new(date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 22)).unwrap();
        let query = CostByService::query(period, Metric::Actual).unwrap();
        let costs = CostByService::of(&query, result).unwrap();
        let ranked: Vec<_> = costs
            .services
            .iter()
            .map(|s| (s.service.as_str(), s.cost.to_string(), s.share.map(|share| share.to_string())))
            .collect();
        let line =
            |service, cost: &str, share: Option<&str>| (service, cost.to_owned(), share.map(str::to_owned));
        assert_eq!(
            ranked,
            [
                line("Virtual Machines", "75 EUR", Some("0.6")),
                line("Backup", "25 EUR", Some("0.2")),
                line("Storage", "25 EUR", Some("0.2")),
                line("Refund", "-5 GBP", None),
                line("Bandwidth", "1000 USD", Some("1")),
            ]
        );
        let totals: Vec<_> = costs.totals.iter().map(|total| total.to_string()).collect();
        assert_eq!(totals, ["125 EUR", "-5 GBP", "1000 USD"]);
    }
}
