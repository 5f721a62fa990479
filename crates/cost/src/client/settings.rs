//! The bounds of every call.

use std::time::Duration;

/// The bounds of every call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a call may take altogether, all pages and retries; of costs, whose pages may have to wait for each other, each
    /// page. 30 s.
    pub deadline: Duration,
    /// The most bytes of one answer, after decompression. 16 MiB.
    pub most_body_bytes: u64,
    /// The most pages of one query. 40.
    pub most_pages: u32,
    /// The most rows of one query. 200 000: 40 pages of 5 000.
    pub most_rows: usize,
    /// The most subscriptions of one list, on however many pages. 20 000.
    pub most_subscriptions: usize,
    /// The wait for a 429 that names none, as Cost Management sometimes sends. 10 s: its shortest window.
    pub throttled_wait: Duration,
    /// The wait after a 503 or 504 that names none. 1 s.
    pub unavailable_wait: Duration,
    /// The pause after a connection that broke, a 408 or a 502; it doubles with each. 250 ms.
    pub broken_pause: Duration,
    /// How reports of an export are waited for.
    pub reports: ReportBounds,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            most_body_bytes: 16 * 1024 * 1024,
            most_pages: 40,
            most_rows: 200_000,
            most_subscriptions: 20_000,
            throttled_wait: Duration::from_secs(10),
            unavailable_wait: Duration::from_secs(1),
            broken_pause: Duration::from_millis(250),
            reports: ReportBounds::default(),
        }
    }
}

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
