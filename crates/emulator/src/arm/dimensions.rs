//! Cost Management's dimensions: what a scope's costs can be grouped and filtered by, with the values that they have.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/dimensions/list>

use std::collections::HashSet;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::auth::Caller;
use super::costs::{Basis, Row, View, Wanted};
use super::errors::ArmError;
use super::query::QueryScope;
use super::request::ArmRequest;
use super::state::State;
use super::throttle;

const MOST_VALUES: usize = 1_000;
/// The version that the specification's example has in its link.
const LINK_VERSION: &str = "2019-10-01";

/// A request, understood.
struct Order {
    /// The one dimension that is asked for.
    category: Option<String>,
    has_values: bool,
    top: usize,
    page: u32,
}

/// Answers with the dimensions: 200, or 204 where nothing costs anything.
pub(crate) fn list(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize(caller)?;
    let order = Order::parse(request, state.world.config.max_page_rows)?;
    let headers = throttle::admit(state, caller, scope.path(), request, 1)?;
    let view = state.view();
    let (from, to) = period(&view);
    let rows = distinct(scope.rows(Wanted { from, to, basis: Basis::Actual, view: &view }));
    let names = scope.dimensions().iter().filter(|name| order.wants(name));
    let value: Vec<Value> = names.map(|name| order.describe(state, scope, name, &rows, (from, to))).collect();
    let mut response = if rows.is_empty() || value.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Json(json!({"value": value})).into_response()
    };
    response.headers_mut().extend(headers);
    Ok(response)
}

/// The month of the last complete day, of which the values are.
fn period(view: &View) -> (Date, Date) {
    let day = view.today().saturating_sub(2.days());
    (day.first_of_month(), day.last_of_month())
}

/// A row of each charge: further ones have the same values.
pub(super) fn distinct<'a>(rows: impl Iterator<Item = Row<'a>>) -> Vec<Row<'a>> {
    let mut seen = HashSet::new();
    rows.filter(|row| seen.insert(row.kind())).collect()
}

impl Order {
    /// Of `most` values on a page, whatever is asked for.
    fn parse(request: &ArmRequest<'_>, most: usize) -> Result<Self, ArmError> {
        let invalid = |what: &str| ArmError::bad_request(format!("Invalid query parameter: {what}."));
        let category = request.parameter("$filter").map(|filter| {
            let value = filter.trim().strip_prefix("properties/category eq '");
            let value = value.and_then(|rest| rest.strip_suffix('\''));
            value.map(str::to_owned).ok_or_else(|| invalid("$filter"))
        });
        let has_values = match request.parameter("$expand").map(str::to_ascii_lowercase).as_deref() {
            None => false,
            Some("properties/data") => true,
            Some(_) => return Err(invalid("$expand")),
        };
        let top = request.parameter("$top").map_or(Ok(MOST_VALUES), str::parse);
        let top = top.ok().filter(|top| (1..=MOST_VALUES).contains(top));
        let page = request.parameter("$skiptoken").map_or(Some(0), page_of);
        Ok(Self {
            category: category.transpose()?,
            has_values,
            top: top.ok_or_else(|| invalid("$top"))?.min(most.max(1)),
            page: page.ok_or_else(|| invalid("$skiptoken"))?,
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.category.as_deref().is_none_or(|category| category.eq_ignore_ascii_case(name))
    }

    fn describe(
        &self,
        state: &State,
        scope: &QueryScope,
        name: &str,
        rows: &[Row<'_>],
        (from, to): (Date, Date),
    ) -> Value {
        let values = values(rows, name);
        let start = self.top.saturating_mul(usize::try_from(self.page).unwrap_or(usize::MAX));
        let shown: Vec<_> = values.iter().skip(start).take(self.top).collect();
        let has_more = start.saturating_add(shown.len()) < values.len();
        let own = format!("dimensions_{name}_{from}_{to}_{}", self.top);
        let mut dimension = json!({
            "id": format!("{}/providers/Microsoft.CostManagement/{own}", scope.path().trim_start_matches('/')),
            "name": own,
            "type": "microsoft.CostManagement/dimensions",
            "properties": {
                "data": if self.has_values { json!(shown) } else { json!([]) },
                "total": values.len(), "category": name, "description": described(name),
                "usageStart": format!("{from}T00:00:00Z"), "usageEnd": format!("{to}T00:00:00Z"),
                "filterEnabled": true, "groupingEnabled": true,
            },
        });
        // In the examples those that were not asked for by name end without a link.
        if has_more && self.has_values && self.category.is_some() {
            dimension["properties"]["nextLink"] = self.next_link(state, scope, name).into();
        }
        dimension
    }

    /// The link as the specification's example has it: without TLS, with spaces, of an old version. Nobody can follow it.
    fn next_link(&self, state: &State, scope: &QueryScope, name: &str) -> String {
        let host = state.world.endpoints.arm.trim_start_matches("https://");
        let token = STANDARD.encode((self.page + 1).to_le_bytes()).replace('=', "%3D");
        let (path, top) = (scope.path(), self.top);
        format!(
            "http://{host}{path}/providers/Microsoft.CostManagement/Dimensions?$filter=properties/category eq '{name}'\
             &$top={top}&api-version={LINK_VERSION}&$expand=properties/data&$skiptoken={token}"
        )
    }
}

/// The number of the page, from zero.
fn page_of(token: &str) -> Option<u32> {
    let bytes: [u8; 4] = STANDARD.decode(token).ok()?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// The different values, in the order in which they were met.
fn values(rows: &[Row<'_>], name: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let found = rows.iter().map(|row| row.dimension(name)).filter(|value| !value.is_empty());
    found.filter(|value| seen.insert(value.clone())).collect()
}

/// `ResourceGroup` as "Resource group".
fn described(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() && !text.ends_with(|last: char| last.is_ascii_uppercase()) {
            text.push(' ');
            text.push(letter.to_ascii_lowercase());
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{described, page_of};

    #[test]
    fn a_token_is_the_number_of_a_page() {
        // Of the specification's example.
        assert_eq!(page_of("AQAAAA=="), Some(1));
        assert_eq!(page_of("AQ=="), None);
        assert_eq!(page_of("!"), None);
    }

    #[test]
    fn names_are_described_in_words() {
        assert_eq!(described("ResourceGroup"), "Resource group");
        assert_eq!(described("Meter"), "Meter");
    }
}
