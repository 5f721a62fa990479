//! How far savings plans are used: `benefitUtilizationSummaries`. Reservations are not among them: the older provider has theirs.
//! Included quantities are where the switch for them is on.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-utilization-summaries/list-by-billing-account-id>

use axum::response::Response;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Benefit, Day, Part, billing_part, found, included, page, scope_of_order};
use crate::arm::auth::Caller;
use crate::arm::costs::{Charge, Line};
use crate::arm::errors::ArmError;
use crate::arm::odata::{self, Condition};
use crate::arm::query::{QueryScope, number};
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;

const NAMES: &[&str] = &["usageDate", "benefitId", "benefitOrderId"];
const ACTION: &str = "Microsoft.CostManagement/benefitUtilizationSummaries/read";

/// Of an enrolment or a billing profile. The account of a Customer Agreement has none by itself.
pub(crate) fn list(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize_benefits(caller)?;
    match billing_part(scope) {
        Some(Part::Enrolment | Part::Profile) => {}
        Some(Part::Account) => {
            let message =
                "The billing account's agreement type is not supported. Use the billing profile scope.";
            return Err(ArmError::bad_request(message));
        }
        None => return Err(ArmError::not_found(request.uri.path())),
    }
    // No dollar sign here, as the specification has it; at an order there is one.
    let conditions = odata::conditions(request.parameter("filter"), NAMES)?;
    let grain = Grain::of(request)?;
    if grain == Grain::Hourly {
        return Err(ArmError::bad_request("Invalid grain. Supported values: 'Daily' and 'Monthly'."));
    }
    answer(state, caller, (scope, scope.path()), request, (&conditions, grain))
}

/// Of one order, or of one savings plan in it.
pub(crate) fn of_order(
    state: &State,
    caller: &Caller,
    (order, own): (&str, Option<&str>),
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let is_it = |line: &Line| {
        line.charge == Charge::SavingsPlan
            && line.order_id().eq_ignore_ascii_case(order)
            && own.is_none_or(|own| line.benefit_guid().eq_ignore_ascii_case(own))
    };
    let below = own.map(|own| format!("/savingsPlans/{own}")).unwrap_or_default();
    let path = format!("/providers/Microsoft.BillingBenefits/savingsPlanOrders/{order}{below}");
    let scope = scope_of_order(state, caller, (&path, ACTION), is_it)?;
    let mut conditions = odata::conditions(request.parameter("$filter"), NAMES)?;
    conditions.push(Condition {
        name: "benefitorderid".to_owned(),
        operator: odata::Operator::Equal,
        value: format!("/providers/Microsoft.BillingBenefits/savingsPlanOrders/{order}"),
    });
    answer(state, caller, (&scope, &path), request, (&conditions, Grain::of(request)?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Hourly,
    Daily,
    Monthly,
}

impl Grain {
    /// Without one it is by day.
    fn of(request: &ArmRequest<'_>) -> Result<Self, ArmError> {
        let word = request.parameter("grainParameter").unwrap_or("Daily").to_ascii_lowercase();
        match word.as_str() {
            "hourly" => Ok(Self::Hourly),
            "daily" => Ok(Self::Daily),
            "monthly" => Ok(Self::Monthly),
            _ => Err(ArmError::bad_request("Invalid grain.")),
        }
    }
}

fn answer(
    state: &State,
    caller: &Caller,
    (scope, path): (&QueryScope, &str),
    request: &ArmRequest<'_>,
    (conditions, grain): (&[Condition], Grain),
) -> Result<Response, ArmError> {
    let headers = throttle::admit(state, caller, path, request, 1)?;
    let view = state.view();
    let today = view.today();
    let (from, to) = odata::days(conditions, "usageDate")?;
    let days = (from.unwrap_or_else(|| today.first_of_month()), to.unwrap_or(today));
    let plans = found(scope, days, &view);
    let mut value: Vec<Value> = plans
        .iter()
        .filter(|plan| !plan.is_reservation() && passes(plan, conditions))
        .flat_map(|plan| summaries(plan, path, grain))
        .collect();
    let names_one = |name| odata::equal(conditions, name).is_some();
    let has_others = !names_one("benefitId") && !names_one("benefitOrderId");
    if has_others && state.world.faults.settings().included_quantities {
        value.extend(included::summaries(scope, days, &view, (path, grain == Grain::Monthly)));
    }
    page(state, request, &value, headers)
}

fn passes(plan: &Benefit<'_>, conditions: &[Condition]) -> bool {
    let holds =
        |name, of: String| odata::equal(conditions, name).is_none_or(|held| held.eq_ignore_ascii_case(&of));
    holds("benefitId", id(plan)) && holds("benefitOrderId", order(plan))
}

fn order(plan: &Benefit<'_>) -> String {
    format!("/providers/Microsoft.BillingBenefits/savingsPlanOrders/{}", plan.line.order_id())
}

fn id(plan: &Benefit<'_>) -> String {
    format!("{}/savingsPlans/{}", order(plan), plan.line.benefit_guid())
}

fn summaries(plan: &Benefit<'_>, path: &str, grain: Grain) -> Vec<Value> {
    let hours: i8 = if grain == Grain::Hourly { 24 } else { 1 };
    let groups = plan.grouped(grain == Grain::Monthly).into_iter();
    groups
        .flat_map(|(date, days)| (0..hours).map(move |hour| (date, hour, days.clone())))
        .map(|(date, hour, days)| summary(plan, path, (date, hour), &days))
        .collect()
}

fn summary(plan: &Benefit<'_>, path: &str, (date, hour): (Date, i8), days: &[Day]) -> Value {
    let percents = || days.iter().map(|day| day.percent());
    let day = date.strftime("%Y%m%d");
    let name = format!("{}_{}_{day}", plan.line.order_id(), plan.line.benefit_guid());
    json!({
        "id": format!("{path}/providers/Microsoft.CostManagement/benefitUtilizationSummaries/{name}"),
        "name": name,
        "type": "Microsoft.CostManagement/benefitUtilizationSummaries",
        "kind": "SavingsPlan",
        "properties": {
            "armSkuName": "Compute_Savings_Plan",
            "benefitId": id(plan), "benefitOrderId": order(plan), "benefitType": "SavingsPlan",
            "usageDate": format!("{date}T{hour:02}:00:00Z"),
            "avgUtilizationPercentage": number(Day::sum(days).percent()),
            "minUtilizationPercentage": number(percents().min().unwrap_or_default()),
            "maxUtilizationPercentage": number(percents().max().unwrap_or_default()),
        },
    })
}
