//! What is ordered with a report, and what of it Cost Management refuses.
//!
//! The sentences are those of the error responses that the specification describes.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::arm::agreement::Agreement;
use crate::arm::costs::Basis;
use crate::arm::errors::ArmError;
use crate::arm::query::day;

/// A body of `generateCostDetailsReport`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    metric: Option<String>,
    time_period: Option<Period>,
    billing_period: Option<String>,
    invoice_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    start: String,
    end: String,
}

impl Order {
    pub(super) fn read(body: &Value) -> Result<Self, ArmError> {
        serde_json::from_value(body.clone()).map_err(|_| invalid())
    }

    pub(super) fn basis(&self) -> Result<Basis, ArmError> {
        match self.metric.as_deref() {
            None | Some("ActualCost") => Ok(Basis::Actual),
            Some("AmortizedCost") => Ok(Basis::Amortized),
            Some(_) => Err(invalid()),
        }
    }

    /// The days that it is of: at most one month, at most 13 months back; default the current month.
    pub(super) fn days(&self, agreement: Agreement, today: Date) -> Result<(Date, Date), ArmError> {
        match (&self.time_period, &self.billing_period, &self.invoice_id) {
            (None, None, None) => Ok((today.first_of_month(), today)),
            (Some(period), None, None) => of_period(period, today),
            (None, Some(month), None) if agreement == Agreement::Enterprise => {
                let digits = |range| month.get(range).and_then(|digits: &str| digits.parse().ok());
                let (year, number) = digits(0..4).zip(digits(4..6)).ok_or_else(invalid)?;
                let number = i8::try_from(number).map_err(|_| invalid())?;
                let first = Date::new(year, number, 1).map_err(|_| invalid())?;
                within(first, first.last_of_month(), today)
            }
            // Bills are not made here, so there is no invoice to tell the rows of.
            (None, Some(_), None) | (None, None, Some(_)) => Err(invalid()),
            _ => Err(ArmError::bad_request(
                "Invalid request payload: can only have either timePeriod or invoiceId or billingPeriod. API only allows \
                 data to be pulled for either timePeriod or invoiceId or billingPeriod. Customer should provide only one \
                 of these parameters.",
            )),
        }
    }
}

pub(super) fn invalid() -> ArmError {
    ArmError::bad_request(
        "Invalid Request Payload. Request payload provided is not in a json format or had an invalid member not accepted in \
         the request payload.",
    )
}

fn of_period(period: &Period, today: Date) -> Result<(Date, Date), ArmError> {
    within(day(&period.start)?, day(&period.end)?, today)
}

fn within(start: Date, end: Date, today: Date) -> Result<(Date, Date), ArmError> {
    let month_later = start.checked_add(1.month()).unwrap_or(end);
    let oldest = today.checked_sub(13.months()).unwrap_or(start);
    if start > end {
        return Err(invalid());
    }
    if end > month_later {
        return Err(ArmError::bad_request(
            "The maximum allowed date range is 1 months. API only allows data to be pulled for 1 month or less.",
        ));
    }
    if start < oldest {
        return Err(ArmError::bad_request(format!(
            "Start date must be after {oldest}. API only allows data to be pulled no older than 13 months from now."
        )));
    }
    Ok((start, end))
}
