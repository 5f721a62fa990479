//! What Azure Resource Manager keeps: subscriptions, windows of its quotas, and reports, which blob storage serves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::cost_details::Reports;
use super::costs::Subscriptions;
use super::throttle::Throttle;
use crate::config::Quotas;
use crate::error::StartError;
use crate::sas::Links;
use crate::world::World;

/// What ARM's and blob storage's handlers share.
pub(crate) struct State {
    pub(crate) world: Arc<World>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) throttle: Throttle,
    pub(crate) links: Links,
    quotas: RwLock<Quotas>,
    reports: Mutex<Reports>,
}

impl State {
    pub(crate) fn new(world: Arc<World>) -> Result<Self, StartError> {
        Ok(Self {
            subscriptions: Subscriptions::written(world.config.extra_people, &world.config.written),
            throttle: Throttle::default(),
            links: Links::new()?,
            quotas: RwLock::new(world.config.quotas),
            reports: Mutex::new(Reports::default()),
            world,
        })
    }

    pub(crate) fn quotas(&self) -> Quotas {
        *self.quotas.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_quotas(&self, quotas: Quotas) {
        *self.quotas.write().unwrap_or_else(PoisonError::into_inner) = quotas;
    }

    pub(crate) fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of the signed links is in here: nothing but the world is shown.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("world", &self.world).finish_non_exhaustive()
    }
}
