//! Reservations and savings plans: how far they are used, what more of them would save, and what is left of the money that was
//! promised to Microsoft. Made of the same raw rows as every cost.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/benefit-utilization-summaries>

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use super::auth::Caller;
use super::costs::{Basis, Charge, Line, Row, View, Wanted};
use super::errors::ArmError;
use super::query::QueryScope;
use super::request::ArmRequest;
use super::state::State;
use crate::tenant::billing::BILLING_SCOPES;

mod included;
pub(crate) mod lots;
pub(crate) mod recommendations;
pub(crate) mod report;
pub(crate) mod reservations;
pub(crate) mod utilization;

/// A reservation or a savings plan, with what of it was used on each day.
pub(super) struct Benefit<'a> {
    pub(super) line: &'a Line,
    pub(super) days: BTreeMap<Date, Day>,
}

/// What of a benefit was used, and the whole of it, in 10^-8 of the currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) used: i64,
    pub(super) whole: i64,
}

impl Benefit<'_> {
    pub(super) fn is_reservation(&self) -> bool {
        self.line.charge == Charge::Reservation
    }

    /// The days by the first day of their group: each by itself, or by month.
    pub(super) fn grouped(&self, monthly: bool) -> BTreeMap<Date, Vec<Day>> {
        let mut groups: BTreeMap<Date, Vec<Day>> = BTreeMap::new();
        for (date, day) in &self.days {
            let first = if monthly { date.first_of_month() } else { *date };
            groups.entry(first).or_default().push(*day);
        }
        groups
    }
}

impl Day {
    pub(super) fn sum(days: &[Self]) -> Self {
        let add = |sum: Self, day: &Self| Self { used: sum.used + day.used, whole: sum.whole + day.whole };
        days.iter().fold(Self::default(), add)
    }

    /// What was used, in per cent with eight decimals.
    pub(super) fn percent(self) -> i64 {
        part(100, self.used, self.whole)
    }
}

/// `of` whole units by `above / below`, in 10^-8.
pub(super) fn part(of: i64, above: i64, below: i64) -> i64 {
    if below == 0 {
        return 0;
    }
    let part = i128::from(of) * 100_000_000 * i128::from(above) / i128::from(below);
    i64::try_from(part).unwrap_or(i64::MAX)
}

/// The benefits of a scope on these days.
pub(super) fn found<'a>(scope: &'a QueryScope, (from, to): (Date, Date), view: &'a View) -> Vec<Benefit<'a>> {
    let mut found: Vec<Benefit<'a>> = Vec::new();
    for row in scope.rows(Wanted { from, to, basis: Basis::Amortized, view }) {
        let Some(line) = row.commitment else { continue };
        let at = found.iter().position(|known| std::ptr::eq(known.line, line)).unwrap_or_else(|| {
            found.push(Benefit { line, days: BTreeMap::new() });
            found.len() - 1
        });
        let day = found[at].days.entry(row.date).or_default();
        day.whole += row.cost;
        if is_usage(&row) {
            day.used += row.cost;
        }
    }
    found
}

pub(super) fn is_usage(row: &Row<'_>) -> bool {
    row.charge_type() == "Usage"
}

/// Which part of a billing account a scope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// An enrolment.
    Enrolment,
    /// The account of a Customer Agreement.
    Account,
    /// A billing profile.
    Profile,
}

/// Departments, sections and all that is no billing scope are none.
pub(super) fn billing_part(scope: &QueryScope) -> Option<Part> {
    let below = scope.path().strip_prefix("/providers/Microsoft.Billing/billingAccounts/")?;
    let segments: Vec<_> = below.split('/').collect();
    match segments.as_slice() {
        [account] if account.contains(':') => Some(Part::Account),
        [_] => Some(Part::Enrolment),
        [_, "billingProfiles", _] => Some(Part::Profile),
        _ => None,
    }
}

/// Where an order lies: the first billing account of the caller's that has paid for it. Who reads costs of subscriptions alone is
/// refused. (How far a role on the order itself reads is not known.)
pub(super) fn scope_of_order(
    state: &State,
    caller: &Caller,
    (path, action): (&str, &str),
    is_it: impl Fn(&Line) -> bool,
) -> Result<QueryScope, ArmError> {
    let accounts = BILLING_SCOPES.iter().map(|scope| scope.path).filter(|path| !path.contains('/'));
    for account in accounts.filter(|account| caller.may_see_benefits(account)) {
        let scope = QueryScope::billing(account, &state.subscriptions)?;
        if scope.has_line(&is_it) {
            return Ok(scope);
        }
    }
    Err(ArmError::authorization_failed(caller.display(), caller.oid(), action, path))
}

/// A page of a list; a link leads to the next one.
pub(super) fn page(
    state: &State,
    request: &ArmRequest<'_>,
    all: &[Value],
    headers: HeaderMap,
) -> Result<Response, ArmError> {
    let size = state.world.config.max_page_rows.max(1);
    let start = match request.parameter("$skiptoken") {
        Some(token) => start_of(token).ok_or_else(|| ArmError::bad_request("The skip token is invalid."))?,
        None => 0,
    };
    let end = all.len().min(start.saturating_add(size));
    let mut body = json!({"value": all.get(start..end).unwrap_or_default()});
    if end < all.len() {
        body["nextLink"] = next_link(state, request, end).into();
    }
    let mut response = (StatusCode::OK, Json(body)).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

fn next_link(state: &State, request: &ArmRequest<'_>, start: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let given = request.uri.query().unwrap_or_default().as_bytes();
    let kept =
        url::form_urlencoded::parse(given).filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
    query.extend_pairs(kept).append_pair("$skiptoken", &STANDARD.encode(start.to_string()));
    format!("{}{}?{}", state.world.endpoints.arm, request.uri.path(), query.finish())
}

fn start_of(token: &str) -> Option<usize> {
    String::from_utf8(STANDARD.decode(token).ok()?).ok()?.parse().ok()
}

/// The older provider's refusal of a billing scope, without a challenge.
/// <https://github.com/Azure/azure-sdk-for-js/issues/21953>
pub(super) fn no_claims() -> ArmError {
    ArmError::new(StatusCode::UNAUTHORIZED, "401", "No claims present for the caller in the system")
}

/// The older provider's word on a question it does not take.
/// <https://github.com/Azure/azure-rest-api-specs/issues/29544>
pub(super) fn consumption_refused(message: &str) -> ArmError {
    let message = format!("{message} (Request ID: {})", Uuid::new_v4());
    ArmError::new(StatusCode::BAD_REQUEST, "400", message)
}
