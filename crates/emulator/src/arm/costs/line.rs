//! What one resource is charged for on one meter: how much a day, in which months, for which price.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use super::catalogue::{Meter, Region, Service};
use super::{FIRST_DAY, UNIT};
use crate::tenant::ids::object_id;

/// How something is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Charge {
    /// By use.
    #[default]
    Usage,
    /// By use of what Azure has to spare.
    Spot,
    /// A reservation: paid on the first of the month (actual), or spread over its days (amortized).
    Reservation,
    /// A savings plan, paid in the same way.
    SavingsPlan,
    /// Somebody else's product, billed in its own currency.
    Marketplace,
    /// The same, bought on the third of each month.
    MarketplacePurchase,
    /// Money given back on the 21st of each month.
    Refund,
    /// By use, with a burst on the 11th and 12th of each month: the anomaly to find.
    Bursty,
}

/// On which days there is something to charge. Recurring, so that every period has resources that come and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Days {
    #[default]
    All,
    /// Before the 15th.
    FirstHalf,
    /// From the 15th.
    SecondHalf,
    OddMonths,
    EvenMonths,
}

impl Days {
    fn have(self, day: Date) -> bool {
        match self {
            Self::All => true,
            Self::FirstHalf => day.day() < 15,
            Self::SecondHalf => day.day() >= 15,
            Self::OddMonths => day.month() % 2 == 1,
            Self::EvenMonths => day.month() % 2 == 0,
        }
    }
}

/// A resource on a meter. Several may be of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// The resource group, as somebody spelled it.
    pub(crate) group: String,
    pub(crate) service: &'static Service,
    pub(crate) region: &'static Region,
    pub(crate) meter: &'static Meter,
    pub(crate) tags: Vec<(&'static str, String)>,
    pub(crate) currency: &'static str,
    pub(crate) charge: Charge,
    pub(super) days: Days,
    /// Usage that a commitment pays for.
    pub(super) covers: Vec<Self>,
    /// Base cost per day in 10^-8 of the currency.
    pub(super) daily: i64,
    pub(super) seed: u64,
}

impl Line {
    /// The ARM id, in lower case as Cost Management reports it.
    pub(crate) fn id(&self, subscription: &str) -> String {
        let (group, kind) = (&self.group, self.service.resource_type);
        format!("/subscriptions/{subscription}/resourcegroups/{group}/providers/{kind}/{}", self.name)
            .to_lowercase()
    }

    /// The id of the order that it was bought with; of a reservation or a savings plan.
    pub(crate) fn order_id(&self) -> String {
        object_id("order", &self.name)
    }

    /// Its own id below that order.
    pub(crate) fn benefit_guid(&self) -> String {
        object_id("reservation", &self.name)
    }

    /// What it costs a day at first, in 10^-8 of the currency.
    pub(crate) const fn daily(&self) -> i64 {
        self.daily
    }

    /// What a whole day of use costs at first prices, in 10^-8: weekends, a slow growth, and a little noise.
    pub(super) fn used(&self, day: Date) -> i64 {
        if day < FIRST_DAY || !self.days.have(day) {
            return 0;
        }
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

    /// What of its part of a commitment it uses on a day: 60 to 100 per cent.
    pub(super) fn used_of_commitment(&self, day: Date) -> i64 {
        let age = u64::try_from((day - FIRST_DAY).get_days()).unwrap_or_default();
        let percent = 60 + i64::try_from(mix(self.seed, age) % 41).unwrap_or_default();
        self.daily * percent / 100
    }

    /// The price of one unit at first, in 10^-8.
    pub(super) fn first_price(&self) -> i64 {
        self.service.unit_price * self.region.price_percent / 100
    }

    /// The same on a day, in per cent: prices change with months, and are estimates until the month is final.
    pub(super) fn price_percents(&self, day: Date, is_final: bool) -> [i64; 2] {
        let month = if day.month() % 2 == 0 { self.service.even_month_percent } else { 100 };
        [month, if is_final { 100 } else { self.service.estimate_percent }]
    }
}

/// Units for `cost` at `price`, in 10^-8. What is free has its amount in units.
pub(super) fn quantity(cost: i64, price: i64) -> i64 {
    if price == 0 {
        return cost;
    }
    let quantity = i128::from(cost) * i128::from(UNIT) / i128::from(price);
    i64::try_from(quantity).unwrap_or(i64::MAX)
}

/// FNV-1a: a seed from a name.
pub(crate) fn seed(name: &str) -> u64 {
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
