//! Costs that are odd: which days, since when, how much, and how sure that is.

pub use judge::Shape;
pub use rule::Sensitivity;

mod judge;
mod level;
mod month;
mod robust;
mod rule;
mod run;
mod scan;
#[cfg(test)]
mod statistics;
mod weekly;
