//! Tasks of which there are only so many at a time: beyond that the oldest gives way.

use std::collections::VecDeque;

use tokio::task::{AbortHandle, JoinSet};

/// Tasks under way, from the oldest on. They end when this is dropped.
pub(crate) struct Crowd {
    most: usize,
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
}

impl Crowd {
    /// At most so many at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, tasks: JoinSet::new(), order: VecDeque::new() }
    }

    /// Starts one more. Where there are too many, the oldest is given up: an attacker who opens connections and says
    /// nothing pushes out the own ones, not those of others, which are done long before.
    pub(crate) fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        if self.order.len() >= self.most {
            self.order.retain(|task| !task.is_finished());
        }
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        self.order.push_back(self.tasks.spawn(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_too_many_the_oldest_gives_way() {
        const MOST: usize = 8;
        let mut crowd = Crowd::new(MOST);
        let stalled: Vec<_> = (0..=MOST)
            .map(|_| {
                let (alive, watched) = tokio::sync::oneshot::channel::<()>();
                crowd.start(async move {
                    let _alive = alive;
                    std::future::pending::<()>().await;
                });
                watched
            })
            .collect();
        let mut stalled = stalled.into_iter();
        assert!(stalled.next().unwrap().await.is_err(), "the first was given up");
        assert!(stalled.all(|mut task| task.try_recv().is_err_and(|e| e.to_string().contains("empty"))));
        assert_eq!(crowd.order.len(), MOST);
    }
}
