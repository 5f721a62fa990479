//! Reports of how far benefits are used: 202, polls, and a CSV file behind a signed link, which is made when it is read.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/generate-benefit-utilization-summaries-report>,
//! <https://learn.microsoft.com/rest/api/cost-management/generate-reservation-details-report>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Benefit, Day, Part, billing_part, found};
use crate::arm::auth::Caller;
use crate::arm::costs::{Basis, Charge, View, Wanted, decimal};
use crate::arm::errors::ArmError;
use crate::arm::query::{QueryScope, day};
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;
use crate::bounded::Bounded;
use crate::sas;

const MOST_REPORTS: usize = 1_000;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// Of reservations or savings plans, by day or month.
    Utilization,
    /// Of each machine that used a reservation.
    Reservations,
}

impl Report {
    /// The last segment of the address where it is to be asked for.
    const fn results(self) -> &'static str {
        match self {
            Self::Utilization => "benefitUtilizationSummariesOperationResults",
            Self::Reservations => "reservationDetailsOperationResults",
        }
    }
}

/// A report that was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    report: Report,
    scope: String,
    days: (Date, Date),
    charge: Charge,
    monthly: bool,
    owner: String,
    polls_left: u32,
    input: Value,
}

/// The reports ordered so far.
#[derive(Debug)]
pub(crate) struct Orders(Bounded<Order>);

impl Default for Orders {
    fn default() -> Self {
        Self(Bounded::new(MOST_REPORTS))
    }
}

impl Orders {
    pub(crate) fn get(&self, operation: &str) -> Option<Order> {
        self.0.get(operation).cloned()
    }
}

/// Orders a report of an enrolment or a billing profile.
pub(crate) fn generate(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    report: Report,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if !matches!(billing_part(scope), Some(Part::Enrolment | Part::Profile)) {
        return Err(ArmError::not_found(request.uri.path()));
    }
    scope.authorize_benefits(caller)?;
    let headers = throttle::admit(state, caller, scope.path(), request, 1)?;
    let input = match report {
        Report::Utilization => serde_json::from_slice(request.body)
            .map_err(|_| ArmError::bad_request("The request body is invalid."))?,
        Report::Reservations => json!({"startDate": request.parameter("startDate"),
                                       "endDate": request.parameter("endDate"), "kind": "Reservation"}),
    };
    let order = Order::read(state, caller, scope, report, input)?;
    let operation = Uuid::new_v4().to_string();
    let mut response = accepted(state, &order, &operation, request);
    state.benefit_reports().0.insert(operation, order);
    response.headers_mut().extend(headers);
    Ok(response)
}

/// 202 until it is complete, then 200 with a link.
pub(crate) fn poll(
    state: &State,
    caller: &Caller,
    operation: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let order = {
        let mut orders = state.benefit_reports();
        let order = orders.0.get_mut(operation).filter(|order| order.owner == caller.oid());
        let order = order.ok_or_else(|| ArmError::not_found(request.uri.path()))?;
        if order.polls_left > 0 {
            order.polls_left -= 1;
            return Ok(accepted(state, order, operation, request));
        }
        order.clone()
    };
    let link = || state.links.sign(&state.world, operation, 0);
    let valid_until = (state.world.clock.now() + sas::LINK_LIFETIME).to_string();
    Ok(match order.report {
        // "Complete", and not "Completed" as every other report says.
        Report::Utilization => Json(json!({
            "input": order.input, "status": "Complete",
            "properties": {"reportUrl": link(), "secondaryReportUrl": link(), "validUntil": valid_until},
        })),
        Report::Reservations => Json(json!({
            "status": "Completed", "properties": {"reportUrl": link(), "validUntil": valid_until},
        })),
    }
    .into_response())
}

fn accepted(state: &State, order: &Order, operation: &str, request: &ArmRequest<'_>) -> Response {
    let version = request.parameter("api-version").unwrap_or_default();
    let (arm, scope, results) = (&state.world.endpoints.arm, &order.scope, order.report.results());
    let location = format!(
        "{arm}{scope}/providers/Microsoft.CostManagement/{results}/{operation}?api-version={version}"
    );
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(RETRY_AFTER, state.world.config.report_retry_after.into());
    response
}

impl Order {
    fn read(
        state: &State,
        caller: &Caller,
        scope: &QueryScope,
        report: Report,
        input: Value,
    ) -> Result<Self, ArmError> {
        let text = |name: &str| input[name].as_str().map(str::to_ascii_lowercase);
        let date = |name: &str| {
            let missing = || ArmError::bad_request(format!("{name} is required."));
            day(input[name].as_str().ok_or_else(missing)?)
        };
        let charge = match text("kind").as_deref() {
            Some("reservation") => Charge::Reservation,
            Some("savingsplan") => Charge::SavingsPlan,
            _ => return Err(ArmError::bad_request("Invalid kind.")),
        };
        let monthly = match text("grain").as_deref() {
            None | Some("daily") => false,
            Some("monthly") => true,
            Some(_) => return Err(ArmError::bad_request("Invalid grain.")),
        };
        let days = (date("startDate")?, date("endDate")?);
        if days.0 > days.1 {
            return Err(ArmError::bad_request("startDate must not be after endDate."));
        }
        let polls_left = state.world.config.report_polls;
        let (scope, owner) = (scope.path().to_owned(), caller.oid().to_owned());
        Ok(Self { report, scope, days, charge, monthly, owner, polls_left, input })
    }

    /// The file.
    pub(crate) fn csv(&self, state: &State) -> String {
        let Ok(scope) = QueryScope::parse(&self.scope, &state.subscriptions) else { return String::new() };
        let view = state.view();
        let mut lines = match self.report {
            Report::Utilization => self.utilization(&scope, &view),
            Report::Reservations => self.reservations(&scope, &view),
        };
        lines.push(String::new());
        lines.join("\r\n")
    }

    fn utilization(&self, scope: &QueryScope, view: &View) -> Vec<String> {
        let head = "Kind,BenefitOrderId,BenefitId,BenefitType,UsageDate,AvgUtilizationPercentage,\
                    MinUtilizationPercentage,MaxUtilizationPercentage";
        let line = |one: &Benefit<'_>, date: Date, days: &[Day]| {
            let kind = if one.is_reservation() { "Reservation" } else { "SavingsPlan" };
            let (order, own) = (one.line.order_id(), one.line.benefit_guid());
            let percents = || days.iter().map(|day| day.percent());
            let figures = [Some(Day::sum(days).percent()), percents().min(), percents().max()]
                .map(Option::unwrap_or_default);
            let figures = figures.map(decimal).join(",");
            format!("{kind},{order},{own},{kind},{date},{figures}")
        };
        let all = found(scope, self.days, view);
        let own = all.iter().filter(|one| one.line.charge == self.charge);
        let lines = own.flat_map(|one| {
            one.grouped(self.monthly).into_iter().map(move |(date, days)| line(one, date, &days))
        });
        std::iter::once(head.to_owned()).chain(lines).collect()
    }

    /// Columns of the specification.
    fn reservations(&self, scope: &QueryScope, view: &View) -> Vec<String> {
        let head = "InstanceFlexibilityGroup,InstanceFlexibilityRatio,InstanceId,Kind,ReservationId,\
                    ReservationOrderId,ReservedHours,SkuName,TotalReservedQuantity,UsageDate,UsedHours";
        let wanted = Wanted { from: self.days.0, to: self.days.1, basis: Basis::Amortized, view };
        let used = scope.rows(wanted).filter(super::is_usage).filter_map(|row| Some((row, row.commitment?)));
        let lines = used.filter(|(_, line)| line.charge == Charge::Reservation).map(|(row, line)| {
            let (id, hours) = (row.line.id(&row.subscription.id), super::part(24, row.cost, line.daily()));
            let (own, order) = (line.benefit_guid(), line.order_id());
            let (sku, date, hours) = (line.service.meter, row.date, decimal(hours));
            format!("NA,1,{id},Reservation,{own},{order},24,{sku},1,{date},{hours}")
        });
        std::iter::once(head.to_owned()).chain(lines).collect()
    }
}
