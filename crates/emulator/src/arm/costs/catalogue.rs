//! What Contoso runs: services as Azure names them, and the resources of each subscription, as `catalogue.json` lists them.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Charge, Resource, Subscription, UNIT, seed};
use crate::arm::agreement::Agreement;
use crate::tenant::contoso::{DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION};
use crate::tenant::people::generated_subscription;

#[expect(clippy::expect_used, reason = "it is part of the program, and the tests read all of it")]
static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| serde_json::from_str(include_str!("catalogue.json")).expect("a catalogue"));

/// A service, with the names of all its columns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) sub_category: &'static str,
    pub(crate) meter: &'static str,
    pub(crate) family: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) resource_type: &'static str,
    pub(crate) unit: &'static str,
    /// Price of one unit in 10^-8 of the currency.
    pub(crate) unit_price: i64,
    /// Use at weekends in per cent of a weekday's.
    pub(crate) weekend_percent: i64,
}

/// The file. Lines name services and regions by their keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    #[serde(borrow)]
    services: HashMap<&'static str, Service>,
    regions: HashMap<&'static str, Region>,
    prod: Vec<Line>,
    dev: Vec<Line>,
    factory: Vec<Line>,
    lab: Vec<Line>,
    /// Of each generated person, in a group of their own.
    own: Vec<Line>,
}

/// A region as Cost Management names it, and as ARM does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    name: &'static str,
    location: &'static str,
}

/// A resource.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    service: &'static str,
    #[serde(default)]
    group: &'static str,
    name: &'static str,
    region: &'static str,
    /// What it costs a day, at first, in hundredths of the currency.
    cents: i64,
    /// Without: infrastructure nobody has tagged, which is in every real bill.
    team: Option<&'static str>,
    #[serde(default)]
    charge: Charge,
    #[serde(default = "euro")]
    currency: &'static str,
}

/// "Contoso Prod": in EUR, with one marketplace product in USD.
pub(super) fn prod() -> Subscription {
    let resources = CATALOGUE.prod.iter().map(|line| line.resource("prod")).collect();
    subscription(PROD_SUBSCRIPTION, "Contoso Prod", "prod", Agreement::Customer, resources)
}

/// "Contoso Dev": smaller, in EUR, with a burst of GPU machines each month.
pub(super) fn dev() -> Subscription {
    let resources = CATALOGUE.dev.iter().map(|line| line.resource("dev")).collect();
    subscription(DEV_SUBSCRIPTION, "Contoso Dev", "dev", Agreement::Customer, resources)
}

/// "Contoso Factory": of an enrolment, in CHF.
pub(super) fn factory() -> Subscription {
    let resources = CATALOGUE.factory.iter().map(|line| line.resource("factory")).collect();
    subscription(FACTORY_SUBSCRIPTION, "Contoso Factory", "factory", Agreement::Enterprise, resources)
}

/// "Contoso Lab": pay-as-you-go.
pub(super) fn lab() -> Subscription {
    let resources = CATALOGUE.lab.iter().map(|line| line.resource("lab")).collect();
    subscription(LAB_SUBSCRIPTION, "Contoso Lab", "lab", Agreement::PayAsYouGo, resources)
}

/// The subscription of one generated person: a resource group named after them, and amounts nobody else has.
pub(super) fn generated(number: usize) -> Subscription {
    let share = 100 + i64::try_from(number * 37 % 1_900).unwrap_or_default();
    let group = format!("rg-person-{number:04}");
    let own = |line: &Line| {
        let made = line.resource("sandbox");
        let seed = seed(&format!("{group}/{}", made.name));
        Resource { group: group.clone(), daily: made.daily * share / 100, seed, ..made }
    };
    let resources = CATALOGUE.own.iter().map(own).collect();
    let (id, name) = (generated_subscription(number), format!("Person {number:04}"));
    subscription(&id, &name, "sandbox", Agreement::Customer, resources)
}

fn subscription(
    id: &str,
    display_name: &str,
    environment: &'static str,
    agreement: Agreement,
    resources: Vec<Resource>,
) -> Subscription {
    let (id, display_name) = (id.to_owned(), display_name.to_owned());
    Subscription { id, display_name, environment, agreement, written: String::new(), resources }
}

impl Line {
    fn resource(&self, environment: &str) -> Resource {
        let Self { group, name, .. } = self;
        let region = &CATALOGUE.regions[self.region];
        let tags = |team: &str| vec![("env", environment.to_owned()), ("team", team.to_owned())];
        Resource {
            name: (*name).to_owned(),
            group: (*group).to_owned(),
            service: &CATALOGUE.services[self.service],
            region: (region.name, region.location),
            tags: self.team.map(tags).unwrap_or_default(),
            currency: self.currency,
            charge: self.charge,
            daily: self.cents * UNIT / 100,
            seed: seed(&format!("{environment}/{group}/{name}")),
        }
    }
}

fn euro() -> &'static str {
    "EUR"
}

#[cfg(test)]
mod tests {
    use jiff::Span;
    use jiff::civil::date;

    use super::{dev, generated, prod};
    use crate::arm::costs::{Basis, FIRST_DAY, Subscription};

    /// Resources; and actual, amortized, in USD and used, each over all days, in 10^-8.
    fn totals(subscription: &Subscription) -> (usize, [i64; 4]) {
        let today = date(2026, 11, 20);
        let mut totals = [0; 4];
        for day in FIRST_DAY.series(Span::new().days(1)).take_while(|day| *day <= today) {
            for resource in &subscription.resources {
                let (actual, amortized) =
                    (resource.cost(day, today, Basis::Actual), resource.cost(day, today, Basis::Amortized));
                let found = [actual, amortized, resource.in_usd(actual), resource.quantity(actual)];
                totals.iter_mut().zip(found).for_each(|(total, one)| *total += one);
            }
        }
        (subscription.resources.len(), totals)
    }

    #[test]
    fn what_contoso_spends_stays_what_it_was() {
        let found = [prod(), dev(), generated(7)].map(|subscription| totals(&subscription));
        assert_eq!(
            found,
            [
                (24, [19_644_259_300_090, 19_622_349_100_090, 21_130_030_586_858, 4_426_648_789_640_542]),
                (10, [2_130_221_818_599, 2_130_221_818_599, 2_300_639_560_794, 29_861_851_183_087]),
                (5, [2_981_184_601_060, 2_981_184_601_060, 3_219_679_367_513, 27_457_244_250_272]),
            ]
        );
    }
}
