//! How both services are told to stop: by SIGTERM, which orchestrators send, and by SIGINT, which is Ctrl-C.
//!
//! What stopping means is each service's own affair.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Takes both signals over: from this call on neither ends the process by itself, and the first of them ends what is
/// returned.
///
/// # Errors
/// When the process cannot have the handlers.
///
/// # Panics
/// Outside a runtime of tokio with its I/O driver.
pub fn stop() -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
