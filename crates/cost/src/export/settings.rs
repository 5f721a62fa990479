//! How Azure is asked whether a report is ready.

use std::time::Duration;

/// The bounds of waiting for a report.
#[derive(Clone, Copy, Debug)]
pub struct ReportBounds {
    /// How often one report is asked for while it is built. 360: six hours at Azure's own pace.
    pub most_polls: u32,
    /// The shortest pause between two polls, whatever Azure asks for. 1 s.
    pub shortest_pause: Duration,
    /// The longest pause between two polls, also where Azure asks for more. 10 min; it asks for one.
    pub longest_pause: Duration,
}

impl Default for ReportBounds {
    fn default() -> Self {
        Self {
            most_polls: 360,
            shortest_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(600),
        }
    }
}
