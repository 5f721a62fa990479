//! The token broker: reachable, willing, and what its own preflight says of the tenant. All access to it is here and in
//! `exchange`.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proto::client::Channel;
use proto::status::{BrokerError, ConsumerCause, Reason, metadata};
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::v1::token_broker_server::SERVICE_NAME;
use proto::v1::{PreflightCheck, PreflightRequest, PreflightResponse, PreflightResult};
use telemetry::report::{Finding, Outcome};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use url::Url;

use super::deadline::{CHECK_DEADLINE, STEP_DEADLINE};
use super::site::Site;
use super::trouble::Trouble;

pub(super) use exchange::exchange;

mod exchange;

const NAME: &str = "broker";
const PREFLIGHT: &str = "preflight";
const LOOK: &str = "the broker's look at the tenant";
const CONSUMER: &str = "consumer";
/// How often a broker that is not ready is asked again: one that has just started needs a moment.
const READY_LOOKS: u32 = 4;
const READY_PAUSE: Duration = Duration::from_millis(500);
/// How long a new look at the tenant is waited for. The broker itself answers within 17 seconds.
const PREFLIGHT_DEADLINE: Duration = Duration::from_secs(19);
const _: () = assert!(STEP_DEADLINE.as_secs() + PREFLIGHT_DEADLINE.as_secs() < CHECK_DEADLINE.as_secs());
/// The setting whose value is dialled.
const SETTING: &str = "GATEWAY_BROKER_URL";

/// Whether the broker answers and is ready, and its preflight, which one that is not ready answers as well.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    match reach(site).await {
        Ok(Reached { channel, ready }) => {
            let mut findings = vec![answers(site, ready)];
            findings.extend(preflight(channel).await);
            findings
        }
        Err(finding) => vec![finding, unreached()],
    }
}

fn answers(site: &Site, ready: bool) -> Finding {
    let subject = site.args.broker_url.to_string();
    if ready {
        return Finding::ok(NAME, subject, "answers and is ready");
    }
    let fix = "Mend those that are not ok; where all are, the broker's /readyz names the check that fails.";
    Finding::missing(NAME, subject, "answers, but is not ready; the lines below say why", fix)
}

/// A broker that answers.
struct Reached {
    channel: Channel,
    /// Whether it said so. One that is not ready still answers every call.
    ready: bool,
}

/// A connection over which the broker answered.
async fn reach(site: &Site) -> Result<Reached, Finding> {
    let url = &site.args.broker_url;
    let missing = |detail: String, fix: String| Finding::missing(NAME, url.to_string(), detail, fix);
    if let Some(path) = url.as_str().strip_prefix("unix:") {
        socket(Path::new(path)).await.map_err(|(detail, fix)| missing(detail, fix))?;
    }
    let channel = site.args.broker().channel().map_err(|error| {
        missing(
            error.to_string(),
            "Correct the GATEWAY_BROKER_* files; each has a line of its own.".to_owned(),
        )
    })?;
    let mut client = HealthClient::new(channel.clone());
    let until = Instant::now() + STEP_DEADLINE;
    for look in 0..READY_LOOKS {
        if look > 0 {
            tokio::time::sleep(READY_PAUSE).await;
        }
        let request = HealthCheckRequest { service: SERVICE_NAME.to_owned() };
        match timeout_at(until, client.check(request)).await {
            Ok(Ok(response)) if response.get_ref().status() == ServingStatus::Serving => {
                return Ok(Reached { channel, ready: true });
            }
            Ok(Ok(_not_yet)) => {}
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                let detail = "what listens there is a gRPC service, but no token broker".to_owned();
                return Err(missing(detail, format!("Correct host and port in {SETTING}.")));
            }
            Ok(Err(status)) => return Err(unreachable(site, &status).await),
            Err(_) if look > 0 => break,
            Err(_) => {
                let detail = format!("no answer within {} seconds", STEP_DEADLINE.as_secs());
                return Err(missing(detail, Trouble::Slow.fix(SETTING)));
            }
        }
    }
    Ok(Reached { channel, ready: false })
}

async fn unreachable(site: &Site, status: &Status) -> Finding {
    let url = &site.args.broker_url;
    // A socket has no host; its own trouble was told before.
    let host = Url::parse(url.as_str()).ok().filter(Url::has_host);
    let host = host.or_else(|| Url::parse("http://localhost").ok());
    let (Some(host), subject) = (host, url.to_string()) else {
        return Finding::missing(NAME, url.to_string(), status.message(), format!("Correct {SETTING}."));
    };
    let trouble = Trouble::of(status, &host).await;
    let fix = match &trouble {
        Trouble::Untrusted => {
            "Name the authority that signed the broker's certificate in GATEWAY_BROKER_CA_FILE.".to_owned()
        }
        Trouble::OwnCertificate => {
            "Set GATEWAY_BROKER_CERT_FILE and GATEWAY_BROKER_KEY_FILE to a certificate that an authority in the broker's BROKER_TLS_CLIENT_CA_FILE signed.".to_owned()
        }
        Trouble::OtherProtocol if !url.is_tls() => {
            format!("If the broker serves TLS (BROKER_TLS_CERT_FILE), write https:// in {SETTING} and set the GATEWAY_BROKER_* files.")
        }
        other => other.fix(SETTING),
    };
    Finding::missing(NAME, subject, trouble.detail(&host), fix)
}

/// Whether a unix socket can be used: the file system says more than the transport would.
async fn socket(path: &Path) -> Result<(), (String, String)> {
    let connected = tokio::time::timeout(STEP_DEADLINE, UnixStream::connect(path)).await;
    let error = match connected {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => return Err(("no answer in time".to_owned(), "Look at the broker's log.".to_owned())),
    };
    let shown = path.display();
    Err(match error.kind() {
        io::ErrorKind::NotFound => (
            format!("there is no socket {shown}"),
            format!("Start the broker, and give it the same path in BROKER_LISTEN as {SETTING} has."),
        ),
        io::ErrorKind::PermissionDenied => (
            format!("this user may not use {shown}: the socket is private to the broker's user"),
            "Run the gateway (and doctor) as the broker's user.".to_owned(),
        ),
        io::ErrorKind::ConnectionRefused => (
            format!("nobody listens behind {shown}"),
            "Start the broker: the socket is left over.".to_owned(),
        ),
        _ => (format!("{shown} cannot be used: {error}"), format!("Correct {SETTING}.")),
    })
}

fn unreached() -> Finding {
    unlooked("the broker was not reached", "Mend the line of the broker first.")
}

/// Nothing is known of the tenant.
fn unlooked(detail: &str, fix: &str) -> Finding {
    Finding::unknown(PREFLIGHT, LOOK, detail, fix)
}

/// What the broker finds when it looks at the tenant now: what was just mended there shall not be shown as it was.
async fn preflight(channel: Channel) -> Vec<Finding> {
    let mut client = TokenBrokerClient::new(channel);
    let asked = client.preflight(PreflightRequest { refresh: true });
    match tokio::time::timeout(PREFLIGHT_DEADLINE, asked).await {
        Ok(Ok(response)) => looked(response.into_inner()),
        Ok(Err(status)) if status.code() == Code::Unimplemented => {
            vec![unlooked("this version of the broker serves no preflight", "Update the broker.")]
        }
        Ok(Err(status)) => {
            let error = BrokerError::from_status(&status);
            if error.reason() == Some(Reason::ConsumerNotAllowed) {
                return vec![not_allowed(&error)];
            }
            vec![unlooked(error.message(), "Look at the broker's log.")]
        }
        Err(_) => vec![unlooked("no answer in time", "Look at the broker's log.")],
    }
}

/// When the broker looked, and what it saw.
fn looked(response: PreflightResponse) -> Vec<Finding> {
    if response.checks.is_empty() {
        let detail = "the broker has not looked yet: since it started, no look has come to an end";
        return vec![unlooked(
            detail,
            "Run doctor again in a minute; if it stays so, the broker's log says why.",
        )];
    }
    let findings: Vec<_> = response.checks.into_iter().map(line).collect();
    let at = response.checked_at.and_then(|at| Timestamp::from_second(at.seconds).ok());
    // Where nothing was seen, each line says why, and a time would say that something was.
    let seen = findings.iter().any(|finding| finding.outcome != Outcome::Unknown);
    let when = at.filter(|_| seen).map(|at| Finding::ok(PREFLIGHT, LOOK, format!("looked at {at}")));
    when.into_iter().chain(findings).collect()
}

fn not_allowed(error: &BrokerError) -> Finding {
    let cause = error.metadata(metadata::CAUSE).unwrap_or(ConsumerCause::UnknownConsumer.as_str());
    let (why, fix) = match cause.parse() {
        Ok(ConsumerCause::Resource) => (
            "the broker serves this gateway, but not with tokens for Azure",
            "Add \"arm\" to `resources` of this gateway's entry in the broker's consumers file.",
        ),
        Ok(ConsumerCause::AmbiguousConsumer) => (
            "more than one entry of the broker's consumers file fits this gateway",
            "Let one entry alone name this gateway's certificate in the broker's consumers file.",
        ),
        _ => (
            "the broker does not serve this gateway",
            "Name this gateway's certificate, or its user id on a unix socket, in the broker's consumers file.",
        ),
    };
    let detail = format!("consumer_not_allowed ({cause}): {why}");
    Finding::missing(CONSUMER, "this gateway as a consumer of the broker", detail, fix)
}

fn line(check: PreflightCheck) -> Finding {
    let outcome = match check.result() {
        PreflightResult::Granted => Outcome::Ok,
        PreflightResult::Missing => Outcome::Missing,
        PreflightResult::Unknown | PreflightResult::Unspecified => Outcome::Unknown,
    };
    // Both look at clock, audiences and token version, each from its own side: the names say which.
    let name = format!("{PREFLIGHT}.{}", check.name);
    let finding = Finding::new(&name, check.subject, outcome, check.detail, check.fix);
    if check.admin_consent_url.is_empty() { finding } else { finding.at(check.admin_consent_url) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_broker_looked_is_said_where_it_saw_something() {
        let check = |result: PreflightResult| PreflightCheck {
            name: "clock".to_owned(),
            result: result.into(),
            ..PreflightCheck::default()
        };
        let response = |results: &[PreflightResult]| {
            let checks = results.iter().copied().map(check).collect();
            let mut response = PreflightResponse { checks, ..PreflightResponse::default() };
            let at = response.checked_at.get_or_insert_default();
            (at.seconds, at.nanos) = (1_795_341_600, 500);
            looked(response).into_iter().map(|finding| (finding.name, finding.detail)).collect::<Vec<_>>()
        };
        let time = ("preflight".to_owned(), "looked at 2026-11-22T10:00:00Z".to_owned());
        let clock = ("preflight.clock".to_owned(), String::new());
        let (granted, unknown) = (PreflightResult::Granted, PreflightResult::Unknown);
        assert_eq!(response(&[granted, unknown]), [time, clock.clone(), clock.clone()]);
        assert_eq!(response(&[unknown]), [clock]);
        let never = response(&[]);
        assert!(never.len() == 1 && never[0].1.starts_with("the broker has not looked yet"), "{never:?}");
    }
}
