//! A thread for the work that neither waits for the network nor may keep others from it.

use std::thread::Builder;

use crate::error::Error;

/// How much nicer than the others. Interactive calls come first where there are too few processors.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Starts the work on a thread of its own.
pub(super) fn start(work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let polite = move || {
        lower_priority();
        work();
    };
    Builder::new().name("export".to_owned()).spawn(polite).map_err(Error::Unwritable)?;
    Ok(())
}

/// On Linux a thread has a priority of its own, which goes by its id.
#[cfg(target_os = "linux")]
fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "an export is written at the priority of everything else");
    }
}

#[cfg(not(target_os = "linux"))]
const fn lower_priority() {}
