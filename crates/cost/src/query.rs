//! Cost Management Query: costs grouped, filtered and dated by Azure, all pages of them.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/query/usage>

use bytes::Bytes;
use reqwest::StatusCode;
use secrecy::SecretString;
use tracing::Span;
use tracing::field::{Empty, display};

pub use filter::Filter;
pub use request::{Beside, CostColumn, Granularity, Grouping, Metric, Query, QueryBuilder};
pub use response::Row;

use crate::client::{ArmRequest, observed};
use crate::client::{Client, Settings};
use crate::error::Error;
use crate::money::{AmountOverflow, Totals};
use crate::pages::Pages;
use crate::scope::Scope;

mod filter;
mod request;
mod response;
mod summed;

/// The newest version that Microsoft's own SDKs use.
pub(crate) const API_VERSION: &str = "2025-03-01";
/// Where a query goes, without the ids.
const TEMPLATE: &str = "/{scope}/providers/Microsoft.CostManagement/query";
/// Azure's own maximum; without it a page has 1 000 rows.
const PAGE_ROWS: &str = "5000";

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryResult {
    /// The rows, in Azure's order.
    pub rows: Vec<Row>,
    /// How many pages they came on.
    pub pages: u32,
    /// How many rows had no figure, and are not among the rows.
    pub without_figure: u64,
    /// The bound that was met, if there is more than it allows. Sums of a truncated answer are sums of a part.
    pub truncated: Option<Bound>,
}

/// A bound of a query's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// [`crate::Settings::most_rows`].
    Rows(usize),
    /// [`crate::Settings::most_pages`].
    Pages(u32),
}

impl From<Bound> for Error {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Rows(limit) => Self::TooMany { what: "rows", limit: limit as u64 },
            Bound::Pages(limit) => Self::TooMany { what: "pages of costs", limit: limit.into() },
        }
    }
}

impl QueryResult {
    /// The sum of the rows, per currency.
    pub fn totals(&self) -> Result<Totals, AmountOverflow> {
        Totals::of(self.rows.iter().map(|row| row.cost))
    }
}

impl Client {
    /// Asks Cost Management as the token's owner, and follows the pages to the end. No costs is an empty result.
    pub async fn query(
        &self,
        token: &SecretString,
        scope: &Scope,
        query: &Query,
    ) -> Result<QueryResult, Error> {
        let subscription = scope.subscription().map(display);
        let kind = scope.kind();
        let span = tracing::info_span!("cost.query", subscription, scope.kind = kind, pages = Empty, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.query_pages(token, scope, query)).await
    }

    async fn query_pages(
        &self,
        token: &SecretString,
        scope: &Scope,
        query: &Query,
    ) -> Result<QueryResult, Error> {
        let deadline = self.deadline();
        let body = Bytes::from(query.body().to_string());
        let mut url =
            self.cost_management(scope, "query", &[("api-version", API_VERSION), ("$top", PAGE_ROWS)]);
        let mut pages = Pages::starting_at(&url);
        let mut result = QueryResult::default();
        loop {
            // The next page is asked for with the same body: Azure answers 400 to an empty one.
            // https://github.com/Azure/azure-rest-api-specs/issues/12276
            let asked = self.arm(ArmRequest::post(&url, TEMPLATE, &body), token, deadline).await;
            let answer =
                asked.map_err(|error| if result.pages > 0 { error.while_continuing() } else { error })?;
            let next = match answer.status {
                StatusCode::NO_CONTENT => None,
                _ => response::read_page(&answer, query, &mut result)?,
            };
            result.pages += 1;
            let Some(next) = next else { break };
            let follow = self.arm_link(&next, "next page of costs").and_then(|next| {
                pages.follow(&next)?;
                Ok(next)
            });
            url = follow.map_err(|error| error.in_answer(|| answer.described()))?;
            if let Some(bound) = self.bound_of(&result) {
                result.truncated = Some(bound);
                break;
            }
        }
        let most_rows = self.settings().most_rows;
        if result.rows.len() > most_rows {
            result.rows.truncate(most_rows);
            result.truncated = Some(Bound::Rows(most_rows));
        }
        Span::current().record("pages", result.pages).record("rows", result.rows.len());
        Ok(result)
    }

    /// The bound that an answer has met which has a further page.
    fn bound_of(&self, result: &QueryResult) -> Option<Bound> {
        let Settings { most_rows, most_pages, .. } = *self.settings();
        if result.rows.len() >= most_rows {
            return Some(Bound::Rows(most_rows));
        }
        (result.pages == most_pages).then_some(Bound::Pages(most_pages))
    }

    /// The address of one of Cost Management's operations on a scope.
    pub(crate) fn cost_management(&self, scope: &Scope, operation: &str, query: &[(&str, &str)]) -> url::Url {
        let mut segments = scope.segments();
        segments.extend(["providers", "Microsoft.CostManagement", operation].map(str::to_owned));
        self.endpoint(segments, query)
    }
}
