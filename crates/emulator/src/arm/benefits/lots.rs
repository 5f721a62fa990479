//! What is left of money that was promised to Microsoft or given by it: `lots` and `events` of the older provider.
//!
//! <https://learn.microsoft.com/rest/api/consumption/lots/list-by-billing-account>

use axum::response::Response;
use http::HeaderMap;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Part, billing_part, consumption_refused, no_claims, page};
use crate::arm::auth::Caller;
use crate::arm::costs::{Basis, View, Wanted};
use crate::arm::errors::ArmError;
use crate::arm::odata;
use crate::arm::query::{QueryScope, day, number};
use crate::arm::request::ArmRequest;
use crate::arm::state::State;
use crate::arm::throttle;

/// How long ago a lot began, in months: the sums are made of raw rows, each time that somebody asks.
const MONTHS_AGO: i32 = 4;

/// A lot: money of one source, with an end.
struct Lot {
    name: &'static str,
    part: Part,
    source: &'static str,
    /// In 10^-8.
    original: i64,
    currency: &'static str,
    /// How long it lasts.
    months: i32,
}

const MILLION: i64 = 1_000_000 * 100_000_000;

/// An account has its commitment to consume, a billing profile its credits.
const LOTS: &[Lot] = &[
    Lot {
        name: "macc-1",
        part: Part::Enrolment,
        source: "ConsumptionCommitment",
        original: MILLION / 20,
        currency: "CHF",
        months: 36,
    },
    Lot {
        name: "macc-1",
        part: Part::Account,
        source: "ConsumptionCommitment",
        original: MILLION / 2,
        currency: "EUR",
        months: 60,
    },
    Lot {
        name: "credit-1",
        part: Part::Profile,
        source: "PromotionalCredit",
        original: MILLION / 4,
        currency: "EUR",
        months: 12,
    },
];

/// Who may read them, and which there are. Sections and customers of partners have none here.
fn of_scope(
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<(Part, Vec<&'static Lot>), ArmError> {
    let part = billing_part(scope).ok_or_else(|| ArmError::not_found(request.uri.path()))?;
    scope.authorize_benefits(caller).map_err(|_| no_claims())?;
    Ok((part, LOTS.iter().filter(|lot| lot.part == part).collect()))
}

pub(crate) fn list(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let (_, lots) = of_scope(caller, scope, request)?;
    let conditions = odata::conditions(request.parameter("$filter"), &["source", "status"])?;
    throttle::admit_consumption(state, scope.path())?;
    let view = state.view();
    let holds =
        |name, of: &str| odata::equal(&conditions, name).is_none_or(|held| held.eq_ignore_ascii_case(of));
    let value: Vec<Value> = lots
        .into_iter()
        .filter(|lot| holds("source", lot.source))
        .map(|lot| (lot, lot.taken(scope, Lot::closed(&view), &view)))
        .filter(|(lot, taken)| holds("status", lot.status(*taken)))
        .map(|(lot, taken)| lot.to_json(scope, taken, &view))
        .collect();
    page(state, request, &value, HeaderMap::new())
}

/// What each closed month took, and what this one is about to take.
pub(crate) fn events(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let (part, lots) = of_scope(caller, scope, request)?;
    let of = |name| request.parameter(name).map(day).transpose();
    let (from, to) = (of("startDate")?, of("endDate")?);
    if part == Part::Profile && (from.is_none() || to.is_none()) {
        return Err(consumption_refused("StartDate and EndDate should be provided."));
    }
    odata::conditions(request.parameter("$filter"), &["lotId", "lotSource"])?;
    throttle::admit_consumption(state, scope.path())?;
    let view = state.view();
    let (from, to) = (from.unwrap_or_else(|| Lot::starts(&view)), to.unwrap_or_else(|| view.today()));
    let value: Vec<Value> = lots.into_iter().flat_map(|lot| lot.events(scope, (from, to), &view)).collect();
    page(state, request, &value, HeaderMap::new())
}

impl Lot {
    /// What was taken from it up to a day.
    fn taken(&self, scope: &QueryScope, to: Date, view: &View) -> i64 {
        self.charged(scope, (Self::starts(view), to), view).clamp(0, self.original)
    }

    /// All that Azure itself charged, in its currency.
    fn charged(&self, scope: &QueryScope, (from, to): (Date, Date), view: &View) -> i64 {
        let rows = scope.rows(Wanted { from, to, basis: Basis::Actual, view });
        let counts = rows.filter(|row| row.line.currency == self.currency && !row.is_marketplace());
        counts.map(|row| row.cost).sum()
    }

    fn starts(view: &View) -> Date {
        view.today().first_of_month().saturating_sub(MONTHS_AGO.months())
    }

    /// The last day.
    fn expires(&self, view: &View) -> Date {
        Self::starts(view).saturating_add(self.months.months()).saturating_sub(1.day())
    }

    /// Of the last invoice: the last day of the month before.
    fn closed(view: &View) -> Date {
        view.today().first_of_month().saturating_sub(1.day())
    }

    fn status(&self, taken: i64) -> &'static str {
        if taken == self.original { "Complete" } else { "Active" }
    }

    fn to_json(&self, scope: &QueryScope, taken: i64, view: &View) -> Value {
        let starts = Self::starts(view);
        let mut properties = json!({
            "source": self.source, "status": self.status(taken),
            "originalAmount": self.amount(self.original),
            "closedBalance": self.amount(self.original - taken),
            "startDate": format!("{starts}T00:00:00Z"),
            "purchasedDate": format!("{starts}T00:00:00Z"),
            "expirationDate": format!("{}T00:00:00Z", self.expires(view)),
        });
        if self.source == "ConsumptionCommitment" {
            properties["OrganizationType"] = "Primary".into();
            properties["usedAmount"] = self.amount(taken);
        }
        json!({"id": Self::id(scope, "lots", self.name), "name": self.name, "type": "Microsoft.Consumption/lots",
               "properties": properties})
    }

    fn events(&self, scope: &QueryScope, (from, to): (Date, Date), view: &View) -> Vec<Value> {
        let (mut events, mut charged, mut before) = (Vec::new(), 0, 0);
        for first in Self::starts(view).series(1.month()).take_while(|first| *first <= to.min(view.today())) {
            let last = first.last_of_month().min(view.today());
            charged += self.charged(scope, (first, last), view);
            let taken = charged.clamp(0, self.original);
            let of_month = taken - before;
            before = taken;
            if last < from {
                continue;
            }
            let pending = last > Self::closed(view);
            let name = format!("{}-{}", self.name, last.strftime("%Y%m"));
            let id = Self::id(scope, "events", &name);
            events.push(json!({
                "id": id, "name": name, "type": "Microsoft.Consumption/events",
                "properties": {
                    "transactionDate": format!("{last}T00:00:00Z"),
                    "eventType": if pending { "PendingCharges" } else { "SettledCharges" },
                    "lotId": Self::id(scope, "lots", self.name), "lotSource": self.source,
                    "charges": self.amount(of_month), "closedBalance": self.amount(self.original - taken),
                    "newCredit": self.amount(0), "adjustments": self.amount(0),
                    "isEstimatedBalance": pending,
                },
            }));
        }
        events
    }

    fn amount(&self, amount: i64) -> Value {
        json!({"currency": self.currency, "value": number(amount)})
    }

    fn id(scope: &QueryScope, list: &str, name: &str) -> String {
        format!("{}/providers/Microsoft.Consumption/{list}/{name}", scope.path())
    }
}
