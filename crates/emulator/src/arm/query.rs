//! Cost Management's Query: reads the definition, groups generated costs, pages by POST.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/query/usage>

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use self::definition::Definition;
pub(crate) use self::definition::day;
pub(crate) use self::filter::Filter;
pub(crate) use self::scope::{QueryScope, Start};
use self::table::Table;
pub(crate) use self::table::number;
use super::auth::Caller;
use super::errors::ArmError;
use super::request::ArmRequest;
use super::state::State;
use super::throttle;
use crate::faults::ForecastForm;
use crate::jwt;

mod definition;
mod dimensions;
mod filter;
pub(crate) mod forecast;
mod scope;
mod table;

const DEFAULT_TOP: usize = 1_000;
/// How far back a query may begin.
const MOST_MONTHS: i32 = 37;

/// Answers a query: 200 with a page, or 204 without data.
pub(crate) fn handle(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    // A GET on nextLink, or a POST without body, fails like this in life.
    if request.method != Method::POST || request.body.is_empty() {
        return Err(ArmError::bad_request("Invalid query definition, Dataset is invalid or not supplied."));
    }
    scope.authorize(caller)?;
    let definition = Definition::parse(request.body, state.world.today(), MOST_MONTHS)?;
    definition.check(scope)?;
    let headers = throttle::admit(state, caller, scope.path(), request, definition.months())?;
    let table = table(state, scope, &definition, request.body)?;
    let mut response = if table.rows.is_empty() {
        StatusCode::NO_CONTENT.into_response()
    } else {
        page(state, scope, request, (&table, Paging::QUERY))?.into_response()
    };
    response.headers_mut().extend(headers);
    Ok(response)
}

/// The complete answer. One of several pages is kept for the next of them.
fn table(
    state: &State,
    scope: &QueryScope,
    definition: &Definition,
    body: &[u8],
) -> Result<Arc<Table>, ArmError> {
    let view = state.view();
    let key = format!("{} {} {}", scope.path(), fingerprint(body), view.version());
    if let Some(kept) = state.tables().get(&key) {
        return Ok(kept);
    }
    let table = Arc::new(Table::build(scope, definition, &view)?);
    if table.rows.len() > DEFAULT_TOP {
        state.tables().keep(key, &table);
    }
    Ok(table)
}

/// The last long answer.
#[derive(Debug, Default)]
pub(crate) struct Tables(Option<(String, Arc<Table>)>);

impl Tables {
    fn get(&self, key: &str) -> Option<Arc<Table>> {
        self.0.as_ref().filter(|(of, _)| of == key).map(|(_, table)| Arc::clone(table))
    }

    fn keep(&mut self, key: String, table: &Arc<Table>) {
        self.0 = Some((key, Arc::clone(table)));
    }
}

/// How an operation pages.
#[derive(Debug, Clone, Copy)]
struct Paging {
    /// Its name in links, as they are written today and as older ones are.
    operation: [&'static str; 2],
    rows: usize,
    /// Whether what does not fit stands on further pages. If not, it is left out without a word.
    goes_on: bool,
}

impl Paging {
    const QUERY: Self = Self { operation: ["query", "Query"], rows: DEFAULT_TOP, goes_on: true };

    fn forecast(form: &ForecastForm) -> Self {
        let operation = ["forecast", "Forecast"];
        Self { operation, rows: forecast::MOST_ROWS, goes_on: form.pages }
    }
}

fn page(
    state: &State,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
    (table, paging): (&Table, Paging),
) -> Result<Json<Value>, ArmError> {
    let top = match request.parameter("$top") {
        Some(text) => text.parse().map_err(|_| ArmError::bad_request("Invalid value for $top."))?,
        None => paging.rows,
    };
    let size = top.clamp(1, state.world.config.max_page_rows.max(1));
    let start = match request.parameter("$skiptoken") {
        Some(token) => read_skip_token(token, request.body)?,
        None => 0,
    };
    let end = table.rows.len().min(start + size);
    let rows = table.rows.get(start..end).unwrap_or_default();
    let goes_on = paging.goes_on && end < table.rows.len();
    let next = goes_on.then(|| next_link(state, scope, request, (paging, end)));
    // The last page has no link, or an empty one: both were met.
    let next = next.or_else(|| scope.has_old_links().then(String::new));
    let name = Uuid::new_v4();
    let path = format!("{}/providers/Microsoft.CostManagement/query/{name}", scope.path());
    Ok(Json(json!({
        "id": path.trim_start_matches('/'),
        "name": name,
        "type": "Microsoft.CostManagement/query",
        "location": null, "sku": null, "eTag": null,
        "properties": {"nextLink": next, "columns": table.columns, "rows": rows},
    })))
}

/// The same URL with a skip token; the client POSTs the same body to it.
fn next_link(
    state: &State,
    scope: &QueryScope,
    request: &ArmRequest<'_>,
    (paging, start): (Paging, usize),
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let version = match request.parameter("api-version") {
        Some(_) if scope.has_old_links() => "2021-10-01",
        version => version.unwrap_or_default(),
    };
    query.append_pair("api-version", version);
    if let Some(top) = request.parameter("$top") {
        query.append_pair("$top", top);
    }
    query.append_pair("$skiptoken", &STANDARD.encode(format!("{start}:{}", fingerprint(request.body))));
    let operation = paging.operation[usize::from(scope.has_old_links())];
    let (arm, path) = (&state.world.endpoints.arm, scope.path());
    let query = query.finish().replace("%24", "$");
    format!("{arm}{path}/providers/Microsoft.CostManagement/{operation}?{query}")
}

/// Where the page starts; the token belongs to one query.
fn read_skip_token(token: &str, body: &[u8]) -> Result<usize, ArmError> {
    let invalid = || ArmError::bad_request("The skip token is invalid or belongs to another query.");
    let text =
        STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
    let (start, of) = text.split_once(':').ok_or_else(invalid)?;
    if of != fingerprint(body) {
        return Err(invalid());
    }
    start.parse().map_err(|_| invalid())
}

fn fingerprint(body: &[u8]) -> String {
    // The definition counts, not its spelling: clients may serialize it anew for each page.
    let canonical = serde_json::from_slice::<Value>(body).map(|value| value.to_string()).unwrap_or_default();
    jwt::sha256(canonical.as_bytes())
}
