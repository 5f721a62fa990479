//! A certificate authority, and what it signs.

use std::fmt;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

use crate::keys::ec_key;

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Issued {
    /// The certificate as PEM.
    pub certificate: String,
    /// The key as PEM.
    pub key: String,
    /// The certificate as DER.
    pub der: Vec<u8>,
}

impl Authority {
    /// One with a key of its own.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self::of(CertificateParams::new(Vec::new()).unwrap())
    }

    /// By a name of its own: one that signs in the name it signs for is self-signed to some (BoringSSL).
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        Self::of(params)
    }

    fn of(mut params: CertificateParams) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, ec_key()).unwrap())
    }

    /// Its certificate as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host.
    pub fn issue(&self, host: &str) -> Issued {
        self.sign(&CertificateParams::new(vec![host.to_owned()]).unwrap())
    }

    /// A certificate for names like `dns:gateway.test` and `spiffe://a.test/gateway`.
    pub fn issue_to(&self, names: &[&str]) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let san = |name: &&str| match name.strip_prefix("dns:") {
            Some(name) => SanType::DnsName(name.try_into().unwrap()),
            None => SanType::URI((*name).try_into().unwrap()),
        };
        params.subject_alt_names = names.iter().map(san).collect();
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = ec_key();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().to_vec() }
    }
}

impl Issued {
    /// Certificate and key, as PEM.
    pub fn pems(self) -> (String, String) {
        (self.certificate, self.key)
    }
}

/// Its key is in here.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// The key is in here.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}
