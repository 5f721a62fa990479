//! How far reservations are used: `reservationSummaries` and `reservationDetails` of the older provider.
//!
//! <https://learn.microsoft.com/rest/api/consumption/reservations-summaries/list>

use axum::response::Response;
use http::HeaderMap;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{
    Benefit, Day, Part, billing_part, consumption_refused, found, is_usage, no_claims, page, part,
    scope_of_order,
};
use crate::arm::auth::Caller;
use crate::arm::costs::{Basis, Charge, FIRST_DAY, Line, View, Wanted};
use crate::arm::errors::ArmError;
use crate::arm::odata;
use crate::arm::query::{QueryScope, day, number};
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;

/// What of reservations is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    Summaries,
    /// By resource and day.
    Details,
}

impl Listed {
    const fn name(self) -> &'static str {
        match self {
            Self::Summaries => "reservationSummaries",
            Self::Details => "reservationDetails",
        }
    }
}

/// Of an enrolment or a billing profile.
pub(crate) fn list(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    listed: Listed,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let by_dates = match billing_part(scope) {
        Some(Part::Enrolment) => false,
        Some(Part::Profile) => true,
        Some(Part::Account) | None => return Err(ArmError::not_found(request.uri.path())),
    };
    scope.authorize_benefits(caller).map_err(|_| no_claims())?;
    let own = |line: &Line| {
        let order = request.parameter("reservationOrderId");
        let id = request.parameter("reservationId");
        order.is_none_or(|order| line.order_id().eq_ignore_ascii_case(order))
            && id.is_none_or(|id| line.benefit_guid().eq_ignore_ascii_case(id))
    };
    if request.parameter("reservationId").is_some() && request.parameter("reservationOrderId").is_none() {
        return Err(consumption_refused("ReservationOrderId should be provided with ReservationId."));
    }
    answer(state, (scope, scope.path()), (listed, by_dates), request, own)
}

/// Of one order, or of one reservation in it.
pub(crate) fn of_order(
    state: &State,
    caller: &Caller,
    (order, own): (&str, Option<&str>),
    listed: Listed,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let is_it = |line: &Line| {
        line.charge == Charge::Reservation
            && line.order_id().eq_ignore_ascii_case(order)
            && own.is_none_or(|own| line.benefit_guid().eq_ignore_ascii_case(own))
    };
    let below = own.map(|own| format!("/reservations/{own}")).unwrap_or_default();
    let path = format!("/providers/Microsoft.Capacity/reservationOrders/{order}{below}");
    let action = format!("Microsoft.Consumption/{}/read", listed.name());
    let scope = scope_of_order(state, caller, (&path, &action), is_it)?;
    answer(state, (&scope, &path), (listed, false), request, is_it)
}

fn answer(
    state: &State,
    (scope, path): (&QueryScope, &str),
    (listed, by_dates): (Listed, bool),
    request: &ArmRequest<'_>,
    is_it: impl Fn(&Line) -> bool,
) -> Result<Response, ArmError> {
    let monthly = match (listed, request.parameter("grain").map(str::to_ascii_lowercase).as_deref()) {
        (Listed::Details, _) | (_, Some("daily")) => false,
        (_, Some("monthly")) => true,
        _ => return Err(consumption_refused("Grain should be daily or monthly.")),
    };
    let view = state.view();
    let days = asked_days(request, by_dates, monthly, &view)?;
    throttle::admit_consumption(state, path)?;
    let value: Vec<Value> = match listed {
        Listed::Summaries => {
            let found = found(scope, days, &view);
            let own = found.iter().filter(|one| one.is_reservation() && is_it(one.line));
            own.flat_map(|one| summaries(one, path, monthly)).collect()
        }
        Listed::Details => details(scope, path, days, &view, is_it),
    };
    page(state, request, &value, HeaderMap::new())
}

/// By day an enrolment wants a filter and a profile two parameters; by month all of the last 13 months may be meant.
fn asked_days(
    request: &ArmRequest<'_>,
    by_dates: bool,
    monthly: bool,
    view: &View,
) -> Result<(Date, Date), ArmError> {
    let (from, to) = if by_dates {
        let of = |name| request.parameter(name).map(day).transpose();
        (of("startDate")?, of("endDate")?)
    } else {
        let conditions = odata::conditions(request.parameter("$filter"), &["usageDate"])?;
        odata::days(&conditions, "usageDate")?
    };
    let today = view.today();
    match (from, to) {
        (Some(from), Some(to)) => Ok((from, to)),
        _ if monthly => Ok((from.unwrap_or(FIRST_DAY), to.unwrap_or(today))),
        (None, _) => Err(consumption_refused("UsageDate should have beginning range value.")),
        (_, None) => Err(consumption_refused("UsageDate should have ending range value.")),
    }
}

fn summaries(one: &Benefit<'_>, path: &str, monthly: bool) -> Vec<Value> {
    let (order, own) = (one.line.order_id(), one.line.benefit_guid());
    let groups = one.grouped(monthly).into_iter();
    groups
        .map(|(date, days)| {
            let percents = || days.iter().map(|day| day.percent());
            let sum = Day::sum(&days);
            let name = format!("{own}_{}", date.strftime("%Y%m%d"));
            json!({
                "id": format!("{path}/providers/Microsoft.Consumption/reservationSummaries/{name}"),
                "name": name, "type": "Microsoft.Consumption/reservationSummaries", "tags": null,
                "properties": {
                    "reservationOrderId": order, "reservationId": own, "skuName": one.line.service.meter,
                    "kind": "Reservation",
                    // Of the data centre's time zone.
                    "usageDate": format!("{date}T00:00:00-07:00"),
                    "reservedHours": number(hours(one.line, sum.whole)),
                    "usedHours": number(hours(one.line, sum.used)),
                    "avgUtilizationPercentage": number(sum.percent()),
                    "minUtilizationPercentage": number(percents().min().unwrap_or_default()),
                    "maxUtilizationPercentage": number(percents().max().unwrap_or_default()),
                },
            })
        })
        .collect()
}

/// Hours of a reservation of one machine that so much of its cost is, in 10^-8.
fn hours(line: &Line, cost: i64) -> i64 {
    part(24, cost, line.daily())
}

fn details(
    scope: &QueryScope,
    path: &str,
    (from, to): (Date, Date),
    view: &View,
    is_it: impl Fn(&Line) -> bool,
) -> Vec<Value> {
    let rows = scope.rows(Wanted { from, to, basis: Basis::Amortized, view });
    let used = rows.filter(is_usage).filter_map(|row| Some((row, row.commitment?)));
    used.filter(|(_, line)| line.charge == Charge::Reservation && is_it(line))
        .map(|(row, line)| {
            let (order, own, date) = (line.order_id(), line.benefit_guid(), row.date);
            let name = format!("{own}_{}_{}", row.line.name, date.strftime("%Y%m%d"));
            json!({
                "id": format!("{path}/providers/Microsoft.Consumption/reservationDetails/{name}"),
                "name": name, "type": "Microsoft.Consumption/reservationDetails", "tags": null,
                "properties": {
                    "reservationOrderId": order, "reservationId": own, "skuName": line.service.meter,
                    "kind": "Reservation", "instanceId": row.line.id(&row.subscription.id),
                    "instanceFlexibilityGroup": "NA", "instanceFlexibilityRatio": "1",
                    "usageDate": format!("{date}T00:00:00-07:00"),
                    "reservedHours": number(hours(line, line.daily())),
                    "usedHours": number(hours(line, row.cost)),
                    "totalReservedQuantity": 1,
                },
            })
        })
        .collect()
}
