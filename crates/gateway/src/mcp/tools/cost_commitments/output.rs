//! What `cost_commitments` answers, for programs.

use cost::{
    BenefitUse, Breakdown, CommitmentKind, Committed, CommittedFigures, Line, Lot, Recommendation, Scope,
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::mcp::foreign;
use crate::mcp::tools::money::{Amount, exact};
use crate::mcp::tools::period::PeriodOutput;
use crate::mcp::tools::told::{AzureUse, Partial};

/// The commitments. What all tools have, and entries that a list has many of, are of any type to the schema: a list of tools is read
/// anew in each conversation, and docs/tools.md has their members.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// One for each currency; they are never added up.
    pub(super) currencies: Vec<Figures>,
    /// The benefits that were not used, and those that a billing scope lists.
    #[schemars(with = "Value")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) benefits: Option<Vec<Benefit>>,
    /// What Azure recommends to commit to.
    #[schemars(with = "Value")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recommendations: Option<Vec<Recommended>>,
    /// Commitments to consume (MACC) and credits.
    #[schemars(with = "Value")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credits: Option<Vec<Credit>>,
    /// What a role would show, one sentence each.
    #[schemars(with = "Value")]
    pub(super) missing_roles: Vec<String>,
    #[schemars(with = "Value")]
    pub(super) period: PeriodOutput,
    pub(super) complete_until: Date,
    #[schemars(with = "Value")]
    pub(super) scopes: Vec<String>,
    #[schemars(with = "Value")]
    pub(super) partial: Vec<Partial>,
    #[schemars(with = "Value")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    #[schemars(with = "Value")]
    pub(super) azure: AzureUse,
}

/// Figures of a currency, or of one kind in it. Quotients are from 0 to 1; null with a reason.
#[derive(JsonSchema, Serialize)]
pub(super) struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// reservation or savings_plan.
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    coverage: Option<String>,
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage_reason: Option<&'static str>,
    utilization: Option<String>,
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    utilization_reason: Option<&'static str>,
    committed_cost: String,
    on_demand_cost: String,
    unused_cost: String,
    /// Spot, purchases, refunds: in none of the others.
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    other_cost: Option<String>,
    #[schemars(with = "Value")]
    #[serde(skip_serializing_if = "Option::is_none")]
    by_kind: Option<Vec<Self>>,
}

impl From<&Committed> for Figures {
    fn from(committed: &Committed) -> Self {
        let kinds = committed.by_kind.iter();
        let of = |(kind, figures): &(CommitmentKind, CommittedFigures)| Self {
            kind: Some(kind_word(*kind)),
            ..Self::of(figures)
        };
        Self {
            currency: Some(committed.currency.to_string()),
            other_cost: Some(exact(committed.other_cost)),
            by_kind: Some(kinds.map(of).collect()),
            ..Self::of(&committed.whole)
        }
    }
}

impl Figures {
    fn of(figures: &CommittedFigures) -> Self {
        let CommittedFigures { coverage, utilization, .. } = figures;
        Self {
            currency: None,
            kind: None,
            coverage: coverage.ok().map(exact),
            coverage_reason: coverage.err(),
            utilization: utilization.ok().map(exact),
            utilization_reason: utilization.err(),
            committed_cost: exact(figures.committed_cost),
            on_demand_cost: exact(figures.on_demand_cost),
            unused_cost: exact(figures.unused_cost),
            other_cost: None,
            by_kind: None,
        }
    }
}

pub(super) const fn kind_word(kind: CommitmentKind) -> &'static str {
    match kind {
        CommitmentKind::Reservation => "reservation",
        CommitmentKind::SavingsPlan => "savings_plan",
    }
}

/// A reservation or a savings plan.
#[derive(Default, Serialize)]
pub(super) struct Benefit {
    id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sku: Option<String>,
    /// What was paid for and not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused: Option<Amount>,
    #[serde(skip)]
    pub(super) line: Option<Line>,
    /// From 0 to 1, as a billing scope lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    utilization: Option<String>,
    #[serde(skip)]
    pub(super) used: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lowest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    highest: Option<String>,
}

impl Benefit {
    /// The benefits: first what was not used, the dearest of each currency first; then those that were used in full.
    pub(super) fn all(unused: &Breakdown, uses: Option<&[BenefitUse]>) -> Vec<Self> {
        let mut lines: Vec<&Line> = unused.lines.iter().filter(|line| !line.cost.amount.is_zero()).collect();
        lines.sort_by(|a, b| {
            (a.cost.currency, b.cost.amount, &a.keys).cmp(&(b.cost.currency, a.cost.amount, &b.keys))
        });
        let of = |id: &str| uses.into_iter().flatten().find(|one| one.id.eq_ignore_ascii_case(id));
        let mut found: Vec<Self> = lines.into_iter().map(|line| Self::unused(line, of)).collect();
        for one in uses.into_iter().flatten() {
            let is_it = |known: &Self| known.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(&one.id));
            if !found.iter().any(is_it) {
                found.push(Self::listed(one));
            }
        }
        found
    }

    fn unused<'a>(line: &Line, of: impl Fn(&str) -> Option<&'a BenefitUse>) -> Self {
        let key = |place: usize| line.keys.get(place).and_then(Option::as_deref);
        let (id, name) = (key(0), key(1));
        let listed = id.and_then(of).map(Self::listed);
        Self {
            id: id.map(foreign::exact),
            name: name.map(foreign::exact),
            kind: id.and_then(CommitmentKind::of_benefit).map(kind_word),
            unused: Some(Amount::from(line.cost)),
            line: Some(line.clone()),
            ..listed.unwrap_or_default()
        }
    }

    fn listed(one: &BenefitUse) -> Self {
        Self {
            id: Some(foreign::exact(&one.id)),
            kind: one.kind.map(kind_word),
            sku: one.sku.as_deref().map(foreign::exact),
            utilization: Some(exact(one.utilization)),
            used: Some(one.utilization),
            lowest: Some(exact(one.lowest)),
            highest: Some(exact(one.highest)),
            ..Self::default()
        }
    }
}

/// What Azure recommends.
#[derive(Serialize)]
pub(super) struct Recommended {
    scope: String,
    kind: String,
    term: Option<String>,
    look_back: Option<String>,
    sku: Option<String>,
    /// What to commit to, each `granularity`.
    commitment: String,
    granularity: Option<String>,
    currency: String,
    /// What it would have saved in the days looked back on; its share, and the two quotients, are from 0 to 1.
    saving: String,
    saving_share: Option<String>,
    coverage: Option<String>,
    utilization: Option<String>,
}

impl Recommended {
    pub(super) fn new((scope, one): &(Scope, Recommendation)) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(foreign::exact);
        let ratio = |ratio: Option<Decimal>| ratio.map(exact);
        Self {
            scope: scope.to_string(),
            kind: foreign::exact(&one.kind),
            term: text(&one.term),
            look_back: text(&one.look_back),
            sku: text(&one.sku),
            commitment: exact(one.commitment),
            granularity: text(&one.granularity),
            currency: one.currency.to_string(),
            saving: exact(one.saving),
            saving_share: ratio(one.saving_share),
            coverage: ratio(one.coverage),
            utilization: ratio(one.utilization),
        }
    }
}

/// A commitment to consume, or a credit.
#[derive(Serialize)]
pub(super) struct Credit {
    scope: String,
    /// macc or credit.
    kind: &'static str,
    source: String,
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    original: Amount,
    /// What was left at the last invoice.
    balance: Option<Amount>,
    starts: Option<Date>,
    expires: Option<Date>,
}

impl Credit {
    pub(super) fn new((scope, lot): &(Scope, Lot)) -> Self {
        Self {
            scope: scope.to_string(),
            kind: if lot.is_commitment() { "macc" } else { "credit" },
            source: foreign::exact(&lot.source),
            status: lot.status.as_deref().map(foreign::exact),
            organization: lot.organization.as_deref().map(foreign::exact),
            original: Amount::from(lot.original),
            balance: lot.balance.map(Amount::from),
            starts: lot.starts,
            expires: lot.expires,
        }
    }
}
