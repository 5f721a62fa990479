//! Requests under way of each client behind a proxy: its connections are everybody's, so what one address may have of them
//! is bounded request by request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The clients that have requests under way.
#[derive(Debug)]
pub(super) struct Clients {
    most: usize,
    under_way: Mutex<HashMap<IpAddr, usize>>,
}

impl Clients {
    /// At most so many requests of one address at a time.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, under_way: Mutex::default() })
    }

    /// Counts a request of this address, until what is returned is dropped. `None` where it has too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Asking> {
        let mut under_way = self.under_way();
        let requests = under_way.entry(address).or_default();
        if *requests >= self.most {
            return None;
        }
        *requests += 1;
        drop(under_way);
        Some(Asking { address, clients: Arc::clone(self) })
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Nothing under this lock can panic half-way, so a poisoned one still holds sound data.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way of one address.
#[derive(Debug)]
pub(super) struct Asking {
    address: IpAddr,
    clients: Arc<Clients>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut under_way = self.clients.under_way();
        if let Some(requests) = under_way.get_mut(&self.address) {
            *requests -= 1;
            if *requests == 0 {
                under_way.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_requests_and_nothing_is_kept_of_who_has_none() {
        let clients = Clients::new(2);
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let first = clients.enter(address(1)).unwrap();
        let second = clients.enter(address(1)).unwrap();
        assert!(clients.enter(address(1)).is_none());
        let other = clients.enter(address(2)).unwrap();
        drop(first);
        let third = clients.enter(address(1)).unwrap();
        drop((second, third, other));
        assert!(clients.under_way().is_empty());
    }
}
