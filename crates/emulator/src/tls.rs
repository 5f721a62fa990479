//! The local certificate authority and the server certificate it signs. MSAL refuses plain http, so everything is TLS.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::endpoints::AZURE_HOSTS;
use crate::error::StartError;
use crate::store::Store;

/// What the listeners need, and the CA certificate clients must trust.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
}

impl Tls {
    /// Loads (or makes) the CA and signs a certificate for `host`, `localhost` and the loopback addresses, and for Azure's own
    /// hosts where it plays them by name.
    pub(crate) fn load(store: &Store, host: &str, as_azure: bool, year: i32) -> Result<Self, StartError> {
        let ca_pem = match store.read("ca-with-key.pem")? {
            Some(pem) => pem,
            None => make_ca(store, year)?,
        };
        let ca_certificate = CertificateDer::from_pem_slice(ca_pem.as_bytes())?;
        let ca_key = PrivatePkcs8KeyDer::from_pem_slice(ca_pem.as_bytes())?;
        let ca_key = KeyPair::from_pkcs8_der_and_sign_algo(&ca_key, &rcgen::PKCS_ECDSA_P256_SHA256)?;
        let issuer = Issuer::from_ca_cert_der(&ca_certificate, ca_key)?;

        let key = KeyPair::generate()?;
        let certificate = server_params(host, as_azure, year)?.signed_by(&key, &issuer)?;
        let chain = vec![certificate.der().clone(), ca_certificate];
        let server = server_config(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        Ok(Self { server: Arc::new(server), ca_pem: certificate_only(&ca_pem) })
    }
}

/// Valid from the first of January of `year`, for `years` more after that year: dates every tool prints well.
pub(crate) fn set_validity(params: &mut CertificateParams, year: i32, years: i32) {
    params.not_before = rcgen::date_time_ymd(year, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + years + 1, 1, 1);
}

fn make_ca(store: &Store, year: i32) -> Result<String, StartError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Azure emulator CA (development only)");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, year, 10);
    let certificate = params.self_signed(&key)?;
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    Ok(store.keep("ca-with-key.pem", pem)?)
}

fn server_params(host: &str, as_azure: bool, year: i32) -> Result<CertificateParams, StartError> {
    let mut names = vec!["localhost".to_owned()];
    if host != "localhost" && host.parse::<IpAddr>().is_err() {
        names.push(host.to_owned());
    }
    names.extend(AZURE_HOSTS.into_iter().filter(|_| as_azure).map(str::to_owned));
    let mut params = CertificateParams::new(names)?;
    let host_address = host.parse::<IpAddr>().ok();
    let addresses = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    params.subject_alt_names.extend(addresses.into_iter().chain(host_address).map(SanType::IpAddress));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python 3.13 verifies with VERIFY_X509_STRICT, which wants the authority key identifier.
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, year, 1);
    Ok(params)
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, StartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate block of a PEM text that also holds a key.
fn certificate_only(pem: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let end = pem.find(END).map_or(pem.len(), |at| at + END.len());
    format!("{}\n", &pem[..end])
}

#[cfg(test)]
mod tests {
    use super::Tls;
    use crate::store::Store;

    #[test]
    fn a_restart_keeps_the_ca_and_gives_away_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path())).unwrap();
        let first = Tls::load(&store, "localhost", false, 2026).unwrap();
        let second = Tls::load(&store, "localhost", false, 2026).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert!(!first.ca_pem.contains("PRIVATE"));
    }
}
