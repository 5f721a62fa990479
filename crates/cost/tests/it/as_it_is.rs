//! Answers that people reported in public, told as tables: what Azure sends, what our error says. `S` is a subscription.

mod broken;
mod odd;
mod refusals;
mod reports;
mod waits;
