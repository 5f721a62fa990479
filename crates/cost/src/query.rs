//! Cost Management Query: costs grouped, filtered and dated by Azure, all pages of them.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/query/usage>

use bytes::Bytes;
use reqwest::StatusCode;
use secrecy::SecretString;
use tracing::Span;
use tracing::field::{Empty, display};
use url::Url;

pub use filter::Filter;
pub(crate) use filter::check_name;

pub(crate) use request::MOST_FORECAST_ROWS;
pub use request::{Beside, CostColumn, Granularity, Grouping, Metric, Operation, Query, QueryBuilder};
pub use response::Row;

use self::response::KnownGroups;
use crate::chunks::Chunks;
use crate::client::{ArmRequest, observed};
use crate::client::{Client, Settings};
use crate::error::Error;
use crate::money::{AmountOverflow, Totals};
use crate::paged::{Page, Paged};
use crate::pages::Pages;
use crate::scope::Scope;

mod filter;
mod request;
mod response;
mod summed;

/// The newest version that Microsoft's own SDKs use.
pub(crate) const API_VERSION: &str = "2025-03-01";
/// Azure's own maximum; without it a page has 1 000 rows.
const PAGE_ROWS: &str = "5000";

/// The answer to a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryResult {
    /// The rows, in Azure's order.
    pub rows: Chunks<Row>,
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
    /// Asks Cost Management as the token's owner, and follows the pages to the end. No costs is an empty result. A 429 is passed
    /// on at once.
    pub async fn query(
        &self,
        token: &SecretString,
        scope: &Scope,
        query: &Query,
    ) -> Result<QueryResult, Error> {
        let mut pages = self.query_pages(scope, query);
        while !pages.next(token).await?.is_last() {}
        Ok(pages.whole())
    }

    /// The same, page by page.
    pub fn query_pages(&self, scope: &Scope, query: &Query) -> QueryPages {
        let version = ("api-version", API_VERSION);
        let operation = query.operation();
        let url = match operation {
            Operation::Query => {
                self.cost_management(scope, operation.as_str(), &[version, ("$top", PAGE_ROWS)])
            }
            Operation::Forecast => self.cost_management(scope, operation.as_str(), &[version]),
        };
        QueryPages {
            client: self.clone(),
            scope: scope.clone(),
            body: Bytes::from(query.body().to_string()),
            query: query.clone(),
            pages: Pages::starting_at(&url),
            url,
            known: KnownGroups::default(),
            result: QueryResult::default(),
        }
    }

    /// The address of one of Cost Management's operations on a scope.
    pub(crate) fn cost_management(&self, scope: &Scope, operation: &str, query: &[(&str, &str)]) -> Url {
        let mut segments = scope.segments();
        segments.extend(["providers", "Microsoft.CostManagement", operation].map(str::to_owned));
        self.endpoint(segments, query)
    }
}

/// A query under way.
pub struct QueryPages {
    client: Client,
    scope: Scope,
    query: Query,
    body: Bytes,
    url: Url,
    pages: Pages,
    known: KnownGroups,
    result: QueryResult,
}

impl QueryPages {
    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        let subscription = self.scope.subscription().map(display);
        let (kind, page) = (self.scope.kind(), self.result.pages + 1);
        let span = tracing::info_span!("cost.query", subscription, scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.ask(token)).await
    }

    async fn ask(&mut self, token: &SecretString) -> Result<Page, Error> {
        // The next page is asked for with the same body: Azure answers 400 to an empty one.
        // https://github.com/Azure/azure-rest-api-specs/issues/12276
        let request = ArmRequest::post(&self.url, self.query.operation().template(), &self.body).metered();
        let asked = self.client.arm(request, token, self.client.deadline()).await;
        let answer = asked.map_err(|error| error.after_pages(self.result.pages))?;
        let quota = answer.quota(self.client.now());
        let next = match answer.status {
            StatusCode::NO_CONTENT => None,
            _ => response::read_page(&answer, &self.query, &mut self.known, &mut self.result)?,
        };
        self.result.pages += 1;
        Span::current().record("rows", self.result.rows.len());
        let more = match next {
            Some(next) => self.follow(&next).map_err(|error| error.in_answer(|| answer.described()))?,
            None => false,
        };
        Ok(Page::read(more, quota))
    }

    /// Makes the link the next page, unless a bound is met.
    fn follow(&mut self, link: &str) -> Result<bool, Error> {
        let next = self.client.arm_link(link, "next page of costs")?;
        self.pages.follow(&next)?;
        self.url = next;
        self.result.truncated = self.bound();
        Ok(self.result.truncated.is_none())
    }

    /// The bound that an answer has met which has a further page.
    fn bound(&self) -> Option<Bound> {
        let Settings { most_rows, most_pages, .. } = *self.client.settings();
        if self.result.rows.len() >= most_rows {
            return Some(Bound::Rows(most_rows));
        }
        (self.result.pages == most_pages).then_some(Bound::Pages(most_pages))
    }
}

impl Paged for QueryPages {
    type Whole = QueryResult;

    async fn next_page(&mut self, token: &SecretString) -> Result<Page, Error> {
        Page::or_not_now(self.next(token).await)
    }

    fn whole(mut self) -> QueryResult {
        let most_rows = self.client.settings().most_rows;
        if self.result.rows.len() > most_rows {
            self.result.rows.truncate(most_rows);
            self.result.truncated = Some(Bound::Rows(most_rows));
        }
        self.result
    }
}
