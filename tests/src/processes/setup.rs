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
            settings: Vec::new(),
        }
    }
}

impl Setup {
    pub(super) fn audit_flag(&self, folder: &Path, name: &str) -> Option<String> {
        self.audit.then(|| format!("--audit=file:{}", folder.join(format!("{name}.audit")).display()))
    }
}
