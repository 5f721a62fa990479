//! How the gateway reaches the broker in a stack: plain text on loopback, a unix socket, or mutual TLS.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use testkit::Authority;

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

/// Consumers of the broker besides the gateway: the examples of `crates/proto`. Over mutual TLS each has a certificate
/// of its own, for `NAME.internal`, in `NAME.pem` and `NAME.key`.
const CONSUMERS: [&str; 2] = ["who-am-i-rust", "who-am-i-python"];
/// Has a certificate of the same authority and stands in no consumers file.
const STRANGER: &str = "stranger";

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
            Self::Socket => HopFlags { broker: socket(folder), gateway: Vec::new() },
            Self::MutualTls => mutual_tls(folder),
        }
    }
}

fn socket(folder: &Path) -> Vec<String> {
    let socket = folder.join("broker.sock");
    let own = std::fs::metadata(folder).expect("a temporary folder").uid();
    vec![
        format!("--listen=unix:{}", socket.display()),
        consumers(folder, &entry("gateway", &format!("uids = [{own}]"))),
    ]
}

fn consumers(folder: &Path, entries: &str) -> String {
    format!("--consumers-file={}", write(folder, "consumers.toml", entries))
}

/// An entry of the consumers file: who it is, and what it needs alone.
fn entry(name: &str, known_by: &str) -> String {
    format!("[consumers.{name}]\n{known_by}\nresources = [\"arm\"]\n")
}

fn write(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a temporary file");
    path.display().to_string()
}

fn mutual_tls(folder: &Path) -> HopFlags {
    let (servers, callers) =
        (Authority::named("authority of the servers"), Authority::named("authority of the callers"));
    let file = |name: &str, pem: &str| write(folder, name, pem);
    let (server_cert, server_key) = servers.issue("localhost").pems();
    let (caller_cert, caller_key) = callers.issue("gateway.internal").pems();
    for name in CONSUMERS.into_iter().chain([STRANGER]) {
        let (certificate, key) = callers.issue(&format!("{name}.internal")).pems();
        file(&format!("{name}.pem"), &certificate);
        file(&format!("{name}.key"), &key);
    }
    let known = CONSUMERS.into_iter().chain(["gateway"]);
    let known = known.map(|name| entry(name, &format!("sans = [\"dns:{name}.internal\"]")));
    HopFlags {
        broker: vec![
            "--listen=127.0.0.1:0".to_owned(),
            consumers(folder, &known.collect::<String>()),
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
