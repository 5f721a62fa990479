//! Which roles show what: sentences for who has them not. A role that is missing is no error.

use cost::{BillingPart, Scope};

use crate::mcp::tools::scopes::called;

/// What takes a role of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    SavingsPlans,
    Reservations,
    Recommendations,
    Lots,
}

impl What {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::SavingsPlans => "how far each savings plan is used",
            Self::Reservations => "how far each reservation is used",
            Self::Recommendations => "recommendations",
            Self::Lots => "commitments to consume (MACC) and credits",
        }
    }
}

/// What subscriptions and groups have not, whoever asks.
const AT_BILLING_SCOPES: &str = "How far each single benefit is used, and what is left of commitments to consume (MACC) and credits, is \
                                 at billing scopes only. It takes a billing role there: Enterprise Administrator of an \
                                 enrolment, Billing account reader or Billing profile reader of a Customer Agreement. \
                                 Who has one names the billing scope in `scopes`.";

/// One sentence for each scope where a role is missing; one more where no scope is of billing.
pub(super) fn sentences(answered: &[Scope], missing: &[(Scope, What)]) -> Vec<String> {
    let mut scopes: Vec<&Scope> = Vec::new();
    for (scope, _) in missing {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let of = |scope: &&Scope| {
        let whats: Vec<_> =
            missing.iter().filter(|(of, _)| of == *scope).map(|(_, what)| what.words()).collect();
        format!(
            "At {}, your account lacks the role {}, without which Azure does not show: {}.",
            called(scope),
            role(scope),
            whats.join("; ")
        )
    };
    let mut said: Vec<String> = scopes.iter().map(of).collect();
    if !answered.iter().any(|scope| matches!(scope, Scope::Billing { .. })) {
        said.push(AT_BILLING_SCOPES.to_owned());
    }
    said
}

/// The least of the roles that show it.
fn role(scope: &Scope) -> &'static str {
    match scope {
        Scope::Billing { account, part: BillingPart::Whole } if account.as_str().contains(':') => {
            "Billing account reader"
        }
        Scope::Billing { part: BillingPart::Profile(_), .. } => "Billing profile reader",
        Scope::Billing { .. } => "Enterprise Administrator",
        _ => "Cost Management Reader",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(path: &str) -> Scope {
        path.parse().unwrap()
    }

    #[test]
    fn each_scope_is_said_once_with_its_own_role() {
        let enrolment = scope("/providers/Microsoft.Billing/billingAccounts/100");
        let profile = scope("/providers/Microsoft.Billing/billingAccounts/1:2/billingProfiles/p");
        let missing = [
            (enrolment.clone(), What::SavingsPlans),
            (enrolment.clone(), What::Lots),
            (profile.clone(), What::Reservations),
        ];
        let said = sentences(&[enrolment, profile], &missing);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("At billing account 100, ") && said[0].contains("Enterprise Administrator")
        );
        assert!(said[0].ends_with("each savings plan is used; commitments to consume (MACC) and credits."));
        assert!(said[1].contains("Billing profile reader"), "{said:?}");
        assert!(
            role(&scope("/providers/Microsoft.Billing/billingAccounts/1:2")).starts_with("Billing account")
        );
    }

    #[test]
    fn below_billing_scopes_nobody_is_shown_it() {
        let subscription = scope("/subscriptions/10000000-0000-4000-8000-000000000001");
        let said = sentences(std::slice::from_ref(&subscription), &[]);
        assert_eq!(said, [AT_BILLING_SCOPES]);
        let refused =
            sentences(std::slice::from_ref(&subscription), &[(subscription.clone(), What::Recommendations)]);
        assert!(refused[0].contains("Cost Management Reader") && refused.len() == 2, "{refused:?}");
    }
}
