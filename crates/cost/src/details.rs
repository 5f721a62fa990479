//! The cost details report: every charge with its identifiers, as CSV. Azure builds it in its own time, so this
//! is a dance: start it, ask whether it is ready, fetch its files.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report>
//!
//! A file's link is a permission by itself (a SAS): it is used here, without the token, and shown to nobody.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde_json::json;
use tokio::time::sleep;
use tracing::Span;
use tracing::field::{Empty, display};
use url::Url;

use crate::client::Client;
use crate::client::{Answer, ArmRequest, Deadline, observed};
use crate::error::Error;
use crate::export::{Manifest, Report};
use crate::invalid::InvalidQuery;
use crate::period::Period;
use crate::query::API_VERSION;
use crate::query::Metric;
use crate::scope::Scope;

mod csv;
mod gzip;

/// Where a report is asked for, without the ids.
const ASKED: &str = "/{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport";
/// Where its state is.
const POLLED: &str = "/{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operationId}";

/// The bounds of one report.
#[derive(Clone, Copy, Debug)]
pub struct DetailsLimits {
    /// How long everything may take. 2 minutes.
    pub deadline: Duration,
    /// The most bytes of all files together. 8 MiB.
    pub most_bytes: u64,
    /// How often the report is asked for while it is built. 30.
    pub most_polls: u32,
    /// The shortest pause between two polls, whatever Azure asks for. 1 s.
    pub shortest_pause: Duration,
    /// The longest pause between two polls, also where Azure asks for more. 60 s, which is what it asks for.
    pub longest_pause: Duration,
}

impl Default for DetailsLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(120),
            most_bytes: 8 * 1024 * 1024,
            most_polls: 30,
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// A cost details report.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CostDetails {
    /// The whole report: one header line and the charges below it. Empty if there are no costs.
    pub csv: String,
    /// How many charges there are.
    pub rows: u64,
}

/// By hand: the charges are the customer's data and no matter for a log.
impl std::fmt::Debug for CostDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CostDetails").field("rows", &self.rows).field("bytes", &self.csv.len()).finish()
    }
}

impl Client {
    /// Has Azure build the report of a period and fetches it. No costs is an empty report.
    ///
    /// Azure builds it for Enterprise and Customer Agreements, for at most one month of the last 13.
    ///
    /// # Errors
    /// [`Error::ReportTooLarge`] and [`Error::ReportNotReady`] beyond the limits.
    pub async fn cost_details(
        &self,
        token: &SecretString,
        scope: &Scope,
        period: Period,
        metric: Metric,
        limits: DetailsLimits,
    ) -> Result<CostDetails, Error> {
        let subscription = scope.subscription().map(display);
        let kind = scope.kind();
        let span = tracing::info_span!("cost.details", subscription, scope.kind = kind, polls = Empty, rows = Empty, status = Empty, error.type = Empty);
        let call = async {
            check(period)?;
            let deadline = Deadline::after(limits.deadline);
            let answer = self.start(token, scope, period, metric, deadline).await?;
            match self.wait_until_ready(token, answer, limits, deadline).await? {
                Some((manifest, answer)) => {
                    let fetched = self.fetch(&manifest, limits, deadline).await;
                    fetched.map_err(|error| error.in_answer(|| answer.described()))
                }
                None => Ok(CostDetails::default()),
            }
        };
        observed(span, call).await
    }

    async fn start(
        &self,
        token: &SecretString,
        scope: &Scope,
        period: Period,
        metric: Metric,
        deadline: Deadline,
    ) -> Result<(Url, Answer), Error> {
        let url = self.cost_management(scope, "generateCostDetailsReport", &[("api-version", API_VERSION)]);
        let body = json!({
            "metric": metric.as_str(),
            "timePeriod": {"start": period.from().to_string(), "end": period.to().to_string()},
        });
        let body = Bytes::from(body.to_string());
        let answer = self.arm(ArmRequest::post(&url, ASKED, &body), token, deadline).await?;
        Ok((url, answer))
    }

    /// Asks for the report until it is there: its files, and the answer that names them. `None` if there are no costs to report.
    async fn wait_until_ready(
        &self,
        token: &SecretString,
        (mut asked_at, mut answer): (Url, Answer),
        limits: DetailsLimits,
        deadline: Deadline,
    ) -> Result<Option<(Manifest, Answer)>, Error> {
        let mut operation: Option<Url> = None;
        for polls in 0..=limits.most_polls {
            Span::current().record("polls", polls);
            match Report::read(&answer)? {
                Report::Ready(manifest) => return Ok(Some((manifest, answer))),
                Report::NoData => return Ok(None),
                Report::Building => {}
            }
            if let Some(link) = place(&answer) {
                operation = Some(self.operation(&asked_at, link, &answer)?);
            }
            let Some(operation) = &operation else {
                let error = Error::unexpected("a report without a place to ask for it");
                return Err(error.in_answer(|| answer.described()));
            };
            let asked = answer.asked_wait(self.now()).unwrap_or(limits.shortest_pause);
            let pause = asked.min(limits.longest_pause).max(limits.shortest_pause);
            if polls == limits.most_polls || !deadline.has(pause) {
                return Err(Error::ReportNotReady { polls, retry_after: asked });
            }
            sleep(pause).await;
            asked_at.clone_from(operation);
            answer = self.arm(ArmRequest::poll(operation, POLLED), token, deadline).await?;
        }
        Err(Error::ReportNotReady { polls: limits.most_polls, retry_after: limits.longest_pause })
    }

    /// The address to ask for the report at, which stood in an answer to `asked_at`.
    fn operation(&self, asked_at: &Url, link: &HeaderValue, answer: &Answer) -> Result<Url, Error> {
        let url = match link.to_str() {
            Ok(link) => self.arm_link_from(asked_at, link, "status of the report"),
            Err(_) => Err(Error::unexpected("a location that is not text")),
        };
        url.map_err(|error| error.in_answer(|| answer.described()))
    }

    /// Fetches the report's files one after the other and joins them.
    async fn fetch(
        &self,
        manifest: &Manifest,
        limits: DetailsLimits,
        deadline: Deadline,
    ) -> Result<CostDetails, Error> {
        let limit = limits.most_bytes;
        if let Some(bytes) = manifest.announced_bytes().filter(|bytes| *bytes > limit) {
            return Err(Error::ReportTooLarge { bytes, limit });
        }
        let mut report = csv::Joined::default();
        for link in manifest.links() {
            let url = self.blob_link(link)?;
            let fetched = report.len();
            let left = limit.saturating_sub(fetched);
            // In terms of the whole report, not of what was left for this file.
            let whole = |error| match error {
                Error::TooLarge { bytes, .. } => {
                    Error::ReportTooLarge { bytes: fetched.saturating_add(bytes), limit }
                }
                other => other,
            };
            let file = self.blob(&url, left, deadline).await.map_err(whole)?;
            report.append(&gzip::unpacked(&file, left).map_err(whole)?)?;
        }
        let details = report.finish()?;
        Span::current().record("rows", details.rows);
        Ok(details)
    }
}

fn check(period: Period) -> Result<(), InvalidQuery> {
    period.lasts_months(1, "a report goes up to one month")?;
    period.reaches_back_at_most(13)
}

/// Where a report that is being built can be asked for. Azure's services name the place in one of three headers:
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.
fn place(answer: &Answer) -> Option<&HeaderValue> {
    ["location", "azure-asyncoperation", "operation-location"]
        .iter()
        .find_map(|name| answer.headers.get(*name))
        .filter(|_| answer.status == StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_report_is_one_month_of_the_last_13() {
        let today = date(2026, 11, 22);
        let period = |from, to| Period::new(from, to, today).unwrap();
        assert_eq!(check(period(date(2025, 10, 22), date(2025, 11, 21))), Ok(()));
        let long = check(period(date(2026, 10, 1), date(2026, 11, 1)));
        assert!(matches!(long, Err(InvalidQuery::TooLong { .. })));
        let (from, earliest) = (date(2025, 10, 21), date(2025, 10, 22));
        assert_eq!(check(period(from, from)), Err(InvalidQuery::TooEarly { from, earliest }));
    }

    #[test]
    fn charges_stay_out_of_logs() {
        let details = CostDetails { csv: "secret".to_owned(), rows: 1 };
        assert_eq!(format!("{details:?}"), "CostDetails { rows: 1, bytes: 6 }");
    }
}
