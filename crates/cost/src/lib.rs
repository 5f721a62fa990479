//! Azure Cost Management, read as whoever the bearer token belongs to.
//!
//! The crate takes a token per call and returns typed costs. It keeps no token, has no cache, builds no HTTP
//! client and reads no clock: it has never heard of how the token was obtained or of who asks for the costs.
//!
//! | module | what it holds |
//! |---|---|
//! | [`client`](Client) | one request to Azure: headers, deadline, bounds, retries; links checked before a token follows them |
//! | `subscriptions` | the subscriptions a token can see |
//! | `query` | Cost Management Query: request builder, pages, rows by column name |
//! | `by_service` | the most asked query, ready made |
//! | `question`, `plan` | a question of any length, with exclusions and quantities, as the fewest queries; answers joined, or made of answers |
//! | `breakdown` | what a question's answers come to: lines, totals, the dearest groups and the rest |
//! | `budgets` | budgets, what was spent of them by now, and when they will be used up |
//! | `export` | the raw costs at any size, from Azure's reports into a file |
//! | `table`, `turns` | what such a file is made of; how many are encoded at a time |
//! | `focus` | the raw costs as FOCUS, the format that all clouds share |
//! | `money` | exact amounts that cannot be added across currencies |
//! | `period`, `scope`, `invalid` | what is asked, checked before Azure sees it |
//! | `error`, `challenge`, `retry` | what Azure answers when it does not answer |
//! | `json`, `pages`, `walk` | how Azure writes: what is null is absent; lists that must move on, and how one is read to its end |
//! | `compare` | two periods as the fewest queries, and what drove the difference: usage, rate, other charges |
//! | `series` | costs day by day for statistics: no day missing, the pattern of a week |
//! | `forecast` | what is to come: Azure's forecast, our run rate where it has none, our range |
//! | `commitments` | reservations and savings plans: how far they cover and are used, what more would save, what is left of money that was promised |
//! | `anomalies` | which days are odd, by how much and why: costs day by day, held against the days before |
//! | `chunks` | long lists that never move what they hold |
//! | `caseless` | texts that are one whatever case they are written in |
//! | `nearest` | which of the known words was meant |
//! | `day` | days as reports write them |
//! | `foreign` | what a reader sees of a text that people wrote |
//!
//! What each service of a subscription cost in October, as the person whose Azure token this is:
//!
//! ```no_run
//! use cost::{Client, Metric, Period};
//! use jiff::civil::date;
//! use secrecy::SecretString;
//!
//! # async fn ask(http: reqwest::Client, token: SecretString) -> Result<(), Box<dyn std::error::Error>> {
//! // `http` follows no redirect: a link is checked before a token is sent after it.
//! let hosts = vec!["*.blob.core.windows.net".to_owned()];
//! let client = Client::new(http, "https://management.azure.com/".parse()?, hosts);
//!
//! let subscription = "00000000-0000-0000-0000-00000000000a".parse()?;
//! let october = Period::new(date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 22))?;
//! let costs = client.cost_by_service(&token, subscription, october, Metric::Actual).await?;
//! for service in &costs.services {
//!     println!("{}: {}", service.service, service.cost);
//! }
//! # Ok(())
//! # }
//! ```

pub use anomalies::{
    AnomalyPlan, AnomalyQuestion, Cause, CauseKind, CausePlan, CoveragePlan, Daily, Event, Key, Odds, OneOff,
    Sensitivity, Shape, Suspect, Unjudged, drilled, drills,
};
pub use breakdown::{Breakdown, Line, OfOneMeter, Other, Quantity, Ranked};
pub use budgets::{
    Budget, BudgetFilter, BudgetList, BudgetPages, BudgetPeriod, BurnDown, Grain, Outlook, Phase, Spend,
    SpendPlan, Spending, Threshold, ThresholdKind, UnreadBudget, Watches,
};
pub use by_service::{CostByService, ServiceCost};
pub use chunks::Chunks;
pub use client::{Client, ReportBounds, Sent, Settings};
pub use commitments::{
    BenefitDay, BenefitUse, CommitmentKind, Committed, CommittedFigures, ListPages, Listing, Lot,
    Recommendation, benefit_uses, commitment_question, committed, unused_question,
};
pub use compare::{
    Baseline, CalendarUnit, Change, ComparePlan, Compared, Comparison, Difference, Driver, DriverKind,
    baseline_of, baseline_of_unit, complete_until,
};
pub use dimensions::{Dimension, DimensionPages, TagKeys, TagPages};
pub use error::{AzureError, Error};
pub use export::{ExportDoor, ExportPlan, ExportProgress, ExportSnapshot, Exported, Format};
pub use focus::{BadOpenData, Converter, OpenData, Source as FocusSource, VERSION as FOCUS_VERSION};
pub use forecast::{
    Ahead, ForecastPlan, Foreseen, Horizon, Kind, NoForecast, Part, Point, RunRate, ScopeKnown, Source,
};
pub use foreign::{is_unseen, visible};
pub use invalid::InvalidQuery;
pub use money::{AmountOverflow, Currency, Money, NotACurrency, Totals, share, unit_price};
pub use nearest::{folded, nearest, quoted, steps};
pub use paged::{Page, Paged};
pub use period::Period;
pub use plan::{Plan, derive, query_units};
pub use query::{
    Beside, Bound, CostColumn, Filter, Granularity, Grouping, Metric, Operation, Query, QueryBuilder,
    QueryPages, QueryResult, Row,
};
pub use question::{Condition, Measures, Question};
pub use quota::{Quota, UnitsLeft, Waits};
pub use scope::{BillingId, BillingPart, ManagementGroupId, ResourceGroupName, Scope, SubscriptionId};
pub use series::{Day, Series, Weekly, mad, median, quantile};
pub use subscriptions::{NameSearch, Subscription, SubscriptionState};
pub use table::{Cell, Column, Kind as ColumnKind};
pub use units::{counts_tokens, millions_of_tokens};
pub use usage::Usage;

mod anomalies;
mod breakdown;
mod budgets;
mod by_service;
mod caseless;
mod challenge;
mod chunks;
mod client;
mod commitments;
mod compare;
mod day;
mod dimensions;
mod error;
mod export;
mod focus;
mod forecast;
mod foreign;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod invalid;
mod json;
mod links;
mod management_groups;
mod money;
mod nearest;
mod paged;
mod pages;
mod period;
mod permissions;
mod plan;
mod query;
mod question;
mod quota;
#[cfg(test)]
mod raw;
mod retry;
mod scope;
mod series;
mod subscriptions;
mod table;
mod turns;
mod units;
mod usage;
mod walk;
