//! Cost Management Query: costs grouped, filtered and dated by Azure, all pages of them.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/query/usage>

mod filter;
mod request;
mod response;

use bytes::Bytes;
use reqwest::StatusCode;
use secrecy::SecretString;
use tracing::Span;
use tracing::field::Empty;

pub use filter::Filter;
pub use request::{
    CostColumn, Direction, Granularity, Grouping, Metric, Query, QueryBuilder, SortBy, Sorting,
};
pub use response::Row;

use crate::client::{ArmRequest, observed};
use crate::{AmountOverflow, Client, Error, Scope, Totals};

/// The newest version that Microsoft's own SDKs use.
pub(crate) const API_VERSION: &str = "2025-03-01";
/// Azure's own maximum; without it a page has 1 000 rows.
const PAGE_ROWS: &str = "5000";

/// The answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryResult {
    /// The rows, in Azure's order.
    pub rows: Vec<Row>,
    /// How many pages they came on.
    pub pages: u32,
    /// Whether there is more than [`crate::Settings::most_rows`] or [`crate::Settings::most_pages`] allow.
    /// Sums of a truncated answer are sums of a part.
    pub truncated: bool,
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
        let subscription = scope.subscription();
        let span = tracing::info_span!("cost.query", %subscription, pages = Empty, rows = Empty, status = Empty, error.type = Empty);
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
        let mut result = QueryResult { rows: Vec::new(), pages: 0, truncated: false };
        loop {
            // The next page is asked for with the same body: Azure answers 400 to an empty one.
            // https://github.com/Azure/azure-rest-api-specs/issues/12276
            let answer = self.arm(ArmRequest::post(&url, &body), token, deadline).await?;
            let next = match answer.status {
                StatusCode::NO_CONTENT => None,
                _ => response::read_page(&answer.body, query, &mut result.rows)?,
            };
            result.pages += 1;
            let Some(next) = next else { break };
            if result.pages == self.settings().most_pages || result.rows.len() >= self.settings().most_rows {
                result.truncated = true;
                break;
            }
            url = self.arm_link(&next, "next page of costs")?;
        }
        if result.rows.len() > self.settings().most_rows {
            result.rows.truncate(self.settings().most_rows);
            result.truncated = true;
        }
        Span::current().record("pages", result.pages).record("rows", result.rows.len());
        Ok(result)
    }

    /// The address of one of Cost Management's operations on a scope.
    pub(crate) fn cost_management(&self, scope: &Scope, operation: &str, query: &[(&str, &str)]) -> url::Url {
        let mut segments = scope.segments();
        segments.extend(["providers", "Microsoft.CostManagement", operation].map(str::to_owned));
        self.endpoint(segments, query)
    }
}
