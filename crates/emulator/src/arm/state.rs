//! What Azure Resource Manager keeps: subscriptions, windows of its quotas, and reports, which blob storage serves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use serde_json::Value;

use super::benefits::report::Orders;
use super::budgets::{BudgetError, Budgets};
use super::cost_details::Reports;
use super::costs::{Inheritance, NothingToPlant, Planted, Subscriptions, View};
use super::query::Tables;
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
    budgets: RwLock<Budgets>,
    /// The settings that usage rows are made with; its moment is of no account.
    settings: RwLock<View>,
    reports: Mutex<Reports>,
    benefit_reports: Mutex<Orders>,
    tables: Mutex<Tables>,
}

impl State {
    pub(crate) fn new(world: Arc<World>) -> Result<Self, StartError> {
        let config = &world.config;
        let subscriptions =
            Subscriptions::written(config.extra_people, &config.written, config.big_subscription);
        Ok(Self {
            budgets: RwLock::new(Budgets::of_contoso(&subscriptions)),
            subscriptions,
            throttle: Throttle::default(),
            links: Links::new()?,
            quotas: RwLock::new(world.config.quotas),
            settings: RwLock::new(
                View::at(world.data_moment()).with_unused_above(world.config.unused_at_billing_scopes),
            ),
            reports: Mutex::new(Reports::default()),
            benefit_reports: Mutex::new(Orders::default()),
            tables: Mutex::new(Tables::default()),
            world,
        })
    }

    pub(crate) fn quotas(&self) -> Quotas {
        *self.quotas.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_quotas(&self, quotas: Quotas) {
        *self.quotas.write().unwrap_or_else(PoisonError::into_inner) = quotas;
    }

    pub(crate) fn budgets(&self) -> RwLockReadGuard<'_, Budgets> {
        self.budgets.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all budgets.
    pub(crate) fn set_budgets(&self, orders: Vec<Value>) -> Result<(), BudgetError> {
        let budgets = Budgets::read(orders, &self.subscriptions)?;
        *self.budgets.write().unwrap_or_else(PoisonError::into_inner) = budgets;
        Ok(())
    }

    /// What is to be seen of costs now.
    pub(crate) fn view(&self) -> View {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).moved(self.world.data_moment())
    }

    /// Switches tag inheritance.
    pub(crate) fn switch_inheritance(&self, to: Inheritance) {
        let now = self.world.data_moment();
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = settings.moved(now);
        settings.switch(to);
    }

    /// Plants causes of odd costs in place of those that there are.
    pub(crate) fn plant(&self, orders: Vec<Planted>) -> Result<(), NothingToPlant> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.plant(orders, &self.subscriptions)
    }

    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn benefit_reports(&self) -> MutexGuard<'_, Orders> {
        self.benefit_reports.lock().unwrap_or_else(PoisonError::into_inner)
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
