//! How long the doctor looks.

use std::time::Duration;

/// How long one look over the network may take.
pub(super) const STEP_DEADLINE: Duration = Duration::from_secs(5);
/// How long one check may take, however many looks it takes.
pub(super) const CHECK_DEADLINE: Duration = Duration::from_secs(25);
