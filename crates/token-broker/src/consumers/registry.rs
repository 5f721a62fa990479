//! The consumers file, read: who is known by what, and may do what.
//!
//! ```toml
//! [consumers.gateway]
//! sans = ["dns:gateway.mcp.internal", "spiffe://contoso.com/ns/mcp/sa/gateway"]
//! resources = ["arm"]
//! ```

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::calls::{Calls, CallsByName, MAX_CALLS};
use super::name::Name;
use super::peer::{CertificateNames, Peer, Transport};
use crate::resource::Resources;
use crate::toml_file::{FileError, TomlFile};

/// Consumers are values of a metric label.
const MAX_CONSUMERS: usize = 256;
/// Calls of one consumer at the same time, where the file does not say.
const DEFAULT_MAX_CONCURRENT: usize = 1024;
/// More than the broker takes in all would not be a limit.
const MAX_MAX_CONCURRENT: usize = MAX_CALLS;
/// What the system calls every user who has no id in this user namespace (user_namespaces(7)).
const OVERFLOW_UID: u32 = 65534;
/// The one consumer there is without a file.
const LOCAL: &str = "local";

/// A consumer: what it may do.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) name: Arc<str>,
    /// The resources it may ask for; `None` is all there are.
    resources: Option<BTreeSet<String>>,
    pub(super) may_purge: bool,
    pub(super) max_concurrent: usize,
    pub(super) calls: Arc<Calls>,
}

impl Consumer {
    pub(super) fn may_ask_for(&self, resource: &str) -> bool {
        self.resources.as_ref().is_none_or(|resources| resources.contains(resource))
    }
}

/// Why a peer is not a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoConsumer {
    Unknown,
    Ambiguous,
}

/// Who is known by what.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    names: HashMap<Name, Arc<Consumer>>,
    uids: HashMap<u32, Arc<Consumer>>,
    /// Who connects on plain loopback.
    loopback: Option<Arc<Consumer>>,
    /// The broker's own user, and root.
    own: Option<Arc<Consumer>>,
}

impl Registry {
    /// What holds without a file: one consumer that may do everything.
    pub(super) fn built_in(calls: &CallsByName) -> Self {
        let local = Arc::new(Consumer {
            name: LOCAL.into(),
            resources: None,
            may_purge: true,
            max_concurrent: MAX_MAX_CONCURRENT,
            calls: calls.of(LOCAL),
        });
        Self { loopback: Some(Arc::clone(&local)), own: Some(local), ..Self::default() }
    }

    /// The one consumer that a peer is.
    pub(super) fn find(&self, peer: &Peer) -> Result<&Consumer, NoConsumer> {
        let found = match peer {
            Peer::Certificate(names) => return self.find_by_names(names),
            Peer::User { uid, own } => self.uids.get(uid).or(self.own.as_ref().filter(|_| *own)),
            Peer::Loopback => self.loopback.as_ref(),
        };
        found.map(AsRef::as_ref).ok_or(NoConsumer::Unknown)
    }

    fn find_by_names(&self, names: &CertificateNames) -> Result<&Consumer, NoConsumer> {
        let mut found = names.iter().filter_map(|name| self.names.get(name));
        let consumer = found.next().ok_or(NoConsumer::Unknown)?;
        if names.has_several_ids() || found.any(|other| !Arc::ptr_eq(other, consumer)) {
            return Err(NoConsumer::Ambiguous);
        }
        Ok(consumer)
    }
}

/// What the consumers file is held against.
pub(super) struct Rules {
    pub(super) path: PathBuf,
    pub(super) transport: Transport,
    resources: Vec<Arc<str>>,
}

impl Rules {
    pub(super) fn new(path: &Path, transport: Transport, resources: &Resources) -> Self {
        let resources = resources.iter().map(|resource| Arc::clone(&resource.name)).collect();
        Self { path: path.to_owned(), transport, resources }
    }

    /// Reads a consumers file. `calls` keeps the counts of those who stay.
    ///
    /// # Errors
    /// [`FileError`] names the file, the line, the consumer, the field and the fix.
    pub(super) fn parse(&self, content: &[u8], calls: &CallsByName) -> Result<Registry, FileError> {
        let file = TomlFile::<Entry>::parse(&self.path, "consumers", content)?;
        let mut registry = Registry::default();
        for (number, (name, entry)) in file.entries().enumerate() {
            if number == MAX_CONSUMERS {
                return Err(file.whole(format!("it names more than {MAX_CONSUMERS} consumers")));
            }
            self.check(entry)
                .and_then(|()| registry.add(name, entry, calls))
                .map_err(|problem| file.error(name, problem))?;
        }
        let (reachable, field) = match self.transport {
            Transport::MutualTls => (!registry.names.is_empty(), "`sans`"),
            Transport::Socket => (!registry.uids.is_empty(), "`uids`"),
            Transport::Loopback => (registry.loopback.is_some(), "`loopback = true`"),
        };
        if !reachable {
            return Err(
                file.whole(format!("no consumer has {field}, so nobody could call: see BROKER_LISTEN"))
            );
        }
        Ok(registry)
    }

    fn check(&self, entry: &Entry) -> Result<(), String> {
        if let Some(unknown) =
            entry.resources.iter().find(|name| !self.resources.iter().any(|known| **known == **name))
        {
            return Err(format!(
                "`resources`: `{unknown}` is not a resource; there are: {}. Others come from BROKER_RESOURCES_FILE",
                self.resources.join(", ")
            ));
        }
        if entry.resources.is_empty() && !entry.purge {
            return Err("may do nothing: name its `resources`, or remove it".to_owned());
        }
        if entry.sans.is_empty() && entry.uids.is_empty() && !entry.loopback {
            return Err("could be nobody: name its certificates by `sans`, or its users by `uids`".to_owned());
        }
        if entry.uids.contains(&OVERFLOW_UID) {
            return Err(format!(
                "`uids`: {OVERFLOW_UID} is nobody in particular: every user of another user namespace looks like it; \
                 run the consumer as a user of its own"
            ));
        }
        if !(1..=MAX_MAX_CONCURRENT).contains(&entry.max_concurrent) {
            return Err(format!("`max_concurrent` must be 1 to {MAX_MAX_CONCURRENT}"));
        }
        Ok(())
    }
}

/// One consumer, as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    sans: Vec<String>,
    #[serde(default)]
    uids: Vec<u32>,
    #[serde(default)]
    loopback: bool,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    purge: bool,
    #[serde(default = "default_max_concurrent")]
    max_concurrent: usize,
}

fn default_max_concurrent() -> usize {
    DEFAULT_MAX_CONCURRENT
}

impl Registry {
    fn add(&mut self, name: &str, entry: &Entry, calls: &CallsByName) -> Result<(), String> {
        let consumer = Arc::new(Consumer {
            name: name.into(),
            resources: Some(entry.resources.iter().cloned().collect()),
            may_purge: entry.purge,
            max_concurrent: entry.max_concurrent,
            calls: calls.of(name),
        });
        let taken = |field: &str, what: &str, owner: &Consumer| {
            let owner = &owner.name;
            Err(format!(
                "`{field}`: {what} stands in [consumers.{owner}] already: only one consumer can be known by it"
            ))
        };
        for text in &entry.sans {
            let name: Name = text.parse().map_err(|error| format!("`sans`: {text:?}: {error}"))?;
            if let Some(owner) = self.names.insert(name, Arc::clone(&consumer)) {
                return taken("sans", text, &owner);
            }
        }
        for uid in &entry.uids {
            if let Some(owner) = self.uids.insert(*uid, Arc::clone(&consumer)) {
                return taken("uids", &uid.to_string(), &owner);
            }
        }
        if entry.loopback
            && let Some(owner) = self.loopback.replace(consumer)
        {
            return taken("loopback", "it", &owner);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
