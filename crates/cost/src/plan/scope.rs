//! What a scope does not take of a plan.

use crate::invalid::InvalidQuery;
use crate::query::{Filter, Query};
use crate::scope::Scope;

/// Refuses a filter on names of subscriptions alone in a management group: an Enterprise Agreement's wants their ids beside them
/// (<https://learn.microsoft.com/azure/cost-management-billing/costs/understand-work-scopes>). Who asks resolves the names.
pub(crate) fn check(queries: &[Query], scope: &Scope) -> Result<(), InvalidQuery> {
    let is_group = matches!(scope, Scope::ManagementGroup(_));
    let by_name_alone =
        |filter: &Filter| names(filter, "SubscriptionName") && !names(filter, "SubscriptionId");
    if is_group && queries.iter().filter_map(Query::filter).any(by_name_alone) {
        return Err(InvalidQuery::NamesWithoutIds);
    }
    Ok(())
}

fn names(filter: &Filter, dimension: &str) -> bool {
    match filter {
        Filter::Dimension { name, .. } => name.eq_ignore_ascii_case(dimension),
        Filter::Tag { .. } => false,
        Filter::And(children) | Filter::Or(children) => children.iter().any(|child| names(child, dimension)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::period::Period;
    use crate::query::Metric;

    #[test]
    fn a_management_group_takes_names_of_subscriptions_beside_ids() {
        let period = Period::new(date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 22)).unwrap();
        let group: Scope = "/providers/Microsoft.Management/managementGroups/root".parse().unwrap();
        let account: Scope = "/providers/Microsoft.Billing/billingAccounts/100".parse().unwrap();
        let named = || Filter::dimension("subscriptionname", ["Prod"]);
        let id = || Filter::dimension("SubscriptionId", ["10000000-0000-4000-8000-000000000001"]);
        let refused = Err(InvalidQuery::NamesWithoutIds);
        for (filter, expected) in [
            (named(), refused.clone()),
            (Filter::And(vec![Filter::tag("SubscriptionId", ["x"]), named()]), refused),
            (Filter::And(vec![named(), id()]), Ok(())),
            (id(), Ok(())),
        ] {
            let queries = [Query::builder(Metric::Actual, period).filter(filter.clone()).build().unwrap()];
            assert_eq!(check(&queries, &group), expected, "{filter:?}");
            assert_eq!(check(&queries, &account), Ok(()), "{filter:?}");
        }
    }
}
