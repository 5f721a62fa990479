//! The raw costs at any size, from Azure's reports into a file, in constant memory.

pub use table::{Cell, Column, Kind};

mod table;
