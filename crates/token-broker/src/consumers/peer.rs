//! Who is at the other end of a connection, as the transport knows it: found out once, when it is made.

use std::fmt;
use std::sync::Arc;

use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::name::Name;

/// Names of one certificate that are looked at. Real ones have a handful.
const MAX_NAMES: usize = 64;
/// Names shown in a message.
const SHOWN_NAMES: usize = 4;

/// How a broker is reached, and hence what can be known of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Mutual TLS: a certificate.
    MutualTls,
    /// A unix socket: a user.
    Socket,
    /// Plain text on loopback: nothing.
    Loopback,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// Showed a certificate of one of the client authorities, and proved to have its key.
    Certificate(Arc<CertificateNames>),
    /// A process of this machine.
    User {
        /// The user it ran as when it connected.
        uid: u32,
        /// Whether that is the broker's own user, or root.
        own: bool,
    },
    /// Any process of this machine.
    Loopback,
}

impl Peer {
    /// The peer that a verified certificate names.
    ///
    /// # Errors
    /// [`InvalidCertificate`], where the names cannot be taken for the whole truth.
    pub(crate) fn of_certificate(der: &[u8]) -> Result<Self, InvalidCertificate> {
        CertificateNames::parse(der).map(|names| Self::Certificate(Arc::new(names)))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(names) => names.fmt(f),
            Self::User { uid, .. } => write!(f, "user id {uid}"),
            Self::Loopback => f.write_str("loopback"),
        }
    }
}

/// The names of a certificate that a consumer could be known by. Others are not looked at.
///
/// A certificate with a SPIFFE ID is that ID, or nobody: DNS names beside it are for other purposes (X509-SVID, section
/// 2), and often for the server's side of a workload that many may have a name of.
#[derive(Debug)]
pub(crate) struct CertificateNames {
    names: Vec<Name>,
    has_id: bool,
    several_ids: bool,
    passed_over: bool,
}

impl CertificateNames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Name> {
        self.names.iter()
    }

    /// Whether there is more than one URI where one is a SPIFFE ID: such a certificate identifies nobody
    /// (X509-SVID, section 2).
    pub(crate) fn has_several_ids(&self) -> bool {
        self.several_ids
    }

    fn parse(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| InvalidCertificate::Unreadable)?;
        let extension = certificate.subject_alternative_name().map_err(|_| InvalidCertificate::Unreadable)?;
        let given = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        if given.len() > MAX_NAMES {
            return Err(InvalidCertificate::TooManyNames);
        }
        let uris = || {
            given.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        };
        let dns_names = given
            .iter()
            .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None });
        let has_id = uris().any(is_spiffe);
        let passed_over = has_id && dns_names.clone().next().is_some();
        let names = if has_id {
            uris().filter_map(|uri| Name::spiffe(uri).ok()).collect()
        } else {
            dns_names.filter_map(|name| Name::dns(name).ok()).collect()
        };
        Ok(Self { names, has_id, several_ids: has_id && uris().count() > 1, passed_over })
    }
}

/// Whether a URI means to be a SPIFFE ID, well formed or not: the case of a scheme means nothing (RFC 3986, section 3.1).
fn is_spiffe(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("spiffe"))
}

impl fmt::Display for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() && self.has_id {
            return f.write_str("a certificate whose SPIFFE ID is not that of a workload");
        }
        if self.names.is_empty() {
            return f.write_str("a certificate without DNS name or SPIFFE ID");
        }
        for (place, name) in self.names.iter().take(SHOWN_NAMES).enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        if self.names.len() > SHOWN_NAMES {
            f.write_str(", …")?;
        }
        if self.passed_over {
            f.write_str(" (a DNS name beside a SPIFFE ID decides nothing)")
        } else {
            Ok(())
        }
    }
}

/// A certificate of the right authority that is yet no name tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidCertificate {
    #[error("the client's certificate cannot be read as X.509")]
    Unreadable,
    #[error("the client's certificate has more than {MAX_NAMES} names")]
    TooManyNames,
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, SanType};

    use super::*;
    use crate::testing;

    fn names(sans: Vec<SanType>) -> Result<CertificateNames, InvalidCertificate> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = sans;
        CertificateNames::parse(params.self_signed(&testing::ec_key()).unwrap().der())
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(uri: &str) -> SanType {
        SanType::URI(uri.try_into().unwrap())
    }

    #[test]
    fn names_are_dns_names_or_one_spiffe_id() {
        let email = SanType::Rfc822Name("gateway@a.test".try_into().unwrap());
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let found =
            names(vec![dns("A.Test"), email, uri("https://a.test/"), address, dns("*.a.test")]).unwrap();
        assert_eq!(found.to_string(), "dns:a.test");
        assert!(!found.has_several_ids());
        assert_eq!(names(vec![]).unwrap().to_string(), "a certificate without DNS name or SPIFFE ID");
    }

    #[test]
    fn a_dns_name_beside_a_spiffe_id_decides_nothing() {
        let found = names(vec![dns("a.test"), uri("spiffe://a.test/gateway"), dns("b.test")]).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [&Name::spiffe("spiffe://a.test/gateway").unwrap()]);
        let text = "spiffe://a.test/gateway (a DNS name beside a SPIFFE ID decides nothing)";
        assert_eq!(found.to_string(), text);
        // Nor beside one that is not a workload's.
        for id in ["spiffe://a.test", "SPIFFE://a.test/gateway", "spiffe:gateway", "spiffe://A.test/x"] {
            let found = names(vec![dns("a.test"), uri(id)]).unwrap();
            assert_eq!(found.iter().count(), 0, "{id}");
            assert!(found.to_string().contains("is not that of a workload"), "{found}");
        }
    }

    #[test]
    fn the_common_name_is_no_name() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "gateway.test");
        let certificate = params.self_signed(&testing::ec_key()).unwrap();
        assert_eq!(CertificateNames::parse(certificate.der()).unwrap().iter().count(), 0);
    }

    #[test]
    fn a_second_uri_beside_a_spiffe_id_is_noticed() {
        let id = || uri("spiffe://a.test/gateway");
        assert!(names(vec![id(), uri("spiffe://a.test/other")]).unwrap().has_several_ids());
        assert!(names(vec![id(), uri("https://a.test/")]).unwrap().has_several_ids());
        assert!(!names(vec![uri("https://a.test/"), uri("https://b.test/")]).unwrap().has_several_ids());
    }

    #[test]
    fn what_cannot_be_read_whole_is_refused() {
        let numbered = |count| names((0..count).map(|number| dns(&format!("n{number}.test"))).collect());
        assert_eq!(numbered(64).unwrap().iter().count(), 64);
        assert_eq!(numbered(65).unwrap_err(), InvalidCertificate::TooManyNames);
        assert_eq!(Peer::of_certificate(b"no DER").unwrap_err(), InvalidCertificate::Unreadable);
        let four = "dns:n0.test, dns:n1.test, dns:n2.test, dns:n3.test";
        assert_eq!(numbered(4).unwrap().to_string(), four);
        assert_eq!(numbered(5).unwrap().to_string(), format!("{four}, …"));
    }
}
