//! What a query takes, and which queries need not be asked.

use std::sync::Arc;

use cost::{Query, QueryResult};

/// Azure counts by months of data: <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>.
const DAYS_OF_A_UNIT: u32 = 31;

/// The query units of a query.
pub(super) fn units(query: &Query) -> u32 {
    let period = query.period();
    let days = period.to().duration_since(period.from()).as_hours() / 24 + 1;
    u32::try_from(days.max(1)).unwrap_or(u32::MAX).div_ceil(DAYS_OF_A_UNIT)
}

/// The answer to `wanted`, if the answer to `asked` holds it.
pub(super) fn made_of(asked: &Query, answer: &Arc<QueryResult>, wanted: &Query) -> Option<Arc<QueryResult>> {
    (asked == wanted).then(|| Arc::clone(answer))
}
