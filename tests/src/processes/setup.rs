//! What is started.

use std::path::Path;

use crate::Credential;

/// What is started, besides one of each.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Generated people.
    pub people: usize,
    /// Broker replicas, at most [`super::MAX_REPLICAS`]; the gateway speaks to the first.
    pub replicas: usize,
    /// Whether they share a Redis.
    pub redis: bool,
    /// The credential of each replica; a certificate where none is named.
    pub credentials: Vec<Credential>,
    /// Flags of the emulator.
    pub emulator: Vec<String>,
    /// Whether each service keeps an audit, in a file of its own.
    pub audit: bool,
    /// Whether costs are asked for as shipped: in turn, and out of a cache. Otherwise at once, for what is not about that.
    pub costs_as_shipped: bool,
    /// Further settings of brokers and gateway, by name.
    pub settings: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            people: 0,
            replicas: 1,
            redis: false,
            credentials: Vec::new(),
            emulator: Vec::new(),
            audit: false,
            costs_as_shipped: false,
            settings: Vec::new(),
        }
    }
}

/// Azure is asked at once, and always.
const COSTS_AT_ONCE: [(&str, &str); 4] = [
    ("GATEWAY_COST_QUOTA", "100000/10s,100000/min,100000/h"),
    ("GATEWAY_COST_SCOPE_PER_MINUTE", "10000"),
    ("GATEWAY_COST_USER_PER_MINUTE", "10000"),
    ("GATEWAY_COST_CACHE_SECONDS", "0"),
];

impl Setup {
    /// Settings of brokers and gateway, beside those of the emulator.
    pub(super) fn more_settings(&self) -> impl Iterator<Item = (String, String)> {
        let at_once = COSTS_AT_ONCE.into_iter().filter(|_| !self.costs_as_shipped);
        let at_once = at_once.map(|(name, value)| (name.to_owned(), value.to_owned()));
        at_once.chain(self.settings.iter().cloned())
    }

    pub(super) fn audit_flag(&self, folder: &Path, name: &str) -> Option<String> {
        self.audit.then(|| format!("--audit=file:{}", folder.join(format!("{name}.audit")).display()))
    }
}
