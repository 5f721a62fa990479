//! What a caller can ask wrongly, told before Azure is asked. Knows nothing of HTTP.

use jiff::civil::Date;

/// A question Azure would refuse, or, worse, would answer only in part.
///
/// The limits are Microsoft's guard rails for Cost Management queries; the tools there cut a question down
/// silently, this crate refuses it instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQuery {
    /// The period ends before it starts.
    #[error("the period starts on {from} and ends before that, on {to}")]
    FromAfterTo {
        /// First day asked for.
        from: Date,
        /// Last day asked for.
        to: Date,
    },
    /// The period starts earlier than Azure keeps for this question.
    #[error("the period starts on {from}; the earliest day Azure answers here is {earliest}")]
    TooEarly {
        /// First day asked for.
        from: Date,
        /// First day that can be asked for.
        earliest: Date,
    },
    /// The period is longer than Azure answers in one question.
    #[error("the period {from} to {to} is too long: {limit}; ask for shorter periods one by one")]
    TooLong {
        /// First day asked for.
        from: Date,
        /// Last day asked for.
        to: Date,
        /// The limit in words, such as `daily costs go up to 31 days`.
        limit: &'static str,
    },
    /// A forecast of days that are over.
    #[error("the period ends on {to}, and a forecast is of days after today, {today}")]
    NotAhead {
        /// Last day asked for.
        to: Date,
        /// Today.
        today: Date,
    },
    /// More groupings than Azure takes.
    #[error("{0} groupings asked for; at most 2 are possible")]
    TooManyGroupings(usize),
    /// The same grouping twice.
    #[error("the same grouping is asked for twice")]
    DuplicateGrouping,
    /// A dimension or tag without a usable name.
    #[error("a dimension or tag name is empty, too long or holds control characters")]
    BadName,
    /// `and`/`or` with fewer than two children.
    #[error("a filter's `and` and `or` need two conditions or more; write a single condition without them")]
    TooFewConditions,
    /// A condition that lists no value.
    #[error("a filter condition lists no values")]
    NoValues,
    /// A condition on "no value" that has no place among the groups.
    #[error(
        "costs without a value of `{name}` can be told apart only where the costs are grouped by it, and Azure groups by two at most: \
         group by `{name}`, group by less, or name the values that count"
    )]
    NoRoomForNone {
        /// The dimension or the tag.
        name: String,
    },
    /// Names of subscriptions in a management group, without their ids.
    #[error(
        "a management group takes a condition on SubscriptionName only with one on SubscriptionId beside it: name the ids"
    )]
    NamesWithoutIds,
    /// A period to compare that just began.
    #[error(
        "no day from {from} on is complete yet: Azure's figures are, up to {complete}; compare an earlier period, or name a baseline"
    )]
    NothingComplete {
        /// First day asked for.
        from: Date,
        /// The last day whose costs are complete.
        complete: Date,
    },
    /// A report of a management group.
    #[error("Azure builds no report of a management group: export its subscriptions, or a billing scope")]
    NoReportOfGroups,
    /// Columns that cannot be a file's.
    #[error("the columns of an export are 1 to {most} names, each once")]
    BadColumns {
        /// Most columns.
        most: usize,
    },
    /// An option for spreadsheets, and a format that none opens as text.
    #[error(
        "`spreadsheet_safe` is for csv, csv.gz and focus.csv; {format} has no cells that a spreadsheet runs"
    )]
    NoSpreadsheet {
        /// The format asked for.
        format: &'static str,
    },
    /// A filter tree beyond every real use.
    #[error("the filter is too large: at most {nodes} conditions, {depth} levels and {values} values")]
    FilterTooLarge {
        /// Most conditions in the tree.
        nodes: usize,
        /// Most levels of the tree.
        depth: usize,
        /// Most values in all conditions together.
        values: usize,
    },
    /// Not a subscription id.
    #[error("a subscription id is a GUID such as 10000000-0000-4000-8000-000000000001")]
    BadSubscription,
    /// Not a resource group name.
    #[error(
        "a resource group name has 1 to 90 letters, digits, `_`, `-`, `.`, `(` or `)` and does not end with a full stop"
    )]
    BadResourceGroup,
    /// Not a management group's id.
    #[error(
        "a management group's id has 1 to 90 letters, digits, `_`, `-`, `.`, `(` or `)` and does not end with a full stop; its display name is not the id"
    )]
    BadManagementGroup,
    /// Not an id of billing.
    #[error(
        "an id of billing has 1 to 128 letters, digits, `:`, `_` or `-`, such as 8611537 or the long one of a Customer Agreement"
    )]
    BadBillingId,
    /// Not a scope this crate knows.
    #[error(
        "a scope is a subscription (/subscriptions/ID), a resource group (/subscriptions/ID/resourceGroups/NAME), a management \
         group (/providers/Microsoft.Management/managementGroups/ID) or a billing scope (/providers/Microsoft.Billing/billingAccounts/ID, \
         and behind it /departments/ID, /enrollmentAccounts/ID, /billingProfiles/ID, /billingProfiles/ID/invoiceSections/ID or /customers/ID)"
    )]
    BadScope,
}
