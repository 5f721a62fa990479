//! `cost_by_service`: what each service cost in a period.

use cost::{Metric, ServiceCost, Totals};
use schemars::JsonSchema;
use serde::Serialize;

use super::money::{self, Amount};
use super::period::{MetricInput, PeriodOutput};
use super::question::CostQuestion;
use super::table::Table;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::registry::Definition;

/// The tool.
pub(in crate::mcp) struct CostByService;

/// The costs.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The subscription's id.
    subscription: String,
    /// The days covered.
    period: PeriodOutput,
    /// "actual" or "amortized".
    metric: &'static str,
    /// The services, currency by currency, the dearest first.
    services: Vec<Service>,
    /// The sum of each currency. Currencies are never added up.
    totals: Vec<Amount>,
}

/// What one service cost.
#[derive(JsonSchema, Serialize)]
struct Service {
    /// Azure's name of the service.
    name: String,
    /// Its cost.
    cost: Amount,
    /// Its part of the currency's total, from 0 to 1. Null where the total is not positive.
    share: Option<String>,
}

impl Definition for CostByService {
    const NAME: &'static str = "cost_by_service";
    const TITLE: &'static str = "Cost by service";
    const DESCRIPTION: &'static str = "What a subscription cost in a period, by Azure service, the dearest first, with totals per currency. \
        Without dates: this month to date. Amounts are exact decimals; currencies are never added up.";
    type Input = CostQuestion;
    type Output = Output;

    async fn call(context: ToolContext, input: CostQuestion) -> Result<Answer<Output>, Failure> {
        let period = input.period(context.today())?;
        let metric = Metric::from(input.metric);
        let subscription = input.subscription.resolve(&context).await?;
        let ask = |cost: cost::Client, token| async move {
            cost.cost_by_service(&token, subscription, period, metric).await
        };
        let costs = context.azure(ask).await?;
        let text = text(&costs.services, &costs.totals, &PeriodOutput::from(period), input.metric);
        let data = Output {
            subscription: subscription.to_string(),
            period: period.into(),
            metric: input.metric.as_str(),
            services: costs.services.iter().map(Service::from).collect(),
            totals: costs.totals.iter().map(Amount::from).collect(),
        };
        Ok(Answer { text, data })
    }
}

impl From<&ServiceCost> for Service {
    fn from(cost: &ServiceCost) -> Self {
        Self {
            name: cost.service.clone(),
            cost: cost.cost.into(),
            share: cost.share.map(|share| share.to_string()),
        }
    }
}

fn text(services: &[ServiceCost], totals: &Totals, period: &PeriodOutput, metric: MetricInput) -> String {
    if services.is_empty() {
        return format!("No {} costs from {} to {}.", metric.as_str(), period.from, period.to);
    }
    let mut table = Table::new(&["Service", "Cost", "Share"]);
    for service in services {
        table.row(&[&service.service, &money::readable(service.cost), &money::percent(service.share)]);
    }
    let totals: Vec<_> = totals.iter().map(money::readable).collect();
    format!(
        "{} costs from {} to {}: {}\n\n{}",
        metric.title(),
        period.from,
        period.to,
        totals.join(" and "),
        table.into_text()
    )
}
