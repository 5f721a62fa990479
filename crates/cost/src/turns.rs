//! How many exports are encoded at a time. It is work for the processors, and interactive calls come first.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Gives exports their turns at the processors, in the order they come. Cheap to clone; all clones count together.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Desk>);

struct Desk {
    numbers: Mutex<Numbers>,
    given_back: Condvar,
}

/// As where one draws a number: whoever holds one that was called has a turn.
struct Numbers {
    drawn: u64,
    called: u64,
}

/// A turn, until it is dropped.
pub(crate) struct Turn(Arc<Desk>);

impl Turns {
    /// So many at a time, at least one.
    fn new(most: usize) -> Self {
        let numbers = Mutex::new(Numbers { drawn: 0, called: most.max(1) as u64 });
        Self(Arc::new(Desk { numbers, given_back: Condvar::new() }))
    }

    /// Waits for a turn. Whoever has one gives it back before waiting for anything but the sink.
    pub(crate) fn turn(&self) -> Turn {
        let mut numbers = self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let own = numbers.drawn;
        numbers.drawn += 1;
        drop(self.0.given_back.wait_while(numbers, |numbers| numbers.called <= own));
        Turn(Arc::clone(&self.0))
    }
}

impl Default for Turns {
    /// Half of the processors.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from) / 2)
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner).called += 1;
        self.0.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_comes_later_waits_for_a_turn_that_is_given_back() {
        let turns = Turns::new(2);
        let (first, second) = (turns.turn(), turns.turn());
        let (tell, told) = mpsc::channel();
        let other = turns.clone();
        let waiting = std::thread::spawn(move || {
            let turn = other.turn();
            tell.send(()).unwrap();
            turn
        });
        while turns.0.numbers.lock().unwrap().drawn < 3 {
            std::thread::yield_now();
        }
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "there are two");
        drop(second);
        told.recv().unwrap();
        drop((first, waiting.join().unwrap()));
        // All were given back.
        drop((turns.turn(), turns.turn()));
    }

    #[test]
    fn there_is_always_one() {
        drop(Turns::new(0).turn());
    }
}
