//! Reservations, savings plans and money that was promised to Microsoft: how much of the usage they cover, what of them is used,
//! what more would save, what is left.
//!
//! | what | asked as | who may |
//! |---|---|---|
//! | coverage, utilization, waste | a question about amortized costs ([`commitment_question`], [`committed()`]) | who reads costs |
//! | which benefit wastes | one more question ([`unused_question`]) | who reads costs |
//! | each benefit's utilization | two lists of a billing scope ([`benefit_uses`]) | billing roles |
//! | recommendations | a list of most scopes ([`Recommendation`]) | who reads costs there |
//! | commitments to consume, credits | a list of a billing scope ([`Lot`]) | billing roles |

pub use benefits::{BenefitDay, BenefitUse, benefit_uses};
pub use committed::{Committed, CommittedFigures, committed};
pub use lists::{ListPages, Listing};
pub use lots::Lot;
pub use recommended::Recommendation;

use crate::period::Period;
use crate::query::{Granularity, Grouping, Metric};
use crate::question::{Condition, Measures, Question};

mod benefits;
mod committed;
mod lists;
mod lots;
mod recommended;
#[cfg(test)]
mod tests;

/// What a commitment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitmentKind {
    /// Of resources of one size or service.
    Reservation,
    /// Of money an hour.
    SavingsPlan,
}

impl CommitmentKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Reservation, Self::SavingsPlan];

    /// The kind that the path of a benefit names.
    pub fn of_benefit(id: &str) -> Option<Self> {
        let id = id.to_ascii_lowercase();
        if id.contains("/microsoft.capacity/") {
            return Some(Self::Reservation);
        }
        id.contains("/microsoft.billingbenefits/").then_some(Self::SavingsPlan)
    }

    /// Azure's charge for what of it nobody used.
    const fn unused(self) -> &'static str {
        match self {
            Self::Reservation => "UnusedReservation",
            Self::SavingsPlan => "UnusedSavingsPlan",
        }
    }
}

/// What is asked to know how far usage is covered and commitments are used; [`committed()`] reads the answer.
pub fn commitment_question(period: Period) -> Question {
    amortized(period, &["PricingModel", "ChargeType"], Vec::new())
}

/// What is asked to know which commitments were not used, by id and name.
pub fn unused_question(period: Period) -> Question {
    let values = CommitmentKind::ALL.map(|kind| kind.unused().to_owned()).to_vec();
    let unused = Condition { by: Grouping::Dimension("ChargeType".to_owned()), values };
    amortized(period, &["BenefitId", "BenefitName"], vec![unused])
}

fn amortized(period: Period, by: &[&str], filter: Vec<Condition>) -> Question {
    Question {
        metric: Metric::Amortized,
        period,
        granularity: Granularity::None,
        grouping: by.iter().map(|name| Grouping::Dimension((*name).to_owned())).collect(),
        filter,
        exclude: Vec::new(),
        measures: Measures::default(),
    }
}
