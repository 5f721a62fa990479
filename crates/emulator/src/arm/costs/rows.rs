//! The rows of some days: the one source of every answer about costs.

use jiff::Span;
use jiff::civil::Date;

use super::line::{Charge, Line, quantity};
use super::planted::Change;
use super::row::{ChargeType, PricingModel, settings};
use super::{Basis, Inheritance, Row, Subscription, View, arrival};

/// Effective price of what a commitment pays for, in per cent of the list price.
const COMMITTED_PERCENT: i64 = 60;

/// What of the tenant, of which days, and how it is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) from: Date,
    /// The last day.
    pub(crate) to: Date,
    pub(crate) basis: Basis,
    pub(crate) view: &'a View,
}

/// The rows of one subscription, or of one resource group of it: day by day, in the order of the catalogue.
pub(crate) fn rows<'a>(
    subscription: &'a Subscription,
    group: Option<&'a str>,
    wanted: Wanted<'a>,
) -> impl Iterator<Item = Row<'a>> {
    let last = wanted.to.min(wanted.view.today());
    let first = wanted.from.max(super::FIRST_DAY);
    let days = first.series(Span::new().days(1)).take_while(move |day| *day <= last);
    days.flat_map(move |date| {
        let (is_final, inherits) = settings(date, wanted.view);
        let day = Day { date, subscription, wanted, is_final, inherits };
        let plants = &wanted.view.plants;
        let own = subscription.lines.iter().map(move |line| (line, plants.change(subscription, line, date)));
        let planted = plants.lines(subscription, date).map(|line| (line, Change::NONE));
        let made = own.chain(planted).flat_map(move |(line, change)| day.rows(line, change));
        made.filter(move |row| group.is_none_or(|group| group.eq_ignore_ascii_case(&row.line.group)))
    })
}

#[derive(Clone, Copy)]
struct Day<'a> {
    date: Date,
    subscription: &'a Subscription,
    wanted: Wanted<'a>,
    is_final: bool,
    inherits: Inheritance,
}

impl<'a> Day<'a> {
    fn rows(self, line: &'a Line, change: Change) -> Vec<Row<'a>> {
        let mut rows = match line.charge {
            _ if !change.is_charged => Vec::new(),
            Charge::Usage | Charge::Bursty | Charge::Marketplace => {
                vec![self.usage(line, PricingModel::OnDemand, change)]
            }
            Charge::Spot => vec![self.usage(line, PricingModel::Spot, change)],
            Charge::MarketplacePurchase => self.at_once(line, 3, ChargeType::Purchase, line.daily),
            Charge::Refund => self.at_once(line, 21, ChargeType::Refund, -line.daily),
            Charge::Reservation => {
                self.commitment(line, PricingModel::Reservation, ChargeType::UnusedReservation, change)
            }
            Charge::SavingsPlan => {
                self.commitment(line, PricingModel::SavingsPlan, ChargeType::UnusedSavingsPlan, change)
            }
        };
        rows.retain(|row| row.cost != 0 || row.quantity != 0);
        rows
    }

    /// By use: as much as is known of the day yet.
    fn usage(self, line: &'a Line, pricing_model: PricingModel, change: Change) -> Row<'a> {
        let percents =
            line.price_percents(self.date, self.is_final).into_iter().chain([change.price_percent]);
        let priced = |amount: i64| percents.clone().fold(amount, |amount, percent| amount * percent / 100);
        let amount = self.known(priced(line.used(self.date) * change.used_percent / 100));
        let price = priced(line.first_price());
        let cost = if price == 0 { 0 } else { amount };
        Row { pricing_model, cost, quantity: quantity(amount, price), unit_price: price, ..self.row(line) }
    }

    /// Charged on one day of the month, all of it.
    fn at_once(self, line: &'a Line, on: i8, charge_type: ChargeType, cost: i64) -> Vec<Row<'a>> {
        if self.date.day() != on || !arrival::is_charged(self.date, self.wanted.view.now) {
            return Vec::new();
        }
        let price = line.first_price();
        vec![Row { charge_type, cost, quantity: quantity(cost, price), unit_price: price, ..self.row(line) }]
    }

    /// A purchase, and usage for nothing; or usage at what it was bought for, and what is left unused. What it does not cover is
    /// paid on demand beside it.
    fn commitment(
        self,
        line: &'a Line,
        model: PricingModel,
        unused: ChargeType,
        change: Change,
    ) -> Vec<Row<'a>> {
        let of_it = |row: Row<'a>| Row { pricing_model: model, commitment: Some(line), ..row };
        let (covers, on_demand) =
            if change.covers { (&line.covers[..], &[][..]) } else { (&[][..], &line.covers[..]) };
        let on_demand = on_demand.iter().map(|covered| self.uncovered(covered));
        let covered = covers.iter().map(|covered| {
            let price = covered.first_price() * COMMITTED_PERCENT / 100;
            let cost = self.known(covered.used_of_commitment(self.date));
            of_it(Row { cost, quantity: quantity(cost, price), unit_price: price, ..self.row(covered) })
        });
        match self.wanted.basis {
            Basis::Actual => {
                let whole = line.daily * i64::from(self.date.days_in_month());
                let bought = self.at_once(line, 1, ChargeType::Purchase, whole).into_iter().map(of_it);
                let covered = covered.map(|row| Row { cost: 0, unit_price: 0, ..row });
                bought.chain(covered).chain(on_demand).collect()
            }
            Basis::Amortized => {
                let mut rows: Vec<_> = covered.collect();
                let cost = self.known(line.daily) - rows.iter().map(|row| row.cost).sum::<i64>();
                let price = line.first_price();
                let unused = Row {
                    charge_type: unused,
                    cost,
                    quantity: quantity(cost, price),
                    unit_price: price,
                    ..self.row(line)
                };
                rows.push(of_it(unused));
                rows.extend(on_demand);
                rows
            }
        }
    }

    /// Usage that a commitment paid for, on demand.
    fn uncovered(self, covered: &'a Line) -> Row<'a> {
        let price = covered.first_price();
        let cost = self.known(covered.used_of_commitment(self.date)) * 100 / COMMITTED_PERCENT;
        Row { cost, quantity: quantity(cost, price), unit_price: price, ..self.row(covered) }
    }

    fn known(self, amount: i64) -> i64 {
        amount * arrival::known_percent(self.date, self.wanted.view.now) / 100
    }

    fn row(self, line: &'a Line) -> Row<'a> {
        Row {
            date: self.date,
            subscription: self.subscription,
            line,
            charge_type: ChargeType::Usage,
            pricing_model: PricingModel::OnDemand,
            commitment: None,
            quantity: 0,
            unit_price: 0,
            cost: 0,
            is_final: self.is_final,
            inherits: self.inherits,
        }
    }
}
