//! Has Azure build a report, and asks until it is there.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde_json::json;
use tokio::time::sleep;
use url::Url;

use super::Run;
use super::door::{ExportDoor, Fault};
use super::manifest::{Manifest, Report};
use crate::client::{Answer, ArmRequest};
use crate::error::Error;
use crate::period::Period;
use crate::query::API_VERSION;
use crate::query::Metric;

/// Where a report is asked for, without the ids.
const ASKED: &str = "/{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport";
/// Where its state is.
const POLLED: &str = "/{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operationId}";

/// How often a report is ordered that Azure lost.
const MOST_ORDERS: u32 = 2;
/// How often an order waits because Azure is asked too much.
const MOST_THROTTLED: u32 = 5;
/// How many polls in a row may go wrong by Azure's fault.
const MOST_ODD: u32 = 5;

/// A report that is there.
pub(super) struct Built {
    /// Where it can be asked for again.
    pub(super) operation: Option<Url>,
    pub(super) manifest: Manifest,
    pub(super) answer: Answer,
}

impl<D: ExportDoor> Run<'_, D> {
    /// Has a report built. `None` is one without costs.
    ///
    /// One that Azure gives up or forgets is ordered once more: that happens when its own machines restart.
    pub(super) async fn report(
        &self,
        period: Period,
        metric: Metric,
    ) -> Result<Option<Built>, Fault<D::Refused>> {
        let mut orders = 1;
        loop {
            let asked = self.order(period, metric).await?;
            match self.wait_until_ready(asked).await {
                Err(Fault::Azure(error)) if is_lost(&error) => {
                    if orders == MOST_ORDERS {
                        return Err(Fault::Azure(error.of_report()));
                    }
                    tracing::info!(code = error.code(), "azure lost a report: it is ordered once more");
                    orders += 1;
                }
                other => return other,
            }
        }
    }

    /// The same report, for new links to its files.
    pub(super) async fn again(
        &self,
        (period, metric): (Period, Metric),
        operation: Option<&Url>,
    ) -> Result<Option<Built>, Fault<D::Refused>> {
        let Some(operation) = operation else { return self.report(period, metric).await };
        let answer = self.as_person(ArmRequest::poll(operation, POLLED)).await?;
        self.wait_until_ready((operation.clone(), Some(operation.clone()), answer)).await
    }

    async fn order(
        &self,
        period: Period,
        metric: Metric,
    ) -> Result<(Url, Option<Url>, Answer), Fault<D::Refused>> {
        let url = self.client.cost_management(
            &self.plan.scope,
            "generateCostDetailsReport",
            &[("api-version", API_VERSION)],
        );
        let body = json!({
            "metric": metric.as_str(),
            "timePeriod": {"start": period.from().to_string(), "end": period.to().to_string()},
        });
        let body = Bytes::from(body.to_string());
        let mut throttled = 0;
        loop {
            self.door.turn(&self.plan.scope).await.map_err(Fault::Door)?;
            match self.as_person(ArmRequest::post(&url, ASKED, &body).metered()).await {
                Err(Fault::Azure(Error::Throttled { retry_after, .. })) if throttled < MOST_THROTTLED => {
                    throttled += 1;
                    self.pause(retry_after).await;
                }
                answer => return Ok((url, None, answer?)),
            }
        }
    }

    /// Asks until a report is ready. `None` if there are no costs to report.
    async fn wait_until_ready(
        &self,
        (mut asked_at, mut operation, mut answer): (Url, Option<Url>, Answer),
    ) -> Result<Option<Built>, Fault<D::Refused>> {
        let bounds = &self.client.settings().reports;
        for _ in 0..=bounds.most_polls {
            match Report::read(&answer)? {
                Report::Ready(manifest) => return Ok(Some(Built { operation, manifest, answer })),
                Report::NoData => return Ok(None),
                Report::Building => {}
            }
            if let Some(link) = place(&answer) {
                operation = Some(self.operation(&asked_at, link, &answer)?);
            }
            let Some(place) = &operation else {
                let error = Error::unexpected("a report without a place to ask for it");
                return Err(error.in_answer(|| answer.described()).into());
            };
            asked_at.clone_from(place);
            answer = self.poll(place, answer.asked_wait(self.client.now())).await?;
        }
        let retry_after = answer.asked_wait(self.client.now()).unwrap_or(bounds.longest_pause);
        Err(Error::ReportNotReady { polls: bounds.most_polls, retry_after }.into())
    }

    /// Waits and asks for the state of a report. Trouble of Azure's at a poll says nothing about the report: it is polled again.
    async fn poll(&self, operation: &Url, mut wait: Option<Duration>) -> Result<Answer, Fault<D::Refused>> {
        let mut odd = 0;
        loop {
            self.pause(wait.unwrap_or_default()).await;
            self.progress.polled();
            match self.as_person(ArmRequest::poll(operation, POLLED)).await {
                Err(Fault::Azure(error)) if odd < MOST_ODD && is_trouble(&error) => {
                    odd += 1;
                    wait = error.retry_after();
                }
                answer => return answer,
            }
        }
    }

    async fn pause(&self, asked: Duration) {
        let bounds = &self.client.settings().reports;
        let pause = asked.min(bounds.longest_pause).max(bounds.shortest_pause);
        self.progress.waits(Some(pause));
        sleep(pause).await;
        self.progress.waits(None);
    }

    /// The address to ask for the report at, which stood in an answer to `asked_at`.
    fn operation(&self, asked_at: &Url, link: &HeaderValue, answer: &Answer) -> Result<Url, Error> {
        let url = match link.to_str() {
            Ok(link) => self.client.arm_link_from(asked_at, link, "status of the report"),
            Err(_) => Err(Error::unexpected("a location that is not text")),
        };
        url.map_err(|error| error.in_answer(|| answer.described()))
    }

    /// Asks Azure as the person. A claims challenge is answered once, with a token that proves more.
    async fn as_person(&self, request: ArmRequest<'_>) -> Result<Answer, Fault<D::Refused>> {
        let token = self.door.token(None).await.map_err(Fault::Door)?;
        match self.client.arm(request.clone(), &token, self.client.deadline()).await {
            Err(Error::ClaimsChallenge { claims, .. }) => {
                let token = self.door.token(Some(&claims)).await.map_err(Fault::Door)?;
                Ok(self.client.arm(request, &token, self.client.deadline()).await?)
            }
            answer => Ok(answer?),
        }
    }
}

impl Built {
    /// Whether Azure itself says that the links have ended by now.
    pub(super) fn has_ended(&self, now: Option<Timestamp>) -> bool {
        now.zip(self.manifest.valid_till()).is_some_and(|(now, till)| till <= now)
    }
}

/// Where a report that is being built can be asked for. Azure's services name the place in one of three headers:
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.
fn place(answer: &Answer) -> Option<&HeaderValue> {
    ["location", "azure-asyncoperation", "operation-location"]
        .iter()
        .find_map(|name| answer.headers.get(*name))
        .filter(|_| answer.status == StatusCode::ACCEPTED)
}

/// Whether the report itself is gone, so that another may do: it failed without a reason that is known, or its operation is
/// not there any more.
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::ReportFailed(_))
        || error.azure().is_some_and(|azure| matches!(azure.status, 404 | 410))
}

/// Whether it passes. A 406 comes now and then: <https://github.com/Azure/azure-sdk-for-python/issues/34096>.
const fn is_trouble(error: &Error) -> bool {
    matches!(
        error,
        Error::Throttled { .. }
            | Error::AzureUnavailable { .. }
            | Error::Unreachable(_)
            | Error::TookTooLong(_)
            | Error::DeadlineExceeded(_)
    )
}
