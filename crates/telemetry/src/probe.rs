//! Asks a service of this machine how it is: `gateway probe` and `token-broker probe`, for whoever can only start a
//! program in an image that holds no other (exec probes, compose, systemd).

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::command_line::try_parse;

mod tls;

/// A status line and a little more; what follows is of no use here.
const ANSWER_BYTES: u64 = 1024;

/// What a probe is told on its command line, besides where to look.
#[derive(Args, Clone, Copy, Debug)]
pub struct ProbeArgs {
    /// Ask whether the process lives (/healthz) in place of whether it can do its work (/readyz).
    #[arg(long)]
    pub live: bool,

    /// How long the answer may take, in seconds.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub timeout_seconds: u64,
}

/// Where a service says how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    address: SocketAddr,
    tls: bool,
}

impl Place {
    /// The health port where there is one, and else the admin port, over TLS if it is served so.
    pub fn of(health: Option<SocketAddr>, admin: SocketAddr, admin_tls: bool) -> Self {
        let (address, tls) = health.map_or((admin, admin_tls), |health| (health, false));
        Self { address: here(address), tls }
    }
}

/// The address by which this machine reaches what listens on `listen`: nobody can connect to "every address".
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// What the help of both says at its end.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  it answers, and well
  1  it does not; the reason is on stderr";

/// Reads the command line of a probe. What clap has to say is printed, and is the exit code: 1 for a mistake, as for every
/// other reason why nothing could be asked.
///
/// # Errors
/// The exit code.
pub fn parse<A: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<A, ExitCode> {
    try_parse(arguments, "").map_err(|told| {
        let _unread = told.print();
        if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    })
}

/// Asks once, and tells by its exit code: 0 if all is well, 1 if not, with the reason on stderr.
pub async fn run(args: ProbeArgs, place: Place) -> ExitCode {
    let patience = Duration::from_secs(args.timeout_seconds);
    let path = if args.live { "/healthz" } else { "/readyz" };
    let asked = timeout(patience, ask(place, path)).await;
    let fault = match asked.unwrap_or(Err(ProbeError::Silent { patience })) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(fault) => fault,
    };
    failed(&format!("{path} at {}: {fault}", place.address))
}

/// Tells why a probe fails. Where nobody reads it, the exit code says enough.
pub fn failed(why: &str) -> ExitCode {
    let _unread = writeln!(io::stderr(), "{why}");
    ExitCode::FAILURE
}

async fn ask(place: Place, path: &str) -> Result<(), ProbeError> {
    let stream = TcpStream::connect(place.address).await.map_err(ProbeError::Unreachable)?;
    let status = if place.tls {
        status(tls::connect(stream, place.address.ip()).await.map_err(ProbeError::Broken)?, path).await
    } else {
        status(stream, path).await
    };
    match status.map_err(ProbeError::Broken)? {
        Some(200) => Ok(()),
        Some(status) => Err(ProbeError::Status(status)),
        None => Err(ProbeError::NotHttp),
    }
}

/// The status of the answer, or nothing where it is no answer of HTTP.
async fn status(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> io::Result<Option<u16>> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES)).read_line(&mut line).await?;
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    Ok(status.and_then(|status| status.parse().ok()))
}

/// Why a probe fails.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("no connection: {0}")]
    Unreachable(io::Error),
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("no answer within {} s", patience.as_secs())]
    Silent { patience: Duration },
    #[error("what answers does not speak HTTP")]
    NotHttp,
    #[error("it answers {0}")]
    Status(u16),
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one connection with these bytes, or never where there are none.
    async fn answering(bytes: &'static str) -> Place {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 512];
            let _ = stream.read(&mut asked).await;
            if bytes.is_empty() {
                std::future::pending::<()>().await;
            }
            stream.write_all(bytes.as_bytes()).await.unwrap();
        });
        Place { address, tls: false }
    }

    #[tokio::test]
    async fn only_a_200_is_well() {
        for (answer, said) in [
            ("HTTP/1.1 200 OK\r\n\r\nready", None),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", Some("it answers 503")),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some("it answers 204")),
            ("SSH-2.0-x\r\n", Some("what answers does not speak HTTP")),
        ] {
            let fault = ask(answering(answer).await, "/readyz").await.err().map(|fault| fault.to_string());
            assert_eq!(fault.as_deref(), said, "{answer}");
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for() {
        let args = ProbeArgs { live: false, timeout_seconds: 1 };
        let code = run(args, answering("").await).await;
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    }

    #[test]
    fn the_health_port_is_asked_first_and_every_address_by_loopback() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let admin = address("10.0.0.7:9051");
        for (health, place) in [
            (Some("0.0.0.0:9052"), ("127.0.0.1:9052", false)),
            (Some("[::]:9052"), ("[::1]:9052", false)),
            (Some("10.0.0.7:9052"), ("10.0.0.7:9052", false)),
            (None, ("10.0.0.7:9051", true)),
        ] {
            let expected = Place { address: address(place.0), tls: place.1 };
            assert_eq!(Place::of(health.map(address), admin, true), expected);
        }
    }
}
