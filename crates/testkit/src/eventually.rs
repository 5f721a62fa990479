//! A patient look at what comes true in time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Waits until something holds, for half a minute at most.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            sleep(BETWEEN_LOOKS).await;
        }
    };
    assert!(timeout(PATIENCE, looking).await.is_ok(), "not within 30 s: {what}");
}
