//! The tools, one file each, and what they share: how a question names a subscription and a period, how money reads.

pub(super) use cost_by_service::CostByService;
pub(super) use cost_export::CostExport;
pub(super) use list_subscriptions::ListSubscriptions;

mod absent;
#[cfg(test)]
mod as_it_is;
mod cost_by_service;
mod cost_export;
mod list_subscriptions;
mod money;
mod page;
mod period;
mod question;
mod subscription;
mod table;
