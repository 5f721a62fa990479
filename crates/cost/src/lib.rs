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
//! | `details` | the cost details report: start, poll, download, join |
//! | `money` | exact amounts that cannot be added across currencies |
//! | `period`, `scope`, `invalid` | what is asked, checked before Azure sees it |
//! | `error`, `challenge`, `retry` | what Azure answers when it does not answer |
//! | `foreign` | what a reader sees of a text that people wrote |

mod by_service;
mod challenge;
mod client;
mod details;
mod error;
mod foreign;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod invalid;
mod links;
mod money;
mod period;
mod query;
mod retry;
mod scope;
mod subscriptions;

pub use by_service::{CostByService, ServiceCost};
pub use client::{Client, Settings};
pub use details::{CostDetails, DetailsLimits};
pub use error::{AzureError, Error};
pub use foreign::{is_unseen, visible};
pub use invalid::InvalidQuery;
pub use money::{AmountOverflow, Currency, Money, NotACurrency, Totals};
pub use period::Period;
pub use query::{
    CostColumn, Direction, Filter, Granularity, Grouping, Metric, Query, QueryBuilder, QueryResult, Row,
    SortBy, Sorting,
};
pub use scope::{ResourceGroupName, Scope, SubscriptionId};
pub use subscriptions::{Subscription, SubscriptionState};
