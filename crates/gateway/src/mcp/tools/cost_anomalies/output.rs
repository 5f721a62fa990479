//! What `cost_anomalies` answers, for programs.

use std::collections::BTreeMap;

use cost::{Cause, CauseKind, Event, Key, OneOff, Shape, Suspect, Unjudged};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::explained::Explained;
use crate::mcp::foreign;
use crate::mcp::tools::money::exact;
use crate::mcp::tools::told::{AzureUse, More, Partial};

/// Of which service, which resource group; none is the whole.
pub(super) type Keys = BTreeMap<&'static str, Option<String>>;

/// What the list of tools says of what docs/tools.md and docs/anomalies.md describe: it is read anew in each conversation.
type Object = Map<String, Value>;
type Objects = Vec<Object>;

/// What is odd.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The largest excess first.
    #[schemars(with = "Objects")]
    pub(super) events: Vec<EventOutput>,
    /// Purchases and refunds on the judged days: never odd.
    #[schemars(with = "Objects")]
    pub(super) one_offs: Vec<OneOffOutput>,
    #[schemars(skip)]
    pub(super) judged_from: Date,
    /// The last day whose costs are complete: it ended at least 36 hours ago.
    pub(super) judged_until: Date,
    /// What has no history yet.
    #[schemars(skip)]
    pub(super) not_judged: Vec<NotJudged>,
    /// How many series were judged, and the score from which a day is odd.
    #[schemars(skip)]
    pub(super) series: usize,
    #[schemars(skip)]
    pub(super) cut: f64,
    #[schemars(skip)]
    pub(super) metric: &'static str,
    #[schemars(skip)]
    pub(super) sensitivity: &'static str,
    #[schemars(skip)]
    pub(super) scopes: Vec<String>,
    #[schemars(with = "Objects")]
    pub(super) partial: Vec<Partial>,
    #[schemars(skip)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    #[schemars(with = "Object")]
    pub(super) azure: AzureUse,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(super) more: Option<More>,
    /// A call of cost_compare that looks closer at the first event.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schemars(skip)]
    pub(super) next: Map<String, Value>,
}

/// Days that are odd.
#[derive(Serialize)]
pub(super) struct EventOutput {
    keys: Keys,
    /// What else it is seen in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_in: Vec<Keys>,
    scope: String,
    from: Date,
    to: Date,
    /// spike, step, drop, new or gone.
    shape: &'static str,
    expected: String,
    actual: String,
    excess: String,
    currency: String,
    score: f64,
    /// high, medium or low.
    confidence: &'static str,
    history_days: usize,
    /// Of the first day: what its weekday costs against the middle one.
    weekday_factor: Option<f64>,
    /// Whether it is so on the last judged day too.
    lasts: bool,
    /// Of the first three events; null: not asked.
    causes: Option<Vec<CauseOutput>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causes_reason: Option<String>,
    /// The days that the causes are of, and those that they are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<[Date; 4]>,
}

/// A resource on a meter. The effects add up to its change.
#[derive(Serialize)]
struct CauseOutput {
    keys: Keys,
    before: String,
    after: String,
    change: String,
    /// new, gone, grown, shrunk, resized or uncovered.
    kind: &'static str,
    usage_effect: String,
    rate_effect: String,
    other_effect: String,
    /// The meter that a resized resource was on.
    #[serde(skip_serializing_if = "Option::is_none")]
    meter_before: Option<String>,
    /// The part of it that commitments covered before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<[String; 2]>,
}

/// A purchase or refund.
#[derive(Serialize)]
pub(super) struct OneOffOutput {
    date: Date,
    service: Option<String>,
    kind: String,
    amount: String,
    currency: String,
}

/// What could not be judged.
#[derive(Serialize)]
pub(super) struct NotJudged {
    keys: Keys,
    amount: String,
    currency: String,
    /// Its first cost.
    since: Date,
}

impl EventOutput {
    pub(super) fn new(event: &Event, scope: &str, cut: f64, explained: Option<&Explained>) -> Self {
        let causes = explained.map(|explained| &explained.causes);
        Self {
            keys: keys(&event.key),
            also_in: event.also.iter().map(keys).collect(),
            scope: foreign::exact(scope),
            from: event.from,
            to: event.to,
            shape: shape(event.shape),
            expected: exact(event.expected),
            actual: exact(event.actual),
            excess: exact(event.excess),
            currency: event.currency.to_string(),
            score: tenth(event.score),
            confidence: confidence(event, cut),
            history_days: event.history_days,
            weekday_factor: event.weekday_factor.map(hundredth),
            lasts: event.lasts,
            causes: causes.map(|all| all.iter().flatten().map(CauseOutput::new).collect()),
            causes_reason: causes.and_then(|all| all.as_ref().err().cloned()),
            compared: explained.map(|one| compared(&one.suspect)),
        }
    }
}

fn compared(suspect: &Suspect) -> [Date; 4] {
    [suspect.after.0, suspect.after.1, suspect.before.0, suspect.before.1]
}

impl CauseOutput {
    fn new(cause: &Cause) -> Self {
        // Above subscriptions some are subscriptions, which have an id and no path.
        let is_path = |id: &String| id.starts_with('/');
        let by = if cause.resource.as_ref().is_none_or(is_path) { "ResourceId" } else { "SubscriptionId" };
        let exactly = |text: &Option<String>| text.as_deref().map(foreign::exact);
        Self {
            keys: Keys::from([(by, exactly(&cause.resource)), ("Meter", exactly(&cause.meter))]),
            before: exact(cause.change.before),
            after: exact(cause.change.after),
            change: exact(cause.change.change),
            kind: kind(cause.kind),
            usage_effect: exact(cause.usage_effect),
            rate_effect: exact(cause.rate_effect),
            other_effect: exact(cause.other_effect),
            meter_before: exactly(&cause.meter_before),
            coverage: cause.coverage.map(|(before, after)| [exact(before), exact(after)]),
        }
    }
}

impl From<&OneOff> for OneOffOutput {
    fn from(one: &OneOff) -> Self {
        Self {
            date: one.date,
            service: one.service.as_deref().map(foreign::exact),
            kind: foreign::exact(&one.kind),
            amount: exact(one.cost.amount),
            currency: one.cost.currency.to_string(),
        }
    }
}

impl From<&Unjudged> for NotJudged {
    fn from(one: &Unjudged) -> Self {
        Self {
            keys: keys(&one.key),
            amount: exact(one.amount),
            currency: one.currency.to_string(),
            since: one.since,
        }
    }
}

fn keys(key: &Key) -> Keys {
    let exactly = |name: &Option<String>| name.as_deref().map(foreign::exact);
    match key {
        Key::Service(name) => Keys::from([("ServiceName", exactly(name))]),
        Key::Group(name) => Keys::from([("ResourceGroupName", exactly(name))]),
        Key::Total => Keys::new(),
    }
}

pub(super) const fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Spike => "spike",
        Shape::Step => "step",
        Shape::Drop => "drop",
        Shape::New => "new",
        Shape::Gone => "gone",
    }
}

pub(super) const fn kind(kind: CauseKind) -> &'static str {
    match kind {
        CauseKind::New => "new",
        CauseKind::Gone => "gone",
        CauseKind::Grown => "grown",
        CauseKind::Shrunk => "shrunk",
        CauseKind::Resized => "resized",
        CauseKind::Uncovered => "uncovered",
    }
}

/// How sure an event is, by how far beyond the cut it is.
pub(super) fn confidence(event: &Event, cut: f64) -> &'static str {
    match event.score / cut {
        far if far >= 2.0 => "high",
        near if near >= 1.3 => "medium",
        _ => "low",
    }
}

/// A figure of statistics, to one decimal.
pub(super) fn tenth(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

fn hundredth(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}
