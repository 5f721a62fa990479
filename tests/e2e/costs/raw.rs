//! The raw rows of the emulator, and what a question about them should answer: calculated here, by nothing of the product.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use e2e::Stack;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::dice::Dice;

/// One charge.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) date: Date,
    pub(super) currency: String,
    pub(super) cost: Decimal,
    pub(super) usd: Decimal,
    pub(super) quantity: Decimal,
    pub(super) unit: String,
    pub(super) charge_type: String,
    pub(super) pricing_model: String,
    /// By name and key in small letters; what a row has no value of is not there.
    columns: BTreeMap<String, String>,
}

impl Raw {
    /// Its value of a dimension or `tag:KEY`, in small letters; `None` where it has none.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        self.columns.get(&name.to_lowercase()).map(|value| value.to_lowercase())
    }

    /// The same as it is written.
    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.columns.get(&name.to_lowercase()).map(String::as_str)
    }

    fn read(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}")).to_owned();
        let figure = |name: &str| text(name).parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        let members = |name: &str| row[name].as_object().cloned().unwrap_or_default();
        let column = |prefix: &str, (name, value): (String, Value)| {
            (format!("{prefix}{name}").to_lowercase(), value.as_str().unwrap_or_default().to_owned())
        };
        let dimensions = members("dimensions").into_iter().map(|member| column("", member));
        let tags = ["inheritedTags", "tags"].into_iter().flat_map(members);
        let columns = dimensions.chain(tags.map(|member| column("tag:", member)));
        Self {
            date: text("date").parse().unwrap(),
            currency: text("currency"),
            cost: figure("cost"),
            usd: figure("costUsd"),
            quantity: figure("quantity"),
            unit: text("unitOfMeasure"),
            charge_type: text("chargeType"),
            pricing_model: text("pricingModel"),
            columns: columns.filter(|(_, value)| !value.is_empty()).collect(),
        }
    }
}

/// Rows, and the dimensions that all of them have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) all: Vec<Raw>,
    dimensions: Option<BTreeSet<String>>,
}

impl Rows {
    /// All rows of a scope, both days included.
    pub(super) fn of(stack: &Stack, scope: &str, days: RangeInclusive<Date>, metric: &str) -> Self {
        let mut rows = Self::default();
        for row in stack.emulator.raw_rows(scope, days, metric == "amortized").unwrap() {
            rows.note_dimensions(&row);
            rows.all.push(Raw::read(&row));
        }
        rows
    }

    /// The names of the dimensions that every row's agreement has.
    pub(super) fn dimensions(&self) -> BTreeSet<String> {
        self.dimensions.clone().unwrap_or_default()
    }

    /// The rows of several scopes that do not overlap.
    pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut joined = Self::default();
        for part in parts {
            joined.all.extend(part.all.iter().cloned());
            let Some(names) = &part.dimensions else { continue };
            joined.dimensions = Some(match joined.dimensions.take() {
                Some(known) => known.intersection(names).cloned().collect(),
                None => names.clone(),
            });
        }
        joined
    }

    /// A scope whose costs are all among those of the scope at `path`, whose rows these are; or that scope itself.
    pub(super) fn within(&self, path: &str, dice: &mut Dice) -> String {
        let row = &self.all[dice.below(self.all.len())];
        let group = row.value("ResourceGroupName").filter(|_| path.matches('/').count() == 2);
        let subscription = row.value("SubscriptionId").filter(|_| path.contains("managementGroups"));
        match (group, subscription) {
            (Some(group), _) => format!("{path}/resourceGroups/{group}"),
            (None, Some(id)) => format!("/subscriptions/{id}"),
            (None, None) => path.to_owned(),
        }
    }

    fn note_dimensions(&mut self, row: &Value) {
        let names = row["dimensions"].as_object().unwrap_or_else(|| panic!("no dimensions in {row}"));
        match &mut self.dimensions {
            Some(known) => known.retain(|name| names.contains_key(name)),
            None => self.dimensions = Some(names.keys().cloned().collect()),
        }
    }
}
