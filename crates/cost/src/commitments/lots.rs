//! Money that was promised to Microsoft (a commitment to consume, MACC) or given by it (credits), and what is left of it.
//!
//! <https://learn.microsoft.com/rest/api/consumption/lots/list-by-billing-account>

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lists::{List, ListPages, day, entry, figure};
use crate::client::Client;
use crate::json;
use crate::money::Money;
use crate::scope::{BillingPart, Scope};

const API_VERSION: &str = "2024-08-01";
const LIST: List<Lot> = List {
    path: ["Microsoft.Consumption", "lots"],
    template: "/{scope}/providers/Microsoft.Consumption/lots",
    read,
};
const MACC: &str = "ConsumptionCommitment";

impl Client {
    /// The commitments to consume of a billing account, or the credits of a billing profile. `None` of other scopes.
    pub fn lot_pages(&self, scope: &Scope) -> Option<ListPages<Lot>> {
        let Scope::Billing { part, .. } = scope else { return None };
        let filter = format!("source eq '{MACC}'");
        let mut parameters = vec![("api-version", API_VERSION)];
        match part {
            BillingPart::Whole => parameters.push(("$filter", &filter)),
            BillingPart::Profile(_) => {}
            _ => return None,
        }
        Some(ListPages::new(self, scope, LIST, &parameters))
    }
}

/// A lot: money of one source, until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// `ConsumptionCommitment`, `PurchasedCredit`, `PromotionalCredit`.
    pub source: String,
    /// `Active`, `Complete`, `Expired`, …
    pub status: Option<String>,
    /// Whether the account itself promised it (`Primary`) or another one did (`Contributor`).
    pub organization: Option<String>,
    /// What it was at first.
    pub original: Money,
    /// What was left of it at the last invoice.
    pub balance: Option<Money>,
    /// The first day.
    pub starts: Option<Date>,
    /// The last.
    pub expires: Option<Date>,
}

impl Lot {
    /// Whether it is a commitment to consume; otherwise it is a credit.
    pub fn is_commitment(&self) -> bool {
        self.source.eq_ignore_ascii_case(MACC)
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "json::lenient")]
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Properties {
    #[serde(deserialize_with = "json::text")]
    source: Option<String>,
    #[serde(deserialize_with = "json::text")]
    status: Option<String>,
    // With a capital letter, among members that have none.
    #[serde(rename = "OrganizationType", alias = "organizationType", deserialize_with = "json::text")]
    organization_type: Option<String>,
    #[serde(deserialize_with = "json::lenient")]
    original_amount: Option<Amount>,
    #[serde(deserialize_with = "json::lenient")]
    closed_balance: Option<Amount>,
    #[serde(deserialize_with = "day")]
    start_date: Option<Date>,
    #[serde(deserialize_with = "day")]
    expiration_date: Option<Date>,
}

#[derive(Deserialize)]
struct Amount {
    #[serde(default, deserialize_with = "figure")]
    value: Option<Decimal>,
    #[serde(default, deserialize_with = "json::text")]
    currency: Option<String>,
}

impl Amount {
    fn money(self) -> Option<Money> {
        Some(Money::new(self.value?, self.currency?.trim().parse().ok()?))
    }
}

fn read(item: &RawValue) -> Option<Lot> {
    let properties = entry::<Entry>(item)?.properties?;
    Some(Lot {
        source: properties.source.filter(|source| !source.is_empty())?,
        status: properties.status,
        organization: properties.organization_type,
        original: properties.original_amount?.money()?,
        balance: properties.closed_balance.and_then(Amount::money),
        starts: properties.start_date,
        expires: properties.expiration_date,
    })
}
