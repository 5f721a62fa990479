//! What the emulator was asked, counted: tests compare calls made with calls that reached Azure.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Numbers since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Counts {
    /// Discovery documents served, v1 and v2.
    pub discovery_requests: u64,
    /// Key documents asked for, v1 and v2, outages included.
    pub jwks_requests: u64,
    /// Requests to the authorize endpoint.
    pub authorize_requests: u64,
    /// Requests to the token endpoint by grant: `on_behalf_of`, `authorization_code`, `refresh_token`,
    /// `client_credentials`, `unknown`.
    pub token_requests: BTreeMap<String, u64>,
    /// Errors of the token endpoint by AADSTS code.
    pub token_errors: BTreeMap<u32, u64>,
    /// Successful on-behalf-of exchanges.
    pub exchanges: u64,
    /// Successful exchanges: person's short name, then application id of the resource.
    pub exchanges_by_person: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests to ARM, refused ones included.
    pub arm_requests: u64,
    /// Requests to ARM by the short name of the person in the token.
    pub arm_by_person: BTreeMap<String, u64>,
    /// Requests to ARM by operation, e.g. `Microsoft.CostManagement/query`.
    pub arm_by_operation: BTreeMap<String, u64>,
    /// Requests for a token of the managed identity, refused ones included.
    #[serde(default)]
    pub metadata_requests: u64,
    /// Requests to Graph.
    pub graph_requests: u64,
    /// Requests to blob storage.
    pub blob_requests: u64,
    /// Requests to blob storage that carried an `Authorization` header: a token leaked to a third party.
    pub blob_authorization_leaks: u64,
}

/// The counters. The lock is held for the increment alone.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: Mutex<Counts>,
}

impl Counters {
    pub(crate) fn add(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset(&self) {
        self.add(|counts| *counts = Counts::default());
    }
}

/// Adds one to the entry of `key`.
pub(crate) fn bump<K: Ord>(map: &mut BTreeMap<K, u64>, key: impl Into<K>) {
    *map.entry(key.into()).or_default() += 1;
}
