//! What Contoso runs: services as Azure names them, and the resources of each subscription, as `catalogue.json` lists them.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use super::line::{Charge, Days, Line, seed};
use super::{Subscription, UNIT};
use crate::arm::agreement::Agreement;
use crate::tenant::contoso::{
    BIG_SUBSCRIPTION, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION,
    RETAIL_SUBSCRIPTION,
};
use crate::tenant::ids::object_id;
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
    /// Price of one unit in 10^-8 of the currency; 0 for what is free.
    pub(crate) unit_price: i64,
    /// Use at weekends in per cent of a weekday's.
    pub(crate) weekend_percent: i64,
    /// The price in even months, in per cent of that in odd ones.
    #[serde(default = "hundred")]
    pub(super) even_month_percent: i64,
    /// The price until the month is final, in per cent of the final one.
    #[serde(default = "hundred")]
    pub(super) estimate_percent: i64,
}

/// Ids of the meter that a service has in a region.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) id: String,
    pub(crate) part_number: String,
}

/// By the keys of service and region.
static METERS: LazyLock<HashMap<(&'static str, &'static str), Meter>> = LazyLock::new(|| {
    let services = CATALOGUE.services.iter();
    let pairs = services.flat_map(|service| CATALOGUE.regions.iter().map(move |region| (service, region)));
    pairs.map(|((s, service), (r, region))| ((*s, *r), Meter::of(service, region))).collect()
});

impl Meter {
    fn of(service: &Service, region: &Region) -> Self {
        let id =
            object_id("meter", &format!("{}/{}/{}", service.sub_category, service.meter, region.location));
        let part = object_id("part", &id).to_ascii_uppercase();
        Self { part_number: format!("{}-{}", &part[..3], &part[3..8]), id }
    }
}

/// The file. Entries name services and regions by their keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    #[serde(borrow)]
    services: HashMap<&'static str, Service>,
    regions: HashMap<&'static str, Region>,
    prod: Vec<Entry>,
    dev: Vec<Entry>,
    factory: Vec<Entry>,
    lab: Vec<Entry>,
    /// Of every agreement: what a bill has beside plain use.
    mixed: Vec<Entry>,
    /// The same, of agreements that have reservations and savings plans.
    commitments: Vec<Entry>,
    /// Of each generated person, in a group of their own.
    own: Vec<Entry>,
    /// The tags of resource groups.
    group_tags: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
}

/// A region as Cost Management names it, and as ARM does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Region {
    pub(crate) name: &'static str,
    pub(crate) location: &'static str,
    /// Its prices in per cent of others'.
    #[serde(default = "hundred")]
    pub(super) price_percent: i64,
}

/// A resource on a meter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    service: &'static str,
    #[serde(default)]
    group: &'static str,
    name: &'static str,
    region: &'static str,
    /// What it costs a day, at first, in hundredths of the currency.
    cents: i64,
    /// Without: infrastructure nobody has tagged, which is in every real bill.
    team: Option<&'static str>,
    /// Tags in place of the usual two.
    #[serde(default, borrow)]
    tags: BTreeMap<&'static str, &'static str>,
    #[serde(default)]
    charge: Charge,
    #[serde(default)]
    days: Days,
    /// Default: that of the subscription.
    currency: Option<&'static str>,
    #[serde(default)]
    covers: Vec<Self>,
}

/// Sections of the invoice.
const IT: (&str, &str) = ("EEEE-FFFF-GGG-HHH", "IT");
const TEST: (&str, &str) = ("IIII-JJJJ-KKK-LLL", "Test");
const NO_SECTION: (&str, &str) = ("", "");

/// The subscriptions that everybody knows by name.
pub(super) fn named() -> Vec<Subscription> {
    use Agreement::{Customer, Enterprise, PayAsYouGo};
    let all = &*CATALOGUE;
    let (mixed, commitments) = (&all.mixed, &all.commitments);
    vec![
        // With one marketplace product in USD.
        subscription((PROD_SUBSCRIPTION, "Contoso Prod", "prod"), Customer, IT, "EUR", &[&all.prod]),
        // Smaller, with a burst of GPU machines each month.
        subscription((DEV_SUBSCRIPTION, "Contoso Dev", "dev"), Customer, TEST, "EUR", &[&all.dev]),
        subscription(
            (FACTORY_SUBSCRIPTION, "Contoso Factory", "factory"),
            Enterprise,
            NO_SECTION,
            "CHF",
            &[&all.factory, mixed, commitments],
        ),
        subscription(
            (LAB_SUBSCRIPTION, "Contoso Lab", "lab"),
            PayAsYouGo,
            NO_SECTION,
            "EUR",
            &[&all.lab, mixed],
        ),
        subscription(
            (RETAIL_SUBSCRIPTION, "Contoso Retail", "retail"),
            Customer,
            IT,
            "EUR",
            &[mixed, commitments],
        ),
    ]
}

/// The subscription of one generated person: a resource group named after them, and amounts nobody else has.
pub(super) fn generated(number: usize) -> Subscription {
    let share = 100 + i64::try_from(number * 37 % 1_900).unwrap_or_default();
    let group = format!("rg-person-{number:04}");
    let own = |entry: &Entry| {
        let made = entry.line("sandbox", "EUR");
        let seed = seed(&format!("{group}/{}", made.name));
        Line { group: group.clone(), daily: made.daily * share / 100, seed, ..made }
    };
    let (id, name) = (generated_subscription(number), format!("Person {number:04}"));
    let empty = subscription((&id, &name, "sandbox"), Agreement::Customer, IT, "EUR", &[]);
    Subscription { lines: CATALOGUE.own.iter().map(own).collect(), ..empty }
}

/// A subscription of so many resources, each with a cost of its own every day.
pub(super) fn big(resources: usize) -> Subscription {
    let entry = &CATALOGUE.own[0];
    let line = |number: usize| {
        let (name, group) = (format!("vm-{number:06}"), format!("rg-big-{:03}", number / 500));
        let seed = seed(&name);
        Line { name, group, seed, ..entry.line("big", "EUR") }
    };
    let names = (BIG_SUBSCRIPTION, "Contoso Big", "big");
    let empty = subscription(names, Agreement::Customer, IT, "EUR", &[]);
    Subscription { lines: (0..resources).map(line).collect(), ..empty }
}

/// The same resource on the meter of another service; `None` where it cannot be of that.
pub(super) fn resized(line: &Line, service: &str) -> Option<Line> {
    let all = &*CATALOGUE;
    let (region, _) = all.regions.iter().find(|(_, region)| std::ptr::eq(*region, line.region))?;
    let (key, service) = all.services.get_key_value(service)?;
    let is_kin = service.resource_type == line.service.resource_type && service.meter != line.service.meter;
    is_kin.then(|| Line { service, meter: &METERS[&(*key, *region)], ..line.clone() })
}

fn subscription(
    (id, display_name, environment): (&str, &str, &'static str),
    agreement: Agreement,
    section: (&'static str, &'static str),
    currency: &'static str,
    entries: &[&Vec<Entry>],
) -> Subscription {
    let lines: Vec<_> =
        entries.iter().copied().flatten().map(|entry| entry.line(environment, currency)).collect();
    let pairs = |tags: &BTreeMap<&'static str, &'static str>| tags.iter().map(|(k, v)| (*k, *v)).collect();
    Subscription {
        id: id.to_owned(),
        display_name: display_name.to_owned(),
        environment,
        agreement,
        section,
        written: String::new(),
        lines,
        group_tags: CATALOGUE.group_tags.iter().map(|(group, tags)| (*group, pairs(tags))).collect(),
    }
}

impl Entry {
    fn line(&self, environment: &str, currency: &'static str) -> Line {
        let Self { group, name, .. } = self;
        Line {
            name: (*name).to_owned(),
            group: (*group).to_owned(),
            service: &CATALOGUE.services[self.service],
            region: &CATALOGUE.regions[self.region],
            meter: &METERS[&(self.service, self.region)],
            tags: self.tags(environment),
            currency: self.currency.unwrap_or(currency),
            charge: self.charge,
            days: self.days,
            covers: self.covers.iter().map(|covered| covered.line(environment, currency)).collect(),
            daily: self.cents * UNIT / 100,
            seed: seed(&format!("{environment}/{group}/{name}")),
        }
    }

    fn tags(&self, environment: &str) -> Vec<(&'static str, String)> {
        if !self.tags.is_empty() {
            return self.tags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        }
        let usual = |team: &str| vec![("env", environment.to_owned()), ("team", team.to_owned())];
        self.team.map(usual).unwrap_or_default()
    }
}

fn hundred() -> i64 {
    100
}
