//! The answers to a plan as lines.

use std::sync::Arc;

use super::{Plan, meter, unit};
use crate::breakdown::{Breakdown, Cell, Cells, Keys, Line, Quantity, Rolled, Used, values};
use crate::chunks::Chunks;
use crate::error::Error;
use crate::money::{AmountOverflow, Money};
use crate::query::{Beside, QueryResult};

/// Joins the answers to a plan's two kinds of queries.
pub(super) fn joined(
    plan: &Plan,
    costs: &[Arc<QueryResult>],
    usd: &[Arc<QueryResult>],
) -> Result<Breakdown, Error> {
    let shown: Vec<usize> = (0..plan.question.grouping.len()).collect();
    let Some(places) = Places::of(plan, &shown) else { return Ok(Breakdown::default()) };
    let usd = plan.usd.as_ref().map(|asked| asked.added_up(usd, &shown)).transpose()?;
    let costs_of = |places: &[usize]| plan.costs.added_up(costs, places);
    let lines = if plan.costs.beside() == Some(Beside::Quantity) {
        lines_with_quantity(&costs_of(&places.all)?, &places, usd.as_ref())?
    } else {
        lines(costs_of(&shown)?, plan)?
    };
    let without_figure = costs.iter().map(|answer| answer.without_figure).sum();
    Ok(Breakdown { lines, without_figure })
}

/// Which of the groups that Azure is asked for make a quantity's key.
struct Places {
    /// The groups to add up by: what is shown, then meter and unit where they are not.
    all: Vec<usize>,
    shown: usize,
    /// Where among these the meter is.
    meter: Option<usize>,
    unit: Option<usize>,
}

impl Places {
    fn of(plan: &Plan, shown: &[usize]) -> Option<Self> {
        let selection = plan.costs.selection()?;
        let mut all = shown.to_vec();
        let mut place = |by| {
            let place = selection.place(&by)?;
            let known = all.iter().position(|known| *known == place);
            known.or_else(|| {
                all.push(place);
                Some(all.len() - 1)
            })
        };
        let (meter, unit) = (place(meter()), place(unit()));
        Some(Self { all, shown: shown.len(), meter, unit })
    }
}

fn lines(cells: Cells, plan: &Plan) -> Result<Chunks<Line>, AmountOverflow> {
    let quantity = if plan.wants_quantity() { Quantity::NotAskable } else { Quantity::NotAsked };
    let in_usd = plan.costs.beside() == Some(Beside::Usd);
    let line = |(keys, cell): (Keys, Cell)| {
        Ok(Line {
            keys,
            date: cell.date,
            cost: Money::new(cell.cost.amount()?, cell.currency),
            quantity: quantity.clone(),
            usd: cell.beside().filter(|_| in_usd).map(|sum| sum.amount()).transpose()?,
        })
    };
    cells.into_left().map(line).collect()
}

/// Cells of one meter each as lines, which have a quantity where they are of one.
fn lines_with_quantity(
    cells: &Cells,
    places: &Places,
    usd: Option<&Cells>,
) -> Result<Chunks<Line>, AmountOverflow> {
    let mut rolled = Rolled::default();
    for cell in cells.iter() {
        let keys = cells.keys(cell);
        let named = |place: Option<usize>| place.and_then(|place| keys.get(place).cloned().flatten());
        let quantity = match cell.beside() {
            Some(sum) => Used::of(named(places.meter), named(places.unit), sum.amount()?)?,
            None => Used::Without(Quantity::NoFigure),
        };
        let cost = Money::new(cell.cost.amount()?, cell.currency);
        rolled.add(values(&keys).take(places.shown), cell.date, cost, quantity, None)?;
    }
    let mut lines = rolled.lines()?;
    for line in lines.iter_mut() {
        // Of a line that is left because something was used, all dollars may have been taken off.
        let sum = usd.and_then(|usd| usd.beside(&values(&line.keys), line.date, line.cost.currency));
        line.usd = sum.map(|sum| sum.amount()).transpose()?;
    }
    Ok(lines)
}
