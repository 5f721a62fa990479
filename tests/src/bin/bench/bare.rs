//! The server to compare with: axum and reqwest, the same request to Azure, the same answer, and nothing else. It
//! asks nobody who they are, and holds one token for whoever calls; or, as one half of two processes, asks a broker for it that
//! answers a constant.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use reqwest::{Certificate, Client, Response, Url};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};

use super::child;

/// Runs the server until stdin ends. With a broker's address it holds no token of its own.
///
/// # Errors
/// When it cannot be set up.
pub(crate) async fn serve(arm: Url, ca: &Path, broker: Option<String>) -> anyhow::Result<()> {
    let held = child::told()?;
    let token = match broker {
        Some(broker) => Token::Asked(TokenBrokerClient::new(
            Endpoint::from_shared(broker)?.tcp_nodelay(true).connect_lazy(),
        )),
        None => Token::Held(held),
    };
    let azure = Arc::new(Azure { asked: Asked::new(arm, ca)?, token });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    child::tell(listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/mcp", post(answer)).with_state(azure)).await?;
    Ok(())
}

struct Azure {
    asked: Asked,
    token: Token,
}

/// Where the token for Azure comes from.
enum Token {
    Held(String),
    Asked(TokenBrokerClient<Channel>),
}

impl Token {
    async fn get(&self, headers: &HeaderMap) -> anyhow::Result<String> {
        let client = match self {
            Self::Held(token) => return Ok(token.clone()),
            Self::Asked(client) => client,
        };
        let bearer = headers.get(header::AUTHORIZATION).ok_or_else(|| anyhow!("no token"))?.to_str()?;
        let assertion = bearer.trim_start_matches("Bearer ").to_owned();
        let request = ExchangeRequest { assertion, resource: "arm".to_owned(), claims: String::new() };
        Ok(client.clone().exchange(request).await?.into_inner().access_token.clone())
    }
}

/// Azure Resource Manager, and how it is asked.
pub(crate) struct Asked {
    http: Client,
    arm: Url,
}

impl Asked {
    /// # Errors
    /// When the authorities cannot be read.
    pub(crate) fn new(arm: Url, ca: &Path) -> anyhow::Result<Self> {
        let authorities = Certificate::from_pem_bundle(&std::fs::read(ca)?)?;
        #[expect(clippy::disallowed_methods, reason = "a bare server uses reqwest as it comes")]
        let http = Client::builder().no_proxy().tcp_nodelay(true).tls_certs_merge(authorities).build()?;
        Ok(Self { http, arm })
    }

    /// The costs of a subscription by service.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn query(
        &self,
        token: &str,
        subscription: &str,
        [from, to]: [&str; 2],
    ) -> anyhow::Result<Response> {
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
        let request = self.http.post(self.arm.join(&path)?).bearer_auth(token).json(&body);
        Ok(request.send().await?.error_for_status()?)
    }
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

async fn answer(
    State(azure): State<Arc<Azure>>,
    headers: HeaderMap,
    Json(call): Json<Call>,
) -> Result<Json<Value>, StatusCode> {
    let answered = async {
        let token = azure.token.get(&headers).await?;
        match call.params.name.as_str() {
            "cost_by_service" => cost_by_service(&azure.asked, &token, &call.params.arguments).await,
            _ => subscriptions(&azure.asked, &token).await,
        }
    };
    let (text, data) = answered.await.map_err(|_| StatusCode::BAD_GATEWAY)?;
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

async fn cost_by_service(azure: &Asked, token: &str, arguments: &Value) -> anyhow::Result<(String, Value)> {
    let text = |name: &str| arguments[name].as_str().ok_or_else(|| anyhow!("no {name}"));
    let (subscription, from, to) = (text("subscription")?, text("from")?, text("to")?);
    let costs: Costs = azure.query(token, subscription, [from, to]).await?.json().await?;
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

async fn subscriptions(azure: &Asked, token: &str) -> anyhow::Result<(String, Value)> {
    let mut value = Vec::new();
    let mut next = Some(azure.arm.join("subscriptions?api-version=2022-12-01")?);
    while let Some(url) = next {
        let response = azure.http.get(url).bearer_auth(token).send().await?.error_for_status()?;
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
