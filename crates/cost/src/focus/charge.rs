//! What kind of charge a line is: Azure's words, and what FOCUS makes of them.

/// A type of charge.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Charge {
    /// Azure's word.
    azure: &'static str,
    /// FOCUS's ChargeCategory.
    pub(super) category: &'static str,
    /// FOCUS's ChargeClass.
    pub(super) class: Option<&'static str>,
    /// What was consumed is counted by rows of usage alone.
    pub(super) consumes: bool,
    /// FOCUS's CommitmentDiscountStatus, where there is a commitment.
    pub(super) status: Option<&'static str>,
}

pub(super) const USAGE: &str = "Usage";
pub(super) const PURCHASE: &str = "Purchase";
pub(super) const TAX: &str = "Tax";

const CHARGES: [Charge; 7] = [
    charge("Usage", USAGE, None, true, Some("Used")),
    charge("UnusedReservation", USAGE, None, false, Some("Unused")),
    charge("UnusedSavingsPlan", USAGE, None, false, Some("Unused")),
    charge("Purchase", PURCHASE, None, false, None),
    charge("Refund", PURCHASE, Some("Correction"), false, None),
    charge("Credit", "Credit", None, false, None),
    charge("Tax", TAX, None, false, None),
];

/// All others.
const ADJUSTMENT: Charge = charge("", "Adjustment", None, false, None);

const fn charge(
    azure: &'static str,
    category: &'static str,
    class: Option<&'static str>,
    consumes: bool,
    status: Option<&'static str>,
) -> Charge {
    Charge { azure, category, class, consumes, status }
}

impl Charge {
    pub(super) fn of(azure: &str) -> &'static Self {
        let same = |charge: &&Self| charge.azure.eq_ignore_ascii_case(azure);
        CHARGES.iter().find(same).unwrap_or_else(Self::adjustment)
    }

    pub(super) const fn adjustment() -> &'static Self {
        &ADJUSTMENT
    }

    /// What the actual report has beside covered usage, the same way the amortized report spreads it.
    pub(super) fn is_beside_usage(&self) -> bool {
        self.category != USAGE
    }

    /// Of usage and purchases FOCUS wants prices, quantities and ids, unless they correct others.
    pub(super) fn is_priced(&self) -> bool {
        self.class.is_none() && (self.category == USAGE || self.category == PURCHASE)
    }
}

/// How a line is priced.
#[derive(Debug)]
pub(super) struct Model {
    azure: &'static str,
    /// FOCUS's PricingCategory of usage.
    pub(super) category: &'static str,
    /// Under a reservation or a savings plan.
    pub(super) is_committed: bool,
}

const MODELS: [Model; 4] = [
    Model { azure: "OnDemand", category: "Standard", is_committed: false },
    Model { azure: "Spot", category: "Dynamic", is_committed: false },
    Model { azure: "Reservation", category: "Committed", is_committed: true },
    Model { azure: "SavingsPlan", category: "Committed", is_committed: true },
];

/// All others, and what Azure does not say.
const OTHER: Model = Model { azure: "", category: "Other", is_committed: false };

impl Model {
    /// Blanks aside: Microsoft's pages write `Savings Plan` too.
    pub(super) fn of(azure: &str) -> &'static Self {
        let same = |model: &&Self| {
            let letters =
                azure.bytes().filter(|letter| *letter != b' ').map(|letter| letter.to_ascii_lowercase());
            letters.eq(model.azure.bytes().map(|letter| letter.to_ascii_lowercase()))
        };
        MODELS.iter().find(same).unwrap_or(&OTHER)
    }
}

/// A kind of commitment.
#[derive(Debug)]
pub(super) struct Kind {
    /// What stands in the ids of its kind.
    provider: &'static str,
    /// FOCUS's CommitmentDiscountCategory.
    pub(super) category: &'static str,
    /// FOCUS's CommitmentDiscountType.
    pub(super) name: &'static str,
}

const RESERVATION: Kind = Kind { provider: "/microsoft.capacity/", category: "Usage", name: "Reservation" };
const SAVINGS_PLAN: Kind =
    Kind { provider: "/microsoft.billingbenefits/", category: SPEND, name: "Savings Plan" };

/// What a savings plan commits to.
pub(super) const SPEND: &str = "Spend";

impl Kind {
    /// By the id of a benefit. `None` where it is of no commitment.
    pub(super) fn of(id: &str) -> Option<&'static Self> {
        [&RESERVATION, &SAVINGS_PLAN].into_iter().find(|kind| contains(id, kind.provider))
    }

    pub(super) fn reservation() -> &'static Self {
        &RESERVATION
    }
}

/// Regardless of case, and without a copy.
fn contains(text: &str, small: &str) -> bool {
    text.as_bytes().windows(small.len()).any(|part| part.eq_ignore_ascii_case(small.as_bytes()))
}

/// FOCUS's ChargeFrequency, which has no "Other". A purchase is never based on usage.
pub(super) fn frequency(azure: &str, charge: &Charge) -> &'static str {
    let is = |word: &str| azure.eq_ignore_ascii_case(word);
    if is("Recurring") {
        "Recurring"
    } else if is("OneTime") || charge.category == PURCHASE || (charge.category != USAGE && !is("UsageBased"))
    {
        "One-Time"
    } else {
        "Usage-Based"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        assert_eq!(Charge::of("unusedreservation").status, Some("Unused"));
        assert_eq!(Charge::of("RoundingAdjustment").category, "Adjustment");
        assert_eq!(Charge::of("").category, "Adjustment");
        assert!(Model::of("Savings Plan").is_committed && Model::of("RESERVATION").is_committed);
        assert_eq!(Model::of("anything").category, "Other");
        let id = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/a/savingsPlans/b";
        assert_eq!(Kind::of(id).unwrap().name, "Savings Plan");
        assert!(Kind::of("/providers/microsoft.maintenance/x").is_none() && Kind::of("").is_none());
    }

    #[test]
    fn a_frequency_is_one_of_three() {
        for (azure, charge, expected) in [
            ("UsageBased", "Usage", "Usage-Based"),
            ("", "Usage", "Usage-Based"),
            ("OneTime", "Usage", "One-Time"),
            ("recurring", "Purchase", "Recurring"),
            ("UsageBased", "Purchase", "One-Time"),
            ("UsageBased", "Refund", "One-Time"),
            ("", "Tax", "One-Time"),
            ("UsageBased", "Credit", "Usage-Based"),
        ] {
            assert_eq!(frequency(azure, Charge::of(charge)), expected, "{azure} {charge}");
        }
    }
}
