//! Names that no report holds: of regions, services and their categories, types of resources, units. A small table of our own, and
//! over it the FinOps toolkit's files where an operator has downloaded them.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use files::BadOpenData;

use super::unit::Unit;
use crate::caseless::append;

mod files;
mod own;

/// What is known of regions, services, types of resources and units. Cheap to clone.
#[derive(Clone)]
pub struct OpenData(Arc<Tables>);

#[derive(Default)]
struct Tables {
    regions: HashMap<String, Region>,
    services: HashMap<String, Service>,
    types: HashMap<String, String>,
    units: HashMap<String, Unit>,
}

/// A region by the id and the name that Azure's own pages give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) id: String,
    pub(super) name: String,
}

/// A service, and where FOCUS files it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// `None` where only its category is known: the report's own name of it is then the better one.
    pub(super) name: Option<String>,
    pub(super) category: String,
    pub(super) subcategory: String,
}

impl OpenData {
    /// Our table, and over it the files `Regions.csv`, `Services.csv`, `ResourceTypes.csv` and `PricingUnits.csv` of a directory:
    /// all four, as the FinOps toolkit publishes them.
    pub fn load(directory: &Path) -> Result<Self, BadOpenData> {
        let mut tables = own::tables();
        files::load(directory, &mut tables)?;
        Ok(Self(Arc::new(tables)))
    }

    /// By a key that [`region_key`] made.
    pub(super) fn region(&self, key: &str) -> Option<&Region> {
        self.0.regions.get(key)
    }

    /// By a key that [`service_key`] made.
    pub(super) fn service(&self, key: &str) -> Option<&Service> {
        self.0.services.get(key)
    }

    /// The name of a type of resources, by the type in small letters.
    pub(super) fn resource_type(&self, small: &str) -> Option<&str> {
        self.0.types.get(small).map(String::as_str)
    }

    /// By Azure's text of it.
    pub(super) fn unit(&self, text: &str) -> Option<&Unit> {
        self.0.units.get(text)
    }
}

/// By hand: it stands among the settings that are logged, and is thousands of lines.
impl fmt::Debug for OpenData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tables { regions, services, types, units } = &*self.0;
        f.debug_struct("OpenData")
            .field("regions", &regions.len())
            .field("services", &services.len())
            .field("types", &types.len())
            .field("units", &units.len())
            .finish()
    }
}

impl Default for OpenData {
    fn default() -> Self {
        Self(Arc::new(own::tables()))
    }
}

/// `EU West`, `euwest` and `EUWest` are one.
pub(super) fn region_key(location: &str, key: &mut String) {
    key.clear();
    append(location, key);
    key.retain(|letter| letter != ' ');
}

/// A service is found by who was consumed and what was; by either alone; and by the category of its meter.
pub(super) fn service_key(consumed: &str, resource_type: &str, meter_category: &str, key: &mut String) {
    key.clear();
    append(consumed, key);
    key.push('|');
    append(resource_type, key);
    key.push('|');
    append(meter_category, key);
}

#[cfg(test)]
mod tests;
