//! How the gateway reaches the broker in a stack: plain text on loopback, a unix socket, or mutual TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// The hop from gateway to broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hop {
    /// Plain text on loopback.
    #[default]
    Loopback,
    /// A unix socket.
    Socket,
    /// TLS in both directions, each with a certificate of its own authority.
    MutualTls,
}

/// Flags of both services for a hop.
#[derive(Debug, Default)]
pub(crate) struct HopFlags {
    pub(crate) broker: Vec<String>,
    pub(crate) gateway: Vec<String>,
}

impl Hop {
    /// The broker's address as the gateway is told it.
    pub(crate) fn broker_url(self, address: &str) -> String {
        match self {
            Self::Loopback => format!("http://{address}"),
            Self::Socket => address.to_owned(),
            Self::MutualTls => format!("https://{}", address.replace("127.0.0.1", "localhost")),
        }
    }

    /// Writes what the hop needs into `folder`.
    pub(crate) fn flags(self, folder: &Path) -> HopFlags {
        match self {
            Self::Loopback => {
                HopFlags { broker: vec!["--listen=127.0.0.1:0".to_owned()], gateway: Vec::new() }
            }
            Self::Socket => {
                let socket = folder.join("broker.sock");
                HopFlags { broker: vec![format!("--listen=unix:{}", socket.display())], gateway: Vec::new() }
            }
            Self::MutualTls => mutual_tls(folder),
        }
    }
}

fn mutual_tls(folder: &Path) -> HopFlags {
    let (servers, callers) = (authority(), authority());
    let file = |name: &str, pem: &str| {
        let path = folder.join(name);
        std::fs::write(&path, pem).expect("a temporary file");
        path.display().to_string()
    };
    let (server_cert, server_key) = issue(&servers, "localhost");
    let (caller_cert, caller_key) = issue(&callers, "gateway.internal");
    HopFlags {
        broker: vec![
            "--listen=127.0.0.1:0".to_owned(),
            format!("--tls-cert-file={}", file("server.pem", &server_cert)),
            format!("--tls-key-file={}", file("server.key", &server_key)),
            format!("--tls-client-ca-file={}", file("callers.pem", &callers.pem())),
        ],
        gateway: vec![
            format!("--broker-ca-file={}", file("servers.pem", &servers.pem())),
            format!("--broker-cert-file={}", file("caller.pem", &caller_cert)),
            format!("--broker-key-file={}", file("caller.key", &caller_key)),
        ],
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, key()).expect("an authority signs itself")
}

fn issue(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = key();
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
    let certificate = params.signed_by(&key, authority).expect("an authority signs");
    (certificate.pem(), key.serialize_pem())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("keys can be generated")
}
