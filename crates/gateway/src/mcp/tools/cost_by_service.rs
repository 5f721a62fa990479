//! `cost_by_service`: what each service cost in a period.

use cost::{CostByService as Costs, Currency, Metric, Money, ServiceCost, Totals};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::money::{self, Amount};
use super::page::Page;
use super::period::{Day, Days, MetricInput, PeriodInput, PeriodOutput};
use super::subscription::{Found, SubscriptionInput};
use super::table::Table;
use crate::mcp::answer::{Answer, Failure};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::registry::Definition;

/// The tool.
pub(in crate::mcp) struct CostByService;

/// A question about costs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct Input {
    /// The subscription's id or name, as list_subscriptions gives them.
    subscription: SubscriptionInput,
    /// First day, as 2026-11-01. Left out: the first day of the last day's month.
    #[serde(default)]
    from: Option<Day>,
    /// Last day, included. Left out: today.
    #[serde(default)]
    to: Option<Day>,
    /// "actual" (what is invoiced) or "amortized" (reservations spread over their term).
    #[serde(default, deserialize_with = "or_default")]
    metric: MetricInput,
    /// How many services to leave out at the start: next_skip of the answer before. Left out: none.
    #[serde(default, deserialize_with = "or_default")]
    skip: usize,
}

/// The costs.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The subscription's id.
    subscription: String,
    /// Its name, where the question named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_name: Option<String>,
    /// The days covered.
    period: PeriodOutput,
    /// "actual" or "amortized".
    metric: &'static str,
    /// The services, currency by currency, the dearest first.
    services: Vec<Service>,
    /// How many services there are in all.
    total_services: usize,
    /// `skip` of the call that gets the services after these. Null if these are the last.
    next_skip: Option<usize>,
    /// The sum of each currency, of all services. Currencies are never added up.
    totals: Vec<Amount>,
    /// How many rows Azure sent without a figure. They are in no sum.
    rows_without_figure: u64,
}

/// What one service cost.
#[derive(JsonSchema, Serialize)]
struct Service {
    /// Azure's name of the service. What belongs to none is named so: purchases, credits.
    name: String,
    /// Its cost.
    cost: Amount,
    /// Its part of the currency's total, from 0 to 1. Null where the total is not positive.
    share: Option<String>,
}

impl Input {
    /// The days asked about, seen from `today`.
    ///
    /// # Errors
    /// Says which end is wrong and what would do.
    pub(super) fn days(&self, today: Date) -> Result<Days, Failure> {
        PeriodInput { from: self.from, to: self.to }.resolve(today)
    }
}

impl Definition for CostByService {
    const NAME: &'static str = "cost_by_service";
    const TITLE: &'static str = "Cost by service";
    const DESCRIPTION: &'static str = "What a subscription cost in a period, by Azure service, the dearest first, with totals per currency. \
        Without dates: this month to date. Amounts are exact decimals; currencies are never added up.";
    type Input = Input;
    type Output = Output;

    async fn call(context: ToolContext, input: Input) -> Result<Answer<Output>, Failure> {
        let days = input.days(context.today())?;
        let metric = Metric::from(input.metric);
        let found = input.subscription.resolve(&context).await?;
        let query = Costs::query(days.period, metric).map_err(cost::Error::from)?;
        let answered = context.costs(&found.id.into(), &query).await?;
        let costs = Costs::of(&query, (*answered.result).clone())?;
        Ok(answer(costs, &found, days, &input))
    }
}

/// What costs of no service are called: <https://github.com/microsoft/finops-toolkit/issues/1569>.
const NO_SERVICE: &str = "(no service: purchases, credits)";

pub(super) fn answer(costs: Costs, found: &Found, days: Days, input: &Input) -> Answer<Output> {
    let totals: Vec<_> = costs.totals.iter().map(money::readable).collect();
    let notes = notes(&costs, found, days);
    let shares = Shares::of(&costs.totals);
    let mut table = Table::new(&["Service", "Cost", &shares.title()]);
    let page = Page::fill(costs.services, input.skip, &mut table, |costs| row(costs, &shares));
    let (title, metric) = (found.title(), input.metric.as_str());
    let text = if page.total == 0 {
        format!("{title}: no {metric} costs {days}.{notes}")
    } else {
        let caution = days.caution().map(|caution| format!("\n{caution}")).unwrap_or_default();
        format!(
            "{title}, {metric} costs {days}: {}{notes}\n\n{}{}{caution}",
            totals.join(" and "),
            table.into_text(),
            page.note("services", CostByService::NAME)
        )
    };
    let data = Output {
        subscription: found.id.to_string(),
        subscription_name: found.name.as_deref().map(foreign::exact),
        period: PeriodOutput::from(days),
        metric: input.metric.as_str(),
        total_services: page.total,
        next_skip: page.next_skip(),
        services: page.shown,
        totals: costs.totals.iter().map(Amount::from).collect(),
        rows_without_figure: costs.without_figure,
    };
    Answer { text, data }
}

/// What a reader must know about the figures, a line for each.
fn notes(costs: &Costs, found: &Found, days: Days) -> String {
    let figures = match costs.without_figure {
        0 => None,
        count => Some(format!("Rows that Azure sent without a figure, which are in no sum: {count}.")),
    };
    let days = Some(days.note().trim().to_owned()).filter(|note| !note.is_empty());
    let notes = [days, figures, found.note.clone()];
    notes.into_iter().flatten().fold(String::new(), |text, note| text + "\n" + &note)
}

/// Of what the shares are parts: of the one currency there is, or each of its own.
enum Shares {
    Of(Currency),
    OfEach,
}

impl Shares {
    fn of(totals: &Totals) -> Self {
        let mut currencies = totals.iter().map(|total| total.currency);
        match (currencies.next(), currencies.next()) {
            (Some(only), None) => Self::Of(only),
            _ => Self::OfEach,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Of(currency) => format!("Share of {}", currency.as_str()),
            Self::OfEach => "Share".to_owned(),
        }
    }

    fn cell(&self, share: Option<Decimal>, cost: Money) -> String {
        match (self, money::percent(share)) {
            (Self::OfEach, percent) if !percent.is_empty() => {
                format!("{percent} of {}", cost.currency.as_str())
            }
            (_, percent) => percent,
        }
    }
}

fn row(costs: ServiceCost, shares: &Shares) -> (Service, Vec<String>) {
    let ServiceCost { service, cost, share, .. } = costs;
    let name = if service.is_empty() { NO_SERVICE.to_owned() } else { service };
    let data = Service {
        name: foreign::exact(&name),
        cost: cost.into(),
        share: share.map(|share| share.to_string()),
    };
    (data, vec![name, money::readable(cost), shares.cell(share, cost)])
}
