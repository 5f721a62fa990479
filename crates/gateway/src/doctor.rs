//! `gateway doctor`: everything that is set wrong the first time, looked at from the outside in, before a user meets it.
//!
//! One table of checks, which run at the same time and each within a deadline. Every line says what was looked at, what
//! was found, and what to do in one sentence. Nothing is changed anywhere; with `--token-stdin` one token is exchanged
//! as a tool call would, and what comes back is dropped. No credential is ever printed, nor any part of one.
//!
//! Checking is all that is done here: [`telemetry::report`] shows it.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use identity::MAX_TOKEN_BYTES;
use identity::clock::{SharedClock, SystemClock};
use secrecy::SecretSlice;
use telemetry::report::{Finding, Report};

use self::deadline::CHECK_DEADLINE;
use self::settings::Given;
use self::site::Site;

mod audiences;
mod broker;
mod client;
mod command;
mod deadline;
mod discovery;
mod files;
mod heads;
mod hosts;
mod metadata;
mod settings;
mod sign_in;
mod site;
mod token;
mod trouble;
mod words;

/// One thing that is looked at.
struct Check {
    name: &'static str,
    /// Settings without which there is nothing to look at.
    needs: &'static [&'static str],
    look: for<'a> fn(&'a Site) -> BoxFuture<'a, Vec<Finding>>,
}

/// The checks, in the order to mend them in: what is near first.
const CHECKS: &[Check] = &[
    Check { name: "files", needs: &[], look: |site| files::look(site).boxed() },
    Check { name: "policy", needs: &["GATEWAY_POLICY_FILE"], look: |site| files::policy(site).boxed() },
    Check {
        name: "authority",
        needs: &["AZURE_CLOUD", "AZURE_AUTHORITY_HOST", "EXTRA_CA_FILE"],
        look: |site| hosts::authority(site).boxed(),
    },
    Check {
        name: "arm",
        needs: &["AZURE_CLOUD", "AZURE_ARM_ENDPOINT", "EXTRA_CA_FILE"],
        look: |site| hosts::arm(site).boxed(),
    },
    Check {
        name: "graph",
        needs: &["AZURE_CLOUD", "AZURE_GRAPH_ENDPOINT", "EXTRA_CA_FILE"],
        look: |site| hosts::graph(site).boxed(),
    },
    Check {
        name: "discovery",
        needs: &["AZURE_CLOUD", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "EXTRA_CA_FILE"],
        look: |site| discovery::look(site).boxed(),
    },
    Check {
        name: "audiences",
        needs: &["AZURE_CLIENT_ID", "GATEWAY_PUBLIC_URL", "GATEWAY_AUDIENCES", "GATEWAY_SCOPE_PREFIX"],
        look: |site| audiences::look(site).boxed(),
    },
    Check {
        name: "metadata",
        needs: &[
            "GATEWAY_PUBLIC_URL",
            "GATEWAY_LISTEN",
            "AZURE_TENANT_ID",
            "AZURE_AUTHORITY_HOST",
            "EXTRA_CA_FILE",
        ],
        look: |site| metadata::look(site).boxed(),
    },
    Check {
        name: "sign_in",
        needs: &["GATEWAY_SIGN_IN_FILE", "GATEWAY_POLICY_FILE", "GATEWAY_PUBLIC_URL", "EXTRA_CA_FILE"],
        look: |site| sign_in::look(site).boxed(),
    },
    Check {
        name: "broker",
        needs: &[
            "GATEWAY_BROKER_URL",
            "GATEWAY_BROKER_CA_FILE",
            "GATEWAY_BROKER_CERT_FILE",
            "GATEWAY_BROKER_KEY_FILE",
        ],
        look: |site| broker::look(site).boxed(),
    },
    Check {
        name: "token",
        needs: &["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST", "EXTRA_CA_FILE"],
        look: |site| token::look(site).boxed(),
    },
];

/// What the command line asks the doctor for.
#[derive(Debug)]
pub struct Request {
    given: Given,
    /// Whether the report is printed as JSON.
    pub json: bool,
    /// Whether a token comes on standard input.
    pub token_stdin: bool,
    /// The MCP client that is asked about.
    client: Option<String>,
}

impl Request {
    /// Reads the command line behind `doctor`, and the environment. What is wrong with a setting is a finding.
    ///
    /// # Errors
    /// Only where the command line asks for help or the version.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        command::parse(arguments.into_iter().collect())
    }

    /// Looks at everything, and at a token as it was piped in, whatever that is. Takes half a minute at most.
    pub async fn examine(self, token: Option<SecretSlice<u8>>, clock: SharedClock) -> Report {
        let checked_at = clock.now();
        let Given { args, unusable, mut findings } = self.given;
        let client = self.client;
        let site = Arc::new(Site::new(args, unusable, token, clock));
        findings.extend(join_all(CHECKS.iter().map(|check| check.run(&site))).await.into_iter().flatten());
        findings.extend(sign_in::clients(&site, &findings));
        if let Some(client) = client {
            findings.extend(client::look(&site, &client, &findings));
        }
        Report { tool: "gateway doctor", checked_at, findings }
    }
}

impl Check {
    async fn run(&self, site: &Site) -> Vec<Finding> {
        if self.name == "token" && site.token.is_none() {
            return Vec::new();
        }
        // The setting has a line of its own; this one says what that leaves in the dark.
        if let Some(setting) = self.needs.iter().find(|setting| site.unusable.contains(**setting)) {
            let why = format!("not looked at: {setting} has no value that can be used");
            return vec![Finding::unknown(self.name, *setting, why, format!("Mend {setting} first."))];
        }
        let looked = tokio::time::timeout(CHECK_DEADLINE, (self.look)(site)).await;
        looked.unwrap_or_else(|_| {
            let seconds = CHECK_DEADLINE.as_secs();
            let why = format!("this took longer than {seconds} seconds and was given up");
            vec![Finding::unknown(self.name, "the whole check", why, "Run doctor again.")]
        })
    }
}

/// The subcommand: looks, prints, and tells the exit code.
///
/// # Errors
/// When standard input cannot be read or standard output cannot be written.
pub async fn main(arguments: impl IntoIterator<Item = OsString>) -> std::io::Result<ExitCode> {
    let request = Request::parse(arguments).unwrap_or_else(|help| help.exit());
    let json = request.json;
    let token = if request.token_stdin { Some(read_token()?) } else { None };
    request.examine(token, Arc::new(SystemClock)).await.print(json)
}

/// What is on standard input: bytes, for it may be no text. More than any token has is not read.
fn read_token() -> std::io::Result<SecretSlice<u8>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let limit = 4 * MAX_TOKEN_BYTES as u64;
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    Ok(SecretSlice::from(std::mem::take(&mut *bytes)))
}
