//! What the checks share: the settings, the clients, the clock, and how one look over the network is made.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use identity::clock::SharedClock;
use identity::cloud::Endpoints;
use identity::outbound::OutboundError;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::SecretSlice;
use tokio::net::TcpStream;
use url::Url;

use super::deadline::STEP_DEADLINE;
use super::trouble::Trouble;
use crate::config::Args;
use crate::mcp::tool_names;
use crate::policy::{Policies, Policy, PolicyError};
use crate::sign_in::SignInSettings;

/// More than any document that is looked at.
const MAX_BODY_BYTES: usize = 512 * 1024;

/// The installation under examination.
pub(super) struct Site {
    pub(super) args: Args,
    /// Settings without a usable value, by environment name.
    pub(super) unusable: BTreeSet<String>,
    pub(super) endpoints: Endpoints,
    pub(super) policy: Result<Arc<Policy>, Arc<PolicyError>>,
    /// The file of the sign-in facade, if there is one.
    pub(super) sign_in: Option<Result<SignInSettings, String>>,
    /// What was piped in as a token.
    pub(super) token: Option<SecretSlice<u8>>,
    pub(super) clock: SharedClock,
    /// What the gateway itself calls out with.
    pub(super) http: Result<Client, String>,
    /// Looks at the gateway from outside.
    pub(super) observer: Result<Client, String>,
}

impl Site {
    pub(super) fn new(
        args: Args,
        mut unusable: BTreeSet<String>,
        token: Option<SecretSlice<u8>>,
        clock: SharedClock,
    ) -> Self {
        let outbound = args.outbound.clone();
        if matches!(
            outbound.client(),
            Err(OutboundError::NoCertificate { .. } | OutboundError::Unreadable { .. })
        ) {
            unusable.insert("EXTRA_CA_FILE".to_owned());
        }
        let tools = tool_names();
        let policy = match &args.policy_file {
            Some(path) => Policies::of_file(path, &tools).map(|policies| policies.current()),
            None => Policy::built_in(&tools).map(Arc::new),
        };
        let sign_in = args.sign_in.sign_in_file.as_deref().map(|file| {
            let policy =
                policy.as_ref().map_err(|_| "not read: the policy says which scopes there are".to_owned())?;
            SignInSettings::of_file(file, args.public_url.path(), policy).map_err(|error| error.to_string())
        });
        Self {
            sign_in,
            unusable,
            endpoints: endpoints(&args),
            policy: policy.map_err(Arc::new),
            token,
            clock,
            http: built(outbound.client()),
            observer: built(outbound.observer()),
            args,
        }
    }

    /// The audiences that are this API. An empty entry has a line of its own among the settings.
    pub(super) fn audiences(&self) -> Vec<String> {
        identity::audiences(&self.args.audiences, self.args.client_id).unwrap_or_default()
    }

    /// What stands before `/cost.read` in a fully qualified scope.
    pub(super) fn scope_prefix(&self) -> String {
        self.args.scope_prefix_in_force()
    }
}

#[expect(
    clippy::expect_used,
    reason = "overrides that are unusable were set aside when the settings were read"
)]
fn endpoints(args: &Args) -> Endpoints {
    args.cloud.endpoints().expect("the hosts are usable")
}

fn built(client: Result<Client, OutboundError>) -> Result<Client, String> {
    client.map_err(|error| error.to_string())
}

/// What a URL answers, within the deadline.
///
/// # Errors
/// Why nothing was answered.
pub(super) async fn ask(request: RequestBuilder, host: &Url) -> Result<Response, Trouble> {
    match tokio::time::timeout(STEP_DEADLINE, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Trouble::of(&error, host).await),
        Err(_) => Err(Trouble::Slow),
    }
}

/// The body of an answer, if it is one that can be read in time and size.
pub(super) async fn body(response: Response) -> Option<Vec<u8>> {
    let read = identity::outbound::read_bounded(response, MAX_BODY_BYTES);
    tokio::time::timeout(STEP_DEADLINE, read).await.ok()?.ok()
}

/// Whether anything accepts connections at an address that this machine listens on.
pub(super) async fn listens(address: SocketAddr) -> bool {
    let mut address = address;
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    matches!(tokio::time::timeout(STEP_DEADLINE, TcpStream::connect(address)).await, Ok(Ok(_)))
}
