//! What `list_budgets` answers, for people and for models that read: the worst first, and what to do about it.

use cost::{Budget, BudgetFilter, Condition, Money, Outlook, ThresholdKind};
use rust_decimal::Decimal;
use serde_json::json;

use super::answer::Known;
use super::live;
use super::standing::Standing;
use crate::mcp::foreign;
use crate::mcp::tools::ask::dimension::title;
use crate::mcp::tools::money::{exact, percent, readable};
use crate::mcp::tools::scopes::{Scopes, called};
use crate::mcp::tools::shown::shown;
use crate::mcp::tools::table::Table;
use crate::mcp::tools::told::missing;

/// What stands above the table.
pub(super) fn head(known: &Known<'_>) -> String {
    let mut lines = vec![counted(known)];
    let first = known.all.first().filter(|_| known.input.skip == 0);
    lines.extend(first.and_then(|worst| worst_of(worst, &known.scopes)));
    lines.extend(known.empty().map(|empty| foreign::message(&empty.detail)));
    lines.extend(missing(&known.partial));
    lines.extend(known.notes().iter().map(|note| foreign::message(note)));
    lines.join("\n")
}

/// `Contoso Prod: 4 budgets, 1 used up, 2 that run out.`
fn counted(known: &Known<'_>) -> String {
    let title = known.scopes.title_of(known.answered.len());
    let count = |outlook| known.all.iter().filter(|one| one.burn.outlook == outlook).count();
    let of = |outlook, words: &str| {
        Some(count(outlook)).filter(|count| *count > 0).map(|count| format!(", {count} {words}"))
    };
    let parts = [
        of(Outlook::UsedUp, "used up"),
        of(Outlook::RunsOut, "running out before the period ends"),
        of(Outlook::OnTrack, "kept at the present rate"),
    ];
    let parts: String = parts.into_iter().flatten().collect();
    let plural = if known.all.len() == 1 { "" } else { "s" };
    format!("{title}: {} budget{plural}{parts}.", known.all.len())
}

/// The worst budget in words, and what to ask next.
fn worst_of(worst: &Standing, scopes: &Scopes) -> Option<String> {
    let planned = worst.planned()?;
    let money = |amount: Decimal| match worst.currency() {
        Some(currency) => readable(Money::new(amount, currency)),
        None => format!("{:.2}", amount.round_dp(2)),
    };
    let (burn, period) = (&worst.burn, &worst.period);
    let spent = worst.spent()?;
    let begin = format!(
        "{} of {}: {} of {} spent ({})",
        foreign::name(&worst.budget.name),
        place(worst, scopes),
        money(spent),
        money(planned.amount),
        percent(worst.part()),
    );
    let left = burn.days - burn.elapsed_days;
    let needed = burn.needed_per_day.map(money).unwrap_or_default();
    let said = match (burn.outlook, burn.runs_out_on) {
        (Outlook::UsedUp, Some(day)) => {
            format!("Worst: {begin}, used up on {day}; the period ends on {}.", period.to)
        }
        (Outlook::UsedUp, None) => format!("Worst: {begin}, used up; the period ends on {}.", period.to),
        (Outlook::RunsOut, Some(day)) => format!(
            "Worst: {begin}. At {} a day it is used up on {day}; {needed} a day, for the {left} days up to {}, would keep it.",
            burn.spent_per_day.map(money).unwrap_or_default(),
            period.to
        ),
        (Outlook::OnTrack, _) => {
            format!("Nearest to its amount: {begin}, with {left} of {} days not complete.", burn.days)
        }
        _ => return None,
    };
    let next = worst.budget.scope.as_ref().filter(|_| burn.outlook != Outlook::OnTrack).map(|scope| {
        let asked = json!({"scopes": [scope.to_string()], "group_by": "service"});
        format!(" For why: cost_compare {asked}.")
    });
    Some(said + &next.unwrap_or_default())
}

/// The table, without rows.
pub(super) fn table() -> Table {
    Table::new(&["Budget", "Of", "Amount", "Spent", "Days complete", "May spend a day", "State", "Crossed"])
}

/// A budget's row.
pub(super) fn line(standing: &Standing, scopes: &Scopes) -> String {
    let money = |amount: Option<Decimal>| match (amount, standing.currency()) {
        (None, _) => "–".to_owned(),
        (Some(amount), Some(currency)) => readable(Money::new(amount, currency)),
        (Some(amount), None) => format!("{:.2}", amount.round_dp(2)),
    };
    let planned = standing.planned();
    let burn = &standing.burn;
    let of = match filtered(&standing.budget) {
        Some(filter) => format!("{}: {}", place(standing, scopes), cost::visible(&filter, 60)),
        None => place(standing, scopes),
    };
    Table::line(&[
        standing.budget.name.clone(),
        of,
        money(planned.map(|planned| planned.amount)),
        spent(standing, &money),
        format!("{} of {}", burn.elapsed_days, burn.days),
        money(burn.needed_per_day),
        state(standing),
        crossed(standing),
    ])
}

/// What was spent by now with Azure's own figure behind it, or that alone.
fn spent(standing: &Standing, money: &impl Fn(Option<Decimal>) -> String) -> String {
    let part = percent(standing.part());
    let part = if part.is_empty() { part } else { format!(", {part}") };
    let evaluated = standing.planned().and_then(|planned| planned.evaluated);
    match (&standing.live, evaluated) {
        (Some(live), evaluated) => {
            format!("{}{part} (Azure: {})", money(Some(live.spending.now)), money(evaluated))
        }
        (None, Some(_)) => format!("{}{part}", money(evaluated)),
        (None, None) if standing.planned().is_some() => "not evaluated yet".to_owned(),
        (None, None) => "–".to_owned(),
    }
}

fn state(standing: &Standing) -> String {
    if standing.planned().is_none() {
        return "use of reservations".to_owned();
    }
    let (burn, period) = (&standing.burn, &standing.period);
    match (burn.outlook, burn.runs_out_on) {
        (Outlook::UsedUp, Some(day)) => format!("used up on {day}"),
        (Outlook::UsedUp, None) => "used up".to_owned(),
        (Outlook::RunsOut, Some(day)) => format!("runs out on {day}"),
        (Outlook::RunsOut, None) => "runs out".to_owned(),
        (Outlook::OnTrack, _) => format!("kept up to {}", period.to),
        (Outlook::Unknown, _) => "not known yet".to_owned(),
        (Outlook::NotBegun, _) => format!("begins on {}", period.from),
        (Outlook::Expired, _) => format!("ended on {}", period.to),
    }
}

/// `80 %, 100 % (forecast)`.
fn crossed(standing: &Standing) -> String {
    let crossed = standing.thresholds().filter(|(_, crossed)| *crossed == Some(true));
    let points: Vec<_> = crossed
        .map(|(threshold, _)| {
            let of = if threshold.kind == ThresholdKind::Forecasted { " (forecast)" } else { "" };
            format!("{} %{of}", exact(threshold.percent))
        })
        .collect();
    if points.is_empty() { "–".to_owned() } else { points.join(", ") }
}

/// Where a budget is made, in words.
fn place(standing: &Standing, scopes: &Scopes) -> String {
    match &standing.budget.scope {
        Some(scope) => scopes.name_of(scope).map_or_else(|| called(scope), foreign::name),
        None => "a scope that is not known".to_owned(),
    }
}

/// The costs that a budget counts, where not all of its scope: `ServiceName Storage or SQL Database and tag:env prod`.
pub(super) fn filtered(budget: &Budget) -> Option<String> {
    /// The most values of a condition that are named.
    const MOST: usize = 3;
    let part = |condition: &Condition| {
        let named = condition.values.iter().take(MOST).map(|value| shown(&condition.by, Some(value)));
        let rest = condition.values.len().saturating_sub(MOST);
        let rest = if rest > 0 { format!(" or {rest} more") } else { String::new() };
        format!("{} {}{rest}", title(&condition.by), named.collect::<Vec<_>>().join(" or "))
    };
    match &budget.filter {
        BudgetFilter::Costs(conditions) if conditions.is_empty() => None,
        BudgetFilter::Costs(conditions) => {
            Some(conditions.iter().map(part).collect::<Vec<_>>().join(" and "))
        }
        BudgetFilter::Unknown(why) => Some((*why).to_owned()),
    }
}

/// What stands below the table.
pub(super) fn tail(known: &Known<'_>) -> String {
    let mut lines = Vec::new();
    if known.live.is_none() {
        let units = live::units(&known.all, known.days);
        if units > 0 {
            let plural = if units == 1 { "" } else { "s" };
            lines.push(format!(
                "Spent is what Azure's last daily evaluation found. \"live\": true asks for what was spent by now: {units} query \
                 unit{plural} for all."
            ));
        }
    } else {
        lines.push(format!(
            "Spent is by now, and complete up to {}; behind it what Azure's last daily evaluation found.",
            known.days.complete
        ));
    }
    lines.push(known.azure.line());
    format!("\n{}", lines.join("\n"))
}
