//! The files that settings name: there, readable, and what they should be. A path that is relative is the usual reason
//! for one that is not there, so the folder it was looked for in is named.

use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use telemetry::report::Finding;

use super::site::Site;
use crate::config::Args;
use crate::policy::PolicyError;

const NAME: &str = "files";

/// Every file of certificates or keys that a setting names, and whether keys fit certificates.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    let args = &site.args;
    let mut findings: Vec<_> = named(args)
        .into_iter()
        .filter_map(|(setting, path, holds)| Some((setting, path?, holds)))
        .filter_map(|(setting, path, holds)| holds.fault(setting, path))
        .collect();
    if findings.is_empty() {
        findings.extend(
            pairs(args)
                .into_iter()
                .filter_map(|(setting, certificate, key)| fault_of_pair(setting, certificate?, key?)),
        );
    }
    let count = named(args).iter().filter(|(_, path, _)| path.is_some()).count();
    if findings.is_empty() && count > 0 {
        let (subject, detail) = match count {
            1 => ("1 file that a setting names".to_owned(), "readable, and of its kind"),
            more => (format!("{more} files that settings name"), "readable, and of their kind"),
        };
        findings.push(Finding::ok(NAME, subject, detail));
    }
    std::future::ready(findings).await
}

/// The policy: it parses, and every tool is covered.
pub(super) async fn policy(site: &Site) -> Vec<Finding> {
    const NAME: &str = "policy";
    let path = site.args.policy_file.as_deref();
    let subject = path.map_or_else(|| "the built-in policy".to_owned(), |path| path.display().to_string());
    let finding = match &site.policy {
        Ok(_) => {
            let tools = crate::mcp::tool_names();
            Finding::ok(NAME, subject, format!("{} tools, each with an entry", tools.len()))
        }
        Err(error) => match &**error {
            PolicyError::Unreadable { source, .. } => {
                let path = path.unwrap_or_else(|| Path::new(""));
                unreadable(NAME, "GATEWAY_POLICY_FILE", path, source)
            }
            other => {
                let lines: Vec<_> = other.to_string().lines().map(str::trim).map(str::to_owned).collect();
                let fix = "Correct the policy file: the gateway does not start with it.";
                Finding::missing(NAME, subject, lines.join(" "), fix)
            }
        },
    };
    std::future::ready(vec![finding]).await
}

/// What a file should hold.
#[derive(Clone, Copy)]
enum Holds {
    Certificates,
    Key,
}

type NamedFile<'a> = (&'static str, Option<&'a Path>, Holds);

fn named(args: &Args) -> [NamedFile<'_>; 6] {
    [
        ("EXTRA_CA_FILE", args.outbound.extra_ca_file.as_deref(), Holds::Certificates),
        ("GATEWAY_TLS_CERT_FILE", args.tls_cert_file.as_deref(), Holds::Certificates),
        ("GATEWAY_TLS_KEY_FILE", args.tls_key_file.as_deref(), Holds::Key),
        ("GATEWAY_BROKER_CA_FILE", args.broker_ca_file.as_deref(), Holds::Certificates),
        ("GATEWAY_BROKER_CERT_FILE", args.broker_cert_file.as_deref(), Holds::Certificates),
        ("GATEWAY_BROKER_KEY_FILE", args.broker_key_file.as_deref(), Holds::Key),
    ]
}

fn pairs(args: &Args) -> [(&'static str, Option<&Path>, Option<&Path>); 2] {
    [
        ("GATEWAY_TLS_KEY_FILE", args.tls_cert_file.as_deref(), args.tls_key_file.as_deref()),
        ("GATEWAY_BROKER_KEY_FILE", args.broker_cert_file.as_deref(), args.broker_key_file.as_deref()),
    ]
}

impl Holds {
    fn fault(self, setting: &'static str, path: &Path) -> Option<Finding> {
        let text = match std::fs::read(path) {
            Ok(text) => zeroize::Zeroizing::new(text),
            Err(error) => return Some(unreadable(NAME, setting, path, &error)),
        };
        let (found, what) = match self {
            Self::Certificates => {
                (certificates(&text).is_some(), "PEM certificate (-----BEGIN CERTIFICATE-----)")
            }
            Self::Key => (
                PrivateKeyDer::from_pem_slice(&text).is_ok(),
                "PEM private key (-----BEGIN PRIVATE KEY-----)",
            ),
        };
        let detail = format!("{} holds no {what}", path.display());
        (!found).then(|| {
            Finding::missing(NAME, setting, detail, format!("Name a file in {setting} that holds one."))
        })
    }
}

fn certificates(text: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

fn fault_of_pair(setting: &'static str, certificate: &Path, key: &Path) -> Option<Finding> {
    let chain = certificates(&std::fs::read(certificate).ok()?)?;
    let text = zeroize::Zeroizing::new(std::fs::read(key).ok()?);
    let key = PrivateKeyDer::from_pem_slice(&text).ok()?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).err().map(|_| {
        let detail = format!("the key is not the one of the certificate in {}", certificate.display());
        Finding::missing(NAME, setting, detail, "Name the key that this certificate was made for.")
    })
}

fn unreadable(name: &str, setting: &'static str, path: &Path, error: &io::Error) -> Finding {
    let shown = path.display();
    let (detail, fix) = match error.kind() {
        io::ErrorKind::NotFound if path.is_relative() => {
            let folder =
                std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
            (
                format!("{shown} is not in {folder}, where a relative path is looked for"),
                format!("Write the whole path in {setting}, or start in the folder that holds the file."),
            )
        }
        io::ErrorKind::NotFound => {
            (format!("there is no file {shown}"), format!("Correct the path in {setting}."))
        }
        io::ErrorKind::PermissionDenied => (
            format!("{shown} may not be read by this user"),
            "Give the user that the gateway runs as the right to read it.".to_owned(),
        ),
        io::ErrorKind::IsADirectory => {
            (format!("{shown} is a folder"), format!("Name the file itself in {setting}."))
        }
        _ => (format!("{shown} cannot be read: {error}"), format!("Correct the path in {setting}.")),
    };
    Finding::missing(name, setting, detail, fix)
}
