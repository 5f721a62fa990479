//! Generated costs: a pure function of resource and day, believable and the same every time.
//!
//! A resource costs its base amount a day, with weekends, a slow growth, and a little noise. Amounts are whole numbers of
//! 10^-8 of the currency, the precision Azure reports.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use self::catalogue::Service;
use super::agreement::Agreement;

mod catalogue;

/// Units of one currency unit: eight decimals.
const UNIT: i64 = 100_000_000;
/// What one EUR is in USD, in hundredths.
const USD_PER_EUR_PERCENT: i64 = 108;
/// Share of a day's cost that is known while the day still runs.
const TODAY_PERCENT: i64 = 40;

/// The first day with any cost.
pub(crate) const FIRST_DAY: Date = jiff::civil::date(2025, 1, 1);

/// How a resource is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Charge {
    /// By use.
    #[default]
    Usage,
    /// A reservation: paid on the first of the month (actual), or spread over it (amortized).
    Reservation,
    /// Somebody else's product, billed in its own currency.
    Marketplace,
    /// By use, with a burst on the 11th and 12th of each month: the anomaly to find.
    Bursty,
}

/// Actual or amortized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    Actual,
    Amortized,
}

/// Something that costs money.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) service: &'static Service,
    /// Region as Cost Management names it, and as ARM does.
    pub(crate) region: (&'static str, &'static str),
    pub(crate) tags: Vec<(&'static str, String)>,
    pub(crate) currency: &'static str,
    pub(crate) charge: Charge,
    /// Base cost per day in 10^-8 of the currency.
    daily: i64,
    seed: u64,
}

/// A subscription with its resources.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) environment: &'static str,
    pub(crate) agreement: Agreement,
    /// What people wrote at the end of every name.
    pub(crate) written: String,
    pub(crate) resources: Vec<Resource>,
}

/// All subscriptions of the tenant.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    all: Vec<Arc<Subscription>>,
    by_id: HashMap<String, Arc<Subscription>>,
}

impl Subscriptions {
    /// Prod, Dev, Factory, Lab, and one for each generated person.
    #[cfg(test)]
    pub(crate) fn new(extra: usize) -> Self {
        Self::written(extra, "")
    }

    /// Prod, Dev, Factory, Lab, and one for each generated person, with `text` at the end of every name.
    pub(crate) fn written(extra: usize, text: &str) -> Self {
        let sign = |mut subscription: Subscription| {
            subscription.display_name.push_str(text);
            text.clone_into(&mut subscription.written);
            Arc::new(subscription)
        };
        let named = [catalogue::prod(), catalogue::dev(), catalogue::factory(), catalogue::lab()];
        let all: Vec<_> = named.into_iter().chain((1..=extra).map(catalogue::generated)).map(sign).collect();
        let by_id = all.iter().map(|one| (one.id.clone(), Arc::clone(one))).collect();
        Self { all, by_id }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.all.iter()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Subscription>> {
        self.by_id.get(&id.to_ascii_lowercase()).cloned()
    }
}

impl Resource {
    /// Cost of `day` in 10^-8 of the currency; nothing before the first day or after `today`.
    pub(crate) fn cost(&self, day: Date, today: Date, basis: Basis) -> i64 {
        if day < FIRST_DAY || day > today {
            return 0;
        }
        let amount = match (self.charge, basis) {
            (Charge::Reservation, Basis::Amortized) => self.daily,
            (Charge::Reservation, Basis::Actual) if day.day() == 1 => {
                self.daily * i64::from(day.days_in_month())
            }
            (Charge::Reservation, Basis::Actual) => 0,
            (Charge::Usage | Charge::Marketplace | Charge::Bursty, _) => self.used(day),
        };
        if day == today { amount * TODAY_PERCENT / 100 } else { amount }
    }

    /// The same in USD.
    pub(crate) fn in_usd(&self, cost: i64) -> i64 {
        if self.currency == "USD" { cost } else { cost * USD_PER_EUR_PERCENT / 100 }
    }

    /// Units used for `cost`, in 10^-8.
    pub(crate) fn quantity(&self, cost: i64) -> i64 {
        let quantity = i128::from(cost) * i128::from(UNIT) / i128::from(self.service.unit_price.max(1));
        i64::try_from(quantity).unwrap_or(i64::MAX)
    }

    /// The ARM id, lower case as Cost Management reports it.
    pub(crate) fn id(&self, subscription: &str) -> String {
        let (group, kind) = (&self.group, self.service.resource_type);
        format!("/subscriptions/{subscription}/resourcegroups/{group}/providers/{kind}/{}", self.name)
    }

    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn used(&self, day: Date) -> i64 {
        let age = i64::from((day - FIRST_DAY).get_days());
        let growth_ppm = 1_000_000 + age * 600;
        let noise = mix(self.seed, age.unsigned_abs());
        let noise_ppm = 920_000 + i64::try_from(noise % 160_000).unwrap_or_default();
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let weekday_percent = if weekend { self.service.weekend_percent } else { 100 };
        let burst = self.charge == Charge::Bursty && matches!(day.day(), 11 | 12);
        let amount = i128::from(self.daily) * i128::from(growth_ppm) / 1_000_000 * i128::from(noise_ppm)
            / 1_000_000
            * i128::from(weekday_percent)
            / 100
            * if burst { 9 } else { 1 };
        i64::try_from(amount).unwrap_or(i64::MAX)
    }
}

/// FNV-1a: a seed from a name.
fn seed(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64's finalizer: well-spread noise from two numbers.
fn mix(seed: u64, day: u64) -> u64 {
    let mut z = seed.wrapping_add(day.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Basis, Charge, Subscriptions};
    use crate::tenant::contoso::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};

    #[test]
    fn costs_end_today_and_repeat() {
        let subscriptions = Subscriptions::new(0);
        let dev = subscriptions.find(DEV_SUBSCRIPTION).unwrap();
        let today = date(2026, 11, 20);
        let total = |day| dev.resources.iter().map(|r| r.cost(day, today, Basis::Actual)).sum::<i64>();
        assert!(total(date(2026, 11, 19)) > 0);
        assert_eq!(total(date(2026, 11, 19)), total(date(2026, 11, 19)));
        assert_eq!(total(date(2026, 11, 21)), 0);
        assert_eq!(total(date(2024, 12, 31)), 0);
        assert!(total(date(2026, 11, 11)) > 2 * total(date(2026, 11, 10)), "the burst is visible");
    }

    #[test]
    fn reservations_cost_the_same_either_way_over_a_month() {
        let subscriptions = Subscriptions::new(0);
        let prod = subscriptions.find(PROD_SUBSCRIPTION).unwrap();
        let reservation = prod.resources.iter().find(|r| r.charge == Charge::Reservation).unwrap();
        let month = |basis| {
            (1..=30).map(|day| reservation.cost(date(2026, 9, day), date(2026, 11, 20), basis)).sum::<i64>()
        };
        assert_eq!(month(Basis::Actual), month(Basis::Amortized));
        assert!(prod.resources.iter().any(|r| r.currency == "USD"));
    }

    #[test]
    fn no_two_generated_subscriptions_cost_the_same() {
        let subscriptions = Subscriptions::new(50);
        let day = date(2026, 10, 7);
        let mut totals: Vec<i64> = subscriptions
            .iter()
            .map(|s| s.resources.iter().map(|r| r.cost(day, day, Basis::Actual)).sum())
            .collect();
        totals.sort_unstable();
        totals.dedup();
        assert_eq!(totals.len(), 54);
    }
}
