//! Which port is served over TLS, and with which files.

use std::path::PathBuf;

use super::{Args, ConfigError};
use crate::health::is_over_tls;
use crate::listeners::Listen;
use crate::tls::TlsFiles;

/// The TLS of each port, where it has one.
pub(super) struct Ports {
    /// Of gRPC: it is mutual.
    pub(super) tls: Option<TlsFiles>,
    /// Of the admin port.
    pub(super) admin_tls: Option<TlsFiles>,
}

impl Ports {
    pub(super) fn of(args: &Args) -> Result<Self, ConfigError> {
        Ok(Self { tls: grpc(args)?, admin_tls: admin(args)? })
    }
}

fn grpc(args: &Args) -> Result<Option<TlsFiles>, ConfigError> {
    let (cert, key) = (args.tls_cert_file.as_ref(), args.tls_key_file.as_ref());
    let client_ca = args.tls_client_ca_file.as_ref();
    let nothing = cert.is_none() && key.is_none() && client_ca.is_none();
    let address = match &args.listen {
        Listen::Tcp(address) => *address,
        // The admin port may need the certificate all the same; nothing needs authorities.
        Listen::Unix(_) if nothing => return Ok(None),
        Listen::Unix(_) if is_over_tls(args.health.admin_listen) && client_ca.is_none() => return Ok(None),
        Listen::Unix(_) => return Err(ConfigError::TlsOnUnixSocket),
    };
    if nothing && address.ip().is_loopback() {
        return Ok(None);
    }
    if nothing {
        return Err(ConfigError::PlainText { address });
    }
    let files = TlsFiles {
        cert: required(cert, "BROKER_TLS_CERT_FILE")?,
        key: required(key, "BROKER_TLS_KEY_FILE")?,
        client_ca: Some(required(client_ca, "BROKER_TLS_CLIENT_CA_FILE")?),
    };
    if args.consumers_file.is_none() {
        return Err(ConfigError::TlsWithoutConsumers);
    }
    Ok(Some(files))
}

fn admin(args: &Args) -> Result<Option<TlsFiles>, ConfigError> {
    let (address, client_ca) = (args.health.admin_listen, args.health.admin_client_ca_file.clone());
    match (is_over_tls(address), &args.tls_cert_file, &args.tls_key_file) {
        (true, Some(cert), Some(key)) => {
            Ok(Some(TlsFiles { cert: cert.clone(), key: key.clone(), client_ca }))
        }
        (true, ..) => Err(ConfigError::AdminBeyondLoopback { address }),
        (false, ..) if client_ca.is_some() => Err(ConfigError::AdminAuthorityUnused),
        (false, ..) => Ok(None),
    }
}

fn required(file: Option<&PathBuf>, missing: &'static str) -> Result<PathBuf, ConfigError> {
    file.cloned().ok_or(ConfigError::IncompleteTls { missing })
}
