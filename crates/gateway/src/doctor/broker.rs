//! The token broker: reachable, willing, and what its own preflight says of the tenant. All access to it is here.

use std::io;
use std::path::Path;
use std::time::Duration;

use identity::BearerToken;
use proto::status::{BrokerError, Reason};
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::v1::token_broker_server::SERVICE_NAME;
use proto::v1::{ExchangeRequest, PreflightCheck, PreflightRequest, PreflightResult};
use telemetry::report::{Finding, Outcome};
use tokio::net::UnixStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use url::Url;

use super::STEP_DEADLINE;
use super::site::Site;
use super::trouble::Trouble;
use crate::broker::{RESOURCE, SETTINGS_DIFFER, config};
use crate::refusal::{Refusal, admin_consent_url};

const NAME: &str = "broker";
const PREFLIGHT: &str = "preflight";
const EXCHANGE: &str = "exchange";
/// How often a broker that is not ready is asked again: one that has just started needs a moment.
const READY_LOOKS: u32 = 4;
const READY_PAUSE: Duration = Duration::from_millis(500);
/// The setting whose value is dialled.
const SETTING: &str = "GATEWAY_BROKER_URL";

/// Whether the broker answers and is ready, and its preflight.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    match reach(site).await {
        Ok(channel) => {
            let subject = site.args.broker_url.to_string();
            let mut findings = vec![Finding::ok(NAME, subject, "answers and is ready")];
            findings.extend(preflight(channel).await);
            findings
        }
        Err(finding) => vec![finding, unreached()],
    }
}

/// Exchanges a proved token as a tool call would. What comes back is dropped.
pub(super) async fn exchange(site: &Site, token: &BearerToken) -> Option<Finding> {
    // A broker that cannot be reached has its own line.
    let channel = reach(site).await.ok()?;
    let mut request = Request::new(ExchangeRequest {
        assertion: token.expose().to_owned(),
        resource: RESOURCE.to_owned(),
        claims: String::new(),
    });
    request.set_timeout(2 * STEP_DEADLINE);
    let subject = "this token for the same person's token for Azure";
    let mut client = TokenBrokerClient::new(channel);
    let exchange = tokio::time::timeout(2 * STEP_DEADLINE, client.exchange(request));
    match exchange.await {
        Ok(Ok(_dropped)) => {
            Some(Finding::ok(EXCHANGE, subject, "the broker exchanged it, and Entra ID agreed"))
        }
        Ok(Err(status)) => Some(refused(site, &BrokerError::from_status(&status), subject)),
        Err(_) => {
            let fix = "Look at the broker's log, and at the line of the authority on the broker's machine.";
            Some(Finding::unknown(EXCHANGE, subject, "the broker did not answer in time", fix))
        }
    }
}

fn refused(site: &Site, error: &BrokerError, subject: &str) -> Finding {
    let reason = error.metadata("reason").unwrap_or_default();
    if error.reason() == Some(Reason::InvalidToken) && SETTINGS_DIFFER.contains(&reason) {
        let detail = format!(
            "the broker refuses as {reason} what the gateway accepts, so every call is answered 503 broker_misconfigured"
        );
        let fix = "Give both the same tenant, audiences and token versions: GATEWAY_AUDIENCES as BROKER_AUDIENCES, GATEWAY_ACCEPT_V1_TOKENS as BROKER_ACCEPT_V1_TOKENS.";
        return Finding::missing(EXCHANGE, subject, detail, fix);
    }
    let refusal = crate::broker::refusal(error);
    let number = error.metadata("aadsts").map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
    let detail = format!("{}{number}: {}", refusal.code(), error.message());
    if let Refusal::ConsentRequired { permission } = &refusal {
        let fix = format!("Let an administrator consent to {permission} for this server.");
        let url = admin_consent_url(&site.endpoints.authority, &site.args);
        return Finding::missing(EXCHANGE, subject, detail, fix).at(url);
    }
    Finding::missing(EXCHANGE, subject, detail, super::token::sentence(&refusal.detail()))
}

/// A connection over which the broker said that it is ready.
async fn reach(site: &Site) -> Result<Channel, Finding> {
    let url = &site.args.broker_url;
    let missing = |detail: String, fix: String| Finding::missing(NAME, url.to_string(), detail, fix);
    if let Some(path) = url.as_str().strip_prefix("unix:") {
        socket(Path::new(path)).await.map_err(|(detail, fix)| missing(detail, fix))?;
    }
    let channel = config(&site.args).channel().map_err(|error| {
        missing(
            error.to_string(),
            "Correct the GATEWAY_BROKER_* files; each has a line of its own.".to_owned(),
        )
    })?;
    let mut client = HealthClient::new(channel.clone());
    for look in 0..READY_LOOKS {
        if look > 0 {
            tokio::time::sleep(READY_PAUSE).await;
        }
        let request = HealthCheckRequest { service: SERVICE_NAME.to_owned() };
        match tokio::time::timeout(STEP_DEADLINE, client.check(request)).await {
            Ok(Ok(response)) if response.get_ref().status() == ServingStatus::Serving => return Ok(channel),
            Ok(Ok(_not_yet)) => {}
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                let detail = "what listens there is a gRPC service, but no token broker".to_owned();
                return Err(missing(detail, format!("Correct host and port in {SETTING}.")));
            }
            Ok(Err(status)) => return Err(unreachable(site, &status).await),
            Err(_) => {
                let detail = format!("no answer within {} seconds", STEP_DEADLINE.as_secs());
                return Err(missing(detail, Trouble::Slow.fix(SETTING)));
            }
        }
    }
    let fix = "Look at the broker's log and its /readyz: it names the check that fails.";
    Err(missing("it answers, but is not ready to exchange tokens".to_owned(), fix.to_owned()))
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
    let fix = "Mend the line of the broker first.";
    Finding::unknown(PREFLIGHT, "the broker's look at the tenant", "the broker was not reached", fix)
}

/// What the broker found when it last looked at the tenant.
async fn preflight(channel: Channel) -> Vec<Finding> {
    let subject = "the broker's look at the tenant";
    let unknown = |detail: String, fix: &str| vec![Finding::unknown(PREFLIGHT, subject, detail, fix)];
    let mut client = TokenBrokerClient::new(channel);
    let answer =
        tokio::time::timeout(STEP_DEADLINE, client.preflight(PreflightRequest { refresh: false })).await;
    let checks = match answer {
        Ok(Ok(response)) => response.into_inner().checks,
        Ok(Err(status)) if status.code() == Code::Unimplemented => {
            return unknown(
                "this version of the broker serves no preflight".to_owned(),
                "Update the broker.",
            );
        }
        Ok(Err(status)) => {
            let error = BrokerError::from_status(&status);
            if error.reason() == Some(Reason::ConsumerNotAllowed) {
                return vec![not_allowed(&error)];
            }
            return unknown(error.message().to_owned(), "Look at the broker's log.");
        }
        Err(_) => return unknown("no answer in time".to_owned(), "Look at the broker's log."),
    };
    if checks.is_empty() {
        return unknown("the broker has not looked yet".to_owned(), "Run doctor again in a minute.");
    }
    checks.into_iter().map(line).collect()
}

fn not_allowed(error: &BrokerError) -> Finding {
    let cause = error.metadata("cause").unwrap_or("unknown_consumer");
    let detail = format!("consumer_not_allowed ({cause}): the broker does not serve this gateway");
    let fix =
        "Name this gateway's certificate, or its user id on a unix socket, in the broker's consumers file.";
    Finding::missing("consumer", "this gateway as a consumer of the broker", detail, fix)
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
