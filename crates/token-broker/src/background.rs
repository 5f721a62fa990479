//! Work beside serving that never ends by itself: keys, files, the shared cache, the admin port.
//!
//! Where such work ends all the same, a panic say, the broker would go on with keys and credentials that nobody keeps,
//! and nobody would see it. So it is noticed here, and ends the process. This module must not know what is done.

use std::collections::HashMap;
use std::future;

use tokio::task::{Id, JoinError, JoinSet};

/// The work under way, each with its name. Dropped, it is given up.
#[derive(Debug, Default)]
pub(crate) struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Background {
    /// Starts work that never ends. `name` names it in the error, should it end.
    pub(crate) fn spawn(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(work);
        self.names.insert(task.id(), name);
    }

    /// Waits until some of it has ended, which none of it should.
    pub(crate) async fn ended(&mut self) -> BackgroundEnded {
        let Some(ended) = self.tasks.join_next_with_id().await else { return future::pending().await };
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error)),
        };
        BackgroundEnded { name: self.names.remove(&id).unwrap_or("background work"), panic }
    }

    /// Gives it all up.
    pub(crate) async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Work beside serving ended, so that the broker would no longer be kept up to date.
#[derive(Debug, thiserror::Error)]
#[error("{name} ended, which never should: the broker cannot go on without")]
pub struct BackgroundEnded {
    name: &'static str,
    #[source]
    panic: Option<JoinError>,
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_named() {
        let mut background = Background::default();
        background.spawn("following the moon", future::pending());
        background.spawn("keeping the tide", async { panic!("ebb") });
        let ended = background.ended().await;
        assert!(ended.to_string().starts_with("keeping the tide ended"), "{ended}");
        assert!(ended.source().is_some_and(|panic| panic.to_string().contains("ebb")));
        background.shutdown().await;
    }

    #[tokio::test]
    async fn work_that_just_ends_is_named_as_well() {
        let mut background = Background::default();
        background.spawn("keeping the tide", async {});
        let ended = background.ended().await;
        assert!(ended.to_string().starts_with("keeping the tide ended") && ended.source().is_none());
    }
}
