//! `token-broker purge`: has running brokers forget a person's tokens, for whoever has a shell and no gRPC client at two in the
//! morning. It goes through the front door: what a consumer may not, this command may not either.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use identity::TenantId;
use identity::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use proto::client::{
    BrokerAddress, Client, ClientConfig, Purge, Resolve, Resolving, SetupError, TlsFiles as ClientFiles,
};
use proto::{BrokerError, Reason};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::listeners::Listen;
use crate::tls::TlsFiles;

/// How long all tries together may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest pause before another try that a broker may ask for: one whose Redis did not take the purge asks for 5 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is to be forgotten, and how the broker is reached.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct PurgeArgs {
    /// The person's object id: `az ad user show --id alice@contoso.com --query id --output tsv`.
    #[arg(long, value_name = "OID", value_parser = oid)]
    pub user: Uuid,

    /// The broker, as a consumer writes its address [default: the one of BROKER_LISTEN, on this machine].
    #[arg(long, value_name = "URL")]
    pub broker: Option<BrokerAddress>,

    /// PEM file with the authority of the broker's certificate [default: BROKER_TLS_CLIENT_CA_FILE].
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// PEM file with the certificate of a consumer that may purge [default: BROKER_TLS_CERT_FILE].
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub cert_file: Option<PathBuf>,

    /// PEM file with its key [default: BROKER_TLS_KEY_FILE].
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub key_file: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A broker, as its own settings say how it is reached.
#[derive(Clone, Debug)]
pub struct Here {
    /// Whose users it serves.
    pub tenant: TenantId,
    /// Where it listens.
    pub listen: Listen,
    /// The files it is known by, if it is reached over mutual TLS.
    pub tls: Option<TlsFiles>,
    /// Whether what one replica is told reaches the others.
    pub is_shared: bool,
}

/// Has the broker forget the person.
///
/// # Errors
/// [`PurgeError`] says what to do.
pub async fn purge(args: &PurgeArgs, here: &Here, clock: &SharedClock) -> Result<Purged, PurgeError> {
    let client = Client::new(config(args, here)?.with_deadline(DEADLINE).with_patience(PATIENCE))?;
    let (tenant, user) = (here.tenant.to_string(), args.user.to_string());
    let effective_at = client
        .purge_user(Purge { tenant_id: &tenant, user_oid: &user })
        .await
        .map_err(|error| PurgeError::told(error, here, args))?;
    let effective_at = Timestamp::try_from(effective_at).map_err(|_| PurgeError::Odd)?;
    Ok(Purged { user: args.user, effective_at, told_at: clock.now(), is_shared: here.is_shared })
}

fn config(args: &PurgeArgs, here: &Here) -> Result<ClientConfig, PurgeError> {
    let config = match &args.broker {
        Some(address) => ClientConfig::new(address.clone()),
        None => own(here)?,
    };
    if !config.address().is_tls() {
        return Ok(config);
    }
    let own = here.tls.as_ref();
    let authority = args.ca_file.as_ref().or(own.and_then(|files| files.client_ca.as_ref()));
    let authority = authority.ok_or(PurgeError::Unset("--ca-file"))?;
    let given = args.cert_file.as_ref().zip(args.key_file.as_ref());
    let (certificate, key) = given
        .or(own.map(|files| (&files.cert, &files.key)))
        .ok_or(PurgeError::Unset("--cert-file and --key-file"))?;
    Ok(config.with_tls(ClientFiles::new(authority).with_identity(certificate, key)))
}

/// The broker of these settings on this machine: under the name that its certificate is for, and not any other that the name
/// leads to.
fn own(here: &Here) -> Result<ClientConfig, PurgeError> {
    match (&here.listen, &here.tls) {
        (Listen::Tcp(address), Some(files)) => {
            let name = files.server_name().ok_or(PurgeError::NoName)?;
            let config = at(&format!("https://{name}:{}", address.port()))?;
            Ok(config.with_resolver(Arc::new(Only(on_this_machine(*address)))))
        }
        (Listen::Tcp(address), None) => at(&format!("http://{address}")),
        (Listen::Unix(path), _) => at(&format!("unix:{}", path.display())),
    }
}

fn at(text: &str) -> Result<ClientConfig, PurgeError> {
    text.parse().map(ClientConfig::new).map_err(|_| PurgeError::Unset("--broker"))
}

/// Every name is this address.
#[derive(Debug)]
struct Only(SocketAddr);

impl Resolve for Only {
    fn resolve(&self, _: &str, _: u16) -> Resolving {
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn oid(text: &str) -> Result<Uuid, String> {
    const NO_OID: &str = "it is no object id: a person's is a GUID, `az ad user show --id NAME --query id --output tsv` prints it";
    Uuid::try_parse(text.trim()).map_err(|_| NO_OID.to_owned())
}

/// A person whose tokens are forgotten.
#[derive(Clone, Debug)]
pub struct Purged {
    user: Uuid,
    /// From when on no replica that was told serves what it held before.
    effective_at: Timestamp,
    told_at: Timestamp,
    is_shared: bool,
}

impl Purged {
    /// Prints it to standard output, as sentences or as one JSON document.
    ///
    /// # Errors
    /// When nobody reads.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout();
        if as_json { writeln!(out, "{:#}", self.json()) } else { writeln!(out, "{self}") }
    }

    fn json(&self) -> Value {
        json!({
            "version": 1, "tool": "token-broker purge", "user": self.user, "effective_at": self.effective_at.to_string(),
            "in_seconds": self.in_seconds(), "replicas": if self.is_shared { "all" } else { "one" },
        })
    }

    fn in_seconds(&self) -> i64 {
        let left = self.effective_at.duration_since(self.told_at).max(SignedDuration::ZERO);
        // A second begun is a second in which a token may be served.
        left.as_secs() + i64::from(left.subsec_nanos() > 0)
    }
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The tokens of {} are forgotten. ", self.user)?;
        match (self.in_seconds(), self.is_shared) {
            (0, true) => f.write_str("This holds now: every running replica has confirmed it.")?,
            (0, false) => f.write_str(
                "This holds now, at the one broker that was asked. It shares no cache (BROKER_REDIS_URL): ask each replica.",
            )?,
            (seconds, _) => write!(
                f,
                "This holds from {} on, in {seconds} seconds: one replica has not confirmed it, and may serve what it holds \
                 until then.",
                self.effective_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            )?,
        }
        f.write_str(
            "\nTheir sign-in is not ended by this. Unless it was revoked at Entra ID before, the next call exchanges again.",
        )
    }
}

/// Why nobody was forgotten, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// What mutual TLS needs is set nowhere.
    #[error("the broker is reached over mutual TLS: give {0}, or the broker's own BROKER_TLS_* settings")]
    Unset(&'static str),
    /// A server's certificate without a name to ask for.
    #[error(
        "BROKER_TLS_CERT_FILE cannot be read, or has no DNS name to reach the broker by: give --broker https://name:port"
    )]
    NoName,
    /// Files or an address that cannot be used.
    #[error("the broker cannot be asked: {0}")]
    SetUp(#[from] SetupError),
    /// The broker refused, or nobody answered.
    #[error("{error}. {fix}")]
    Refused {
        /// What came.
        error: BrokerError,
        /// What to do.
        fix: String,
    },
    /// A time that is none.
    #[error("the broker's answer holds a time that is none; is it of another version?")]
    Odd,
}

impl PurgeError {
    fn told(error: BrokerError, here: &Here, args: &PurgeArgs) -> Self {
        let fix = match error.reason() {
            Some(Reason::ConsumerNotAllowed) => may_purge(here, args),
            Some(Reason::PurgeIncomplete) => {
                "It holds at the broker that was asked; the others may go on with what they hold. Run it again.".to_owned()
            }
            Some(_) => "Run it again.".to_owned(),
            None => "Is the broker running, with these settings? Over mutual TLS, --ca-file is the authority of its \
                     certificate, and --cert-file one of a consumer."
                .to_owned(),
        };
        Self::Refused { error, fix }
    }
}

/// What makes whoever asked a consumer that may purge.
fn may_purge(here: &Here, args: &PurgeArgs) -> String {
    let by = match (&args.broker, &here.listen, &here.tls) {
        (Some(address), ..) if address.is_tls() => "the name of this certificate in `sans`",
        (None, Listen::Tcp(_), Some(_)) => "the name of this certificate in `sans`",
        (None, Listen::Tcp(_), None) => "`loopback = true`",
        _ => "this user's id in `uids`",
    };
    format!("Give a consumer with {by} `purge = true` in BROKER_CONSUMERS_FILE, or ask as one that has it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purged(effective_at: &str, is_shared: bool) -> Purged {
        let told_at = "2026-11-22T02:00:00Z".parse().unwrap();
        Purged { user: Uuid::nil(), effective_at: effective_at.parse().unwrap(), told_at, is_shared }
    }

    #[test]
    fn from_when_on_it_holds_is_said() {
        for (effective_at, is_shared, words, seconds) in [
            ("2026-11-22T02:00:00Z", true, "now: every running replica", 0),
            ("2026-11-22T01:59:58Z", true, "now: every running replica", 0),
            ("2026-11-22T02:00:00Z", false, "now, at the one broker that was asked", 0),
            ("2026-11-22T02:00:29.001Z", true, "from 2026-11-22T02:00:29Z on, in 30 seconds", 30),
        ] {
            let purged = purged(effective_at, is_shared);
            assert!(purged.to_string().contains(words), "{purged}");
            assert!(purged.to_string().contains("revoked at Entra ID before"), "{purged}");
            assert_eq!(purged.json()["in_seconds"], seconds);
        }
    }

    #[test]
    fn a_person_is_named_by_object_id() {
        assert!(oid(" 00000000-0000-4000-8000-00000000a11c ").is_ok());
        assert!(oid("alice@contoso.com").unwrap_err().contains("az ad user show"));
    }
}
