//! The server to compare with: axum and reqwest, the same request to Azure, the same answer, and nothing else. It
//! asks nobody who they are, and holds one token for whoever calls.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::{Certificate, Client, Url};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::child;

/// Runs the server until stdin ends.
///
/// # Errors
/// When it cannot be set up.
pub(crate) async fn serve(arm: Url, ca: &Path) -> anyhow::Result<()> {
    let token = child::told()?;
    #[expect(clippy::disallowed_methods, reason = "a bare server uses reqwest as it comes")]
    let http = Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .tls_certs_merge([Certificate::from_pem(&std::fs::read(ca)?)?])
        .build()?;
    let azure = Arc::new(Azure { http, arm, token });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    child::tell(listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/mcp", post(answer)).with_state(azure)).await?;
    Ok(())
}

struct Azure {
    http: Client,
    arm: Url,
    token: String,
}

#[derive(Deserialize)]
struct Call {
    id: Value,
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    name: String,
    arguments: Value,
}

async fn answer(State(azure): State<Arc<Azure>>, Json(call): Json<Call>) -> Result<Json<Value>, StatusCode> {
    let result = match call.params.name.as_str() {
        "cost_by_service" => cost_by_service(&azure, &call.params.arguments).await,
        _ => subscriptions(&azure).await,
    };
    let (text, data) = result.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let result =
        json!({"content": [{"type": "text", "text": text}], "structuredContent": data, "isError": false});
    Ok(Json(json!({"jsonrpc": "2.0", "id": call.id, "result": result})))
}

#[derive(Deserialize)]
struct Costs {
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    columns: Vec<Column>,
    rows: Vec<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

async fn cost_by_service(azure: &Azure, arguments: &Value) -> anyhow::Result<(String, Value)> {
    let text = |name: &str| arguments[name].as_str().ok_or_else(|| anyhow!("no {name}"));
    let (subscription, from, to) = (text("subscription")?, text("from")?, text("to")?);
    let path = format!(
        "subscriptions/{subscription}/providers/Microsoft.CostManagement/query?api-version=2025-03-01&$top=5000"
    );
    let body = json!({
        "type": "ActualCost", "timeframe": "Custom",
        "timePeriod": {"from": format!("{from}T00:00:00Z"), "to": format!("{to}T23:59:59Z")},
        "dataset": {
            "granularity": "None", "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": "ServiceName"}],
        },
    });
    let request = azure.http.post(azure.arm.join(&path)?).bearer_auth(&azure.token).json(&body);
    let costs: Costs = request.send().await?.error_for_status()?.json().await?;
    let mut services = services(&costs.properties)?;
    services.sort_by(|a, b| (&a.currency, b.cost).cmp(&(&b.currency, a.cost)));
    Ok((table(&services, from, to), structured(&services, subscription, from, to)))
}

struct Service {
    name: String,
    cost: Decimal,
    currency: String,
}

fn services(costs: &Properties) -> anyhow::Result<Vec<Service>> {
    let column = |name: &str| {
        costs.columns.iter().position(|column| column.name == name).ok_or_else(|| anyhow!("no column {name}"))
    };
    let (cost, name, currency) = (column("Cost")?, column("ServiceName")?, column("Currency")?);
    costs
        .rows
        .iter()
        .map(|row| {
            Ok(Service {
                name: serde_json::from_str(row[name].get())?,
                cost: row[cost]
                    .get()
                    .parse::<Decimal>()
                    .or_else(|_| Decimal::from_scientific(row[cost].get()))?,
                currency: serde_json::from_str(row[currency].get())?,
            })
        })
        .collect()
}

/// The sum of each currency; the services are sorted by it.
fn totals(services: &[Service]) -> Vec<(&str, Decimal)> {
    let groups = services.chunk_by(|a, b| a.currency == b.currency);
    groups.map(|group| (group[0].currency.as_str(), group.iter().map(|service| service.cost).sum())).collect()
}

fn structured(services: &[Service], subscription: &str, from: &str, to: &str) -> Value {
    let totals = totals(services);
    let amount =
        |cost: Decimal, currency: &str| json!({"amount": cost.normalize().to_string(), "currency": currency});
    let of_each: Vec<_> = services
        .iter()
        .map(|service| {
            let total = totals.iter().find(|(currency, _)| *currency == service.currency);
            let share = total.map(|(_, total)| (service.cost / total).round_dp(4).normalize().to_string());
            json!({"name": service.name, "cost": amount(service.cost, &service.currency), "share": share})
        })
        .collect();
    let totals: Vec<_> = totals.iter().map(|(currency, total)| amount(*total, currency)).collect();
    json!({
        "subscription": subscription, "period": {"from": from, "to": to}, "metric": "actual",
        "services": of_each, "totals": totals,
    })
}

fn table(services: &[Service], from: &str, to: &str) -> String {
    let totals = totals(services);
    let readable: Vec<_> =
        totals.iter().map(|(currency, total)| format!("{:.2} {currency}", total.round_dp(2))).collect();
    let mut text = format!(
        "Subscription, actual costs from {from} to {to}: {}\n\n| Service | Cost | Share |\n| --- | --- | --- |\n",
        readable.join(" and ")
    );
    for Service { name, cost, currency } in services {
        let total =
            totals.iter().find(|(other, _)| other == currency).map_or(Decimal::ONE, |(_, total)| *total);
        let percent = (cost / total * Decimal::ONE_HUNDRED).round_dp(1);
        let _ = writeln!(text, "| {name} | {:.2} {currency} | {percent:.1} % |", cost.round_dp(2));
    }
    text
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscriptions {
    value: Vec<Subscription>,
    next_link: Option<Url>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    #[serde(rename = "subscriptionId")]
    id: String,
    display_name: String,
    state: String,
}

async fn subscriptions(azure: &Azure) -> anyhow::Result<(String, Value)> {
    let mut value = Vec::new();
    let mut next = Some(azure.arm.join("subscriptions?api-version=2022-12-01")?);
    while let Some(url) = next {
        let response = azure.http.get(url).bearer_auth(&azure.token).send().await?.error_for_status()?;
        let page: Subscriptions = response.json().await?;
        value.extend(page.value);
        next = page.next_link;
    }
    value.sort_by(|a, b| a.display_name.cmp(&b.display_name));
    let mut text = "| Subscription | Id | State |\n| --- | --- | --- |\n".to_owned();
    for Subscription { id, display_name, state } in &value {
        let _ = writeln!(text, "| {display_name} | {id} | {state} |");
    }
    let listed: Vec<_> =
        value.iter().map(|s| json!({"id": s.id, "name": s.display_name, "state": s.state})).collect();
    Ok((text, json!({"subscriptions": listed})))
}
