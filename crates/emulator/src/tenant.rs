//! The tenant: its people, its applications, and what a test may change about both. All services show the same one.
//!
//! Data alone. Must not know a service, a request, or the settings of the emulator as a whole.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use self::certificate::Certificate;
use self::contoso::API_CLIENT_ID;
use self::directory::{BuiltIn, Directory, READER, TenantSettings};
use self::graph_settings::GraphSettings;
use self::people::{People, UnknownPerson};
use crate::error::StartError;
use crate::jwt;

pub(crate) mod billing;
pub(crate) mod certificate;
pub(crate) mod conditional_access;
pub(crate) mod contoso;
pub(crate) mod directory;
pub(crate) mod federation;
pub(crate) mod grants;
pub(crate) mod graph_settings;
pub(crate) mod ids;
pub(crate) mod people;

/// Why nobody got a role, or lost one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownRole {
    /// No such person.
    #[error(transparent)]
    Person(#[from] UnknownPerson),
    /// No built-in role of this name.
    #[error("there is no role called {0}")]
    Role(String),
}

/// Everything about the tenant. Locks are held for look-ups alone, never over an await.
pub(crate) struct Tenant {
    pub(crate) people: People,
    directory: RwLock<Directory>,
    graph: RwLock<GraphSettings>,
}

impl Tenant {
    /// The tenant at start. `certificate` is the DER of the one that is registered on the API application.
    pub(crate) fn new(
        settings: TenantSettings,
        authority: &str,
        arm_endpoint: &str,
        certificate: &[u8],
    ) -> Result<Self, StartError> {
        let registered = Certificate::from_der(certificate).ok_or(StartError::Key)?;
        let people = People::with_alice_over(settings.alice_also_sees, settings.extra_people);
        let mut directory = Directory::new(&settings, &people, authority, arm_endpoint);
        directory.change(API_CLIENT_ID, |api| api.certificates.push(Arc::new(registered)));
        Ok(Self { directory: RwLock::new(directory), graph: RwLock::new(settings.graph), people })
    }

    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn graph(&self) -> RwLockReadGuard<'_, GraphSettings> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn graph_mut(&self) -> RwLockWriteGuard<'_, GraphSettings> {
        self.graph.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how Graph answers, and what the API may read there.
    pub(crate) fn set_graph(&self, settings: GraphSettings) {
        self.directory_mut().set_graph_permissions(&settings.permissions);
        *self.graph_mut() = settings;
    }

    /// Gives a person a role in Azure, `Reader` if none is named.
    pub(crate) fn give_azure_role(
        &self,
        person: &str,
        role: Option<&str>,
        scope: &str,
    ) -> Result<(), UnknownRole> {
        let (oid, role) = (self.oid(person)?, named(role.unwrap_or(READER))?);
        self.directory_mut().give_role(&oid, role, scope);
        Ok(())
    }

    /// Takes a role in Azure away from a person, every one at the scope if none is named.
    pub(crate) fn take_azure_role(
        &self,
        person: &str,
        role: Option<&str>,
        scope: &str,
    ) -> Result<(), UnknownRole> {
        let (oid, role) = (self.oid(person)?, role.map(named).transpose()?);
        self.directory_mut().take_role(&oid, role, scope);
        Ok(())
    }

    fn oid(&self, person: &str) -> Result<String, UnknownRole> {
        let found = self.people.find(person).ok_or_else(|| UnknownPerson(person.to_owned()))?;
        Ok(found.oid.clone())
    }

    /// Registers the certificate in `pem` on the API application.
    pub(crate) fn register_certificate(&self, pem: &str) -> Result<(), StartError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let certificate = Arc::new(Certificate::from_der(&der).ok_or(StartError::Key)?);
        self.directory_mut().change(API_CLIENT_ID, |api| api.certificates.push(certificate));
        Ok(())
    }

    /// Removes the certificate in `pem` from the API application.
    pub(crate) fn remove_certificate(&self, pem: &str) -> Result<(), StartError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let thumbprint = jwt::sha1(&der);
        let remains = |certificate: &Arc<Certificate>| certificate.thumbprint() != thumbprint;
        self.directory_mut().change(API_CLIENT_ID, |api| api.certificates.retain(remains));
        Ok(())
    }
}

fn named(role: &str) -> Result<&'static BuiltIn, UnknownRole> {
    BuiltIn::named(role).ok_or_else(|| UnknownRole::Role(role.to_owned()))
}
