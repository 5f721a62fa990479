//! The answer of `cost_commitments`: the figures, what they mean, and what to do next.

use cost::{CommitmentKind, Committed, CommittedFigures, Lot, Money, Recommendation, Scope};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

use super::beside::Beside;
use super::output::{Benefit, Credit, Figures, Output, Recommended};
use super::roles;
use crate::mcp::answer::Answer;
use crate::mcp::foreign;
use crate::mcp::tools::money::{percent, readable};
use crate::mcp::tools::period::{Days, PeriodOutput};
use crate::mcp::tools::scopes::called;
use crate::mcp::tools::table::Table;
use crate::mcp::tools::told::{AzureUse, MOST_BYTES, MOST_TEXT, Partial, length, missing};

/// What is known when the answer is written.
pub(super) struct Known {
    pub(super) title: String,
    pub(super) answered: Vec<Scope>,
    pub(super) notes: Vec<String>,
    pub(super) days: Days,
    pub(super) committed: Vec<Committed>,
    pub(super) complete_until: Date,
    pub(super) beside: Beside,
    pub(super) partial: Vec<Partial>,
    pub(super) azure: AzureUse,
}

/// The most benefits that a text shows, recommendations and credits.
const MOST_SHOWN: usize = 8;
const MOST_LINES: usize = 3;

const NOTHING_COMMITTED: &str = "No reservation or savings plan is charged to these costs: none was bought, those there are apply to other \
                                 subscriptions, or the offer has none.";
const NO_AIM: &str = "Coverage counts all usage on demand, storage, traffic and marketplace products too, which no commitment covers: \
                      100 % is no aim.";
const USE_FIRST: &str = "Use what is paid for before buying more: let these benefits apply to more subscriptions (shared scope), move usage to \
                         what they cover, or exchange them.";
const WHERE_UNUSED: &str = "What of a shared reservation nobody used may be charged at the billing scope or with the subscription that bought \
                            it; Azure does not say which. So waste of other subscriptions may be in here, or some may be missing: the \
                            billing scope shows all of it.";

impl Known {
    /// The answer.
    pub(super) fn answer(mut self) -> Answer<Output> {
        let benefits = Benefit::all(&self.beside.unused, self.beside.uses.as_deref());
        self.notes.append(&mut self.beside.notes);
        let mut output = self.output();
        self.fill(&mut output, benefits);
        let head = self.head();
        let tail = self.tail(&output);
        let table = table(&output, head.len() + tail.len());
        Answer { text: format!("{head}{table}{tail}"), data: output }
    }

    fn output(&self) -> Output {
        Output {
            currencies: self.committed.iter().map(Figures::from).collect(),
            benefits: None,
            recommendations: None,
            credits: None,
            missing_roles: roles::sentences(&self.answered, &self.beside.missing),
            period: PeriodOutput::from(self.days),
            complete_until: self.complete_until,
            scopes: self.answered.iter().map(ToString::to_string).collect(),
            partial: self.partial.clone(),
            notes: self.notes.clone(),
            azure: self.azure.clone(),
        }
    }

    /// Puts as many entries into the data as it has room for, and says how many it has not.
    fn fill(&self, output: &mut Output, benefits: Vec<Benefit>) {
        // Room for a text as long as it may be, and for what is said of what is left out.
        let mut room = (MOST_BYTES - MOST_TEXT - 500).saturating_sub(length(output));
        let mut left = Vec::new();
        let mut fitting = |what: &str, found: usize, shown: usize| {
            if shown < found {
                left.push(format!("{} {what} did not fit in: ask for fewer scopes.", found - shown));
            }
        };
        if let Some(all) = &self.beside.recommendations {
            let (found, shown) = fit(all.iter().map(Recommended::new), &mut room);
            fitting("recommendations", found, shown.len());
            output.recommendations = Some(shown);
        }
        if let Some(all) = &self.beside.lots {
            let (found, shown) = fit(all.iter().map(Credit::new), &mut room);
            fitting("commitments and credits", found, shown.len());
            output.credits = Some(shown);
        }
        if !benefits.is_empty() || self.beside.uses.is_some() {
            let (found, shown) = fit(benefits.into_iter(), &mut room);
            fitting("benefits, those with the least waste,", found, shown.len());
            output.benefits = Some(shown);
        }
        output.notes.extend(left);
    }

    fn head(&self) -> String {
        let mut lines = vec![format!("{}, amortized costs {}:{}", self.title, self.days, self.days.note())];
        lines.extend(self.committed.iter().flat_map(currency_lines));
        if self.committed.is_empty() {
            lines.push(self.no_costs());
        } else if self.committed.iter().all(|one| one.by_kind.is_empty()) {
            lines.push(NOTHING_COMMITTED.to_owned());
        }
        lines.join("\n")
    }

    fn no_costs(&self) -> String {
        if self.days.period.from() > self.complete_until {
            return format!(
                "There are no costs yet: they are complete up to {}, and later days are still arriving.",
                self.complete_until
            );
        }
        "There are no costs: nothing was used there, or these are not the right days or scopes.".to_owned()
    }

    fn tail(&self, output: &Output) -> String {
        let mut lines = Vec::new();
        if self.committed.iter().any(|one| !one.whole.unused_cost.is_zero()) {
            lines.push(USE_FIRST.to_owned());
        }
        if self.committed.iter().any(|one| one.whole.coverage.is_ok()) {
            lines.push(NO_AIM.to_owned());
        }
        let is_billing = |scope: &Scope| matches!(scope, Scope::Billing { .. });
        if !self.answered.iter().all(is_billing) && self.committed.iter().any(|one| !one.by_kind.is_empty()) {
            lines.push(WHERE_UNUSED.to_owned());
        }
        lines.extend(self.beside.recommendations.iter().flatten().take(MOST_LINES).map(recommended));
        lines.extend(self.beside.lots.iter().flatten().take(MOST_LINES).map(left));
        lines.extend(output.missing_roles.iter().take(MOST_LINES).cloned());
        lines.extend(missing(&self.partial));
        lines.extend(output.notes.iter().take(MOST_LINES).map(|note| foreign::message(note)));
        lines.extend(self.days.caution().map(str::to_owned));
        lines.push(self.azure.line());
        format!("\n{}", lines.join("\n"))
    }
}

/// The benefits as far as there is room beside so much other text.
fn table(output: &Output, others: usize) -> String {
    let wasted: Vec<&Benefit> =
        output.benefits.iter().flatten().filter(|one| one.line.is_some() || one.used.is_some()).collect();
    if wasted.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["Benefit", "Kind", "Used", "Not used"]);
    let mut shown = 0;
    for one in wasted.iter().take(MOST_SHOWN) {
        let line = benefit_line(one);
        if others + table.len() + line.len() + 200 > MOST_TEXT {
            break;
        }
        table.push(&line);
        shown += 1;
    }
    let rest = wasted.len() - shown;
    let more = if rest > 0 { format!("{rest} more are in the data.\n") } else { String::new() };
    format!("\n\n{}{more}", table.into_text())
}

/// The first entries that fit into so many bytes, and how many there are.
fn fit<T: Serialize>(all: impl ExactSizeIterator<Item = T>, room: &mut usize) -> (usize, Vec<T>) {
    let found = all.len();
    let mut shown = Vec::new();
    for one in all {
        let bytes = length(&one) + 1;
        if bytes > *room {
            break;
        }
        *room -= bytes;
        shown.push(one);
    }
    (found, shown)
}

fn currency_lines(one: &Committed) -> Vec<String> {
    let money = |amount| readable(Money::new(amount, one.currency));
    let CommittedFigures { committed_cost, on_demand_cost, unused_cost, .. } = one.whole;
    if one.by_kind.is_empty() {
        return vec![format!("{}: nothing is committed; {} on demand.", one.currency, money(on_demand_cost))];
    }
    let mut lines = vec![format!(
        "{}: commitments cover {} of usage ({}, beside {} on demand). Of what is paid for {} is used; {} is not.",
        one.currency,
        part(&one.whole.coverage),
        money(committed_cost),
        money(on_demand_cost),
        part(&one.whole.utilization),
        money(unused_cost)
    )];
    for (kind, figures) in &one.by_kind {
        lines.push(format!(
            "- {}: {} is used; {} of usage, {} unused.",
            kind_title(*kind),
            part(&figures.utilization),
            money(figures.committed_cost),
            money(figures.unused_cost)
        ));
    }
    lines
}

const fn kind_title(kind: CommitmentKind) -> &'static str {
    match kind {
        CommitmentKind::Reservation => "Reservations",
        CommitmentKind::SavingsPlan => "Savings plans",
    }
}

fn part(ratio: &Result<Decimal, &'static str>) -> String {
    ratio.map_or_else(|_| "nothing".to_owned(), |ratio| percent(Some(ratio)))
}

fn benefit_line(one: &Benefit) -> String {
    let name = one.name.clone().or_else(|| one.sku.clone()).unwrap_or_else(|| "–".to_owned());
    let used = one.used.map_or_else(|| "–".to_owned(), |used| percent(Some(used)));
    let unused = one.line.as_ref().map_or_else(|| "–".to_owned(), |line| readable(line.cost));
    Table::line(&[name, one.kind.unwrap_or("–").to_owned(), used, unused])
}

fn recommended((scope, one): &(Scope, Recommendation)) -> String {
    let money = |amount| readable(Money::new(amount, one.currency));
    let share = one.saving_share.map(|share| format!(" ({})", percent(Some(share)))).unwrap_or_default();
    let word = |text: Option<&str>| in_words(text.unwrap_or("an unknown time"));
    format!(
        "Azure recommends for {}: a {} of {} {} for {}; it would have saved {}{share} in {}.",
        called(scope),
        in_words(&one.kind),
        money(one.commitment),
        word(one.granularity.as_deref()),
        word(one.term.as_deref()),
        money(one.saving),
        word(one.look_back.as_deref())
    )
}

/// What Azure's words are to people; one that is not known stands as it is.
fn in_words(word: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("SavingsPlan", "savings plan"),
        ("Reservation", "reservation"),
        ("Hourly", "an hour"),
        ("P1Y", "one year"),
        ("P3Y", "three years"),
        ("Last7Days", "the last 7 days"),
        ("Last30Days", "the last 30 days"),
        ("Last60Days", "the last 60 days"),
    ];
    let known = WORDS.iter().find(|(azure, _)| azure.eq_ignore_ascii_case(word));
    known.map_or_else(|| foreign::name(word), |(_, ours)| (*ours).to_owned())
}

fn left((scope, lot): &(Scope, Lot)) -> String {
    let what = if lot.is_commitment() { "Commitment to consume (MACC)" } else { "Credit" };
    let balance = lot.balance.map_or_else(|| "an unknown part".to_owned(), readable);
    let until = lot.expires.map(|day| format!(", until {day}")).unwrap_or_default();
    format!(
        "{what} of {}: {balance} of {} was left at the last invoice{until}.",
        called(scope),
        readable(lot.original)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cost::{Breakdown, Line, Quantity};
    use jiff::civil::date;

    use super::*;

    /// Benefits of long names that act on whatever shows them, and no figures but their waste.
    fn known(benefits: usize) -> Known {
        let (from, to) = (date(2026, 10, 1), date(2026, 10, 31));
        let line = |number: usize| Line {
            keys: Arc::new([
                Some(format!(
                    "/providers/microsoft.capacity/reservationorders/{number}/reservations/{number}"
                )),
                Some(format!("{number:04} {}", "[x](y)|`<b>`".repeat(9))),
            ]),
            date: None,
            cost: Money::new(Decimal::from(number), "EUR".parse().unwrap()),
            quantity: Quantity::NotAsked,
            usd: None,
        };
        let unused = Breakdown { lines: (1..=benefits).map(line).collect(), without_figure: 0 };
        Known {
            title: "Contoso".to_owned(),
            answered: vec!["/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap()],
            notes: Vec::new(),
            days: Days::between(from, to, date(2026, 11, 22)).unwrap_or_else(|_| panic!("no days")),
            committed: Vec::new(),
            complete_until: date(2026, 11, 20),
            beside: Beside { unused, ..Beside::default() },
            partial: Vec::new(),
            azure: AzureUse::default(),
        }
    }

    #[test]
    fn what_does_not_fit_in_is_the_least_waste_and_is_counted() {
        for (benefits, fits) in [(3, true), (500, false)] {
            let Answer { text, data } = known(benefits).answer();
            let data = serde_json::to_value(&data).unwrap();
            let (shown, bytes) = (data["benefits"].as_array().unwrap(), data.to_string().len());
            assert!(text.len() <= MOST_TEXT && text.len() + bytes <= MOST_BYTES, "{} + {bytes}", text.len());
            assert_eq!(shown[0]["unused"]["amount"], benefits.to_string(), "the dearest is the first");
            assert_eq!(shown.len() == benefits, fits);
            let left =
                format!("{} benefits, those with the least waste, did not fit in", benefits - shown.len());
            assert_eq!(data["notes"].to_string().contains(&left), !fits, "{}", data["notes"]);
            assert_eq!(text.contains("more are in the data."), !fits, "{text}");
            assert!(!text.contains("[x](y)"), "{text}");
        }
    }

    /// Reservations and savings plans in so many currencies: much text above the benefits.
    fn in_currencies(count: u8) -> Vec<Committed> {
        let line = |currency: &str, model: &str, charge: &str| Line {
            keys: Arc::new([Some(model.to_owned()), Some(charge.to_owned())]),
            date: None,
            cost: Money::new(Decimal::from(1_234_567), currency.parse().unwrap()),
            quantity: Quantity::NotAsked,
            usd: None,
        };
        let lines = |number: u8| {
            let currency = format!("AA{}", char::from(b'A' + number));
            [
                line(&currency, "Reservation", "Usage"),
                line(&currency, "SavingsPlan", "Usage"),
                line(&currency, "Reservation", "UnusedReservation"),
            ]
        };
        cost::committed(&Breakdown { lines: (0..count).flat_map(lines).collect(), without_figure: 0 })
            .unwrap()
    }

    #[test]
    fn benefits_have_the_room_that_other_text_leaves() {
        let shown = |currencies: u8| {
            let text = Known { committed: in_currencies(currencies), ..known(500) }.answer().text;
            assert!(text.len() <= MOST_TEXT, "{} with {currencies} currencies", text.len());
            let rows = text.lines().filter(|line| line.starts_with("| 0")).count();
            assert!(text.contains("more are in the data."), "{text}");
            rows
        };
        let rows: Vec<usize> = (0..=13).map(shown).collect();
        assert_eq!(rows[0], MOST_SHOWN);
        assert!(rows.is_sorted_by(|fewer, more| fewer >= more) && rows[13] < MOST_SHOWN, "{rows:?}");
    }

    #[test]
    fn nothing_says_why() {
        let told = |known: Known| known.answer().text;
        assert!(told(known(0)).contains("There are no costs: nothing was used there"));
        let early = Known { complete_until: date(2026, 9, 30), ..known(0) };
        assert!(told(early).contains("There are no costs yet: they are complete up to 2026-09-30"));
    }
}
