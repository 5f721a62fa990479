//! The file that says which clients there are: each with its id in Entra ID, and where its people are sent back to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use identity::ClientId;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::fault::Fault;
use crate::policy::Policy;

/// Settings of the sign-in facade.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sign-in facade")]
pub struct SignInArgs {
    /// TOML file of the clients that sign in through this server, on an MCP path of their own, where Entra ID alone does not
    /// serve them [default: none, and then there is no such path].
    #[arg(long, env = "GATEWAY_SIGN_IN_FILE")]
    pub sign_in_file: Option<PathBuf>,
}

/// What the file says, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInSettings {
    /// The MCP path, which the facade's own stand below.
    pub(crate) path: String,
    /// Whether clients may ask for an id of the table.
    pub(super) registration: bool,
    pub(crate) clients: Vec<Client>,
}

/// A client that may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    name: String,
    id: ClientId,
    redirects: Vec<Redirect>,
    documents: Vec<String>,
    scopes: Option<Vec<String>>,
}

/// Where a code may be sent: compared letter by letter. On the person's own machine any port will do, for a client takes one that
/// is free (RFC 8252 section 7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Redirect {
    text: String,
    /// Of a loopback address: the host as it is written, and all behind the port.
    loopback: Option<(&'static str, String)>,
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// Schemes that browsers or systems act on by themselves.
const NO_CLIENTS: [&str; 10] =
    ["javascript", "vbscript", "data", "file", "blob", "about", "view-source", "ftp", "ws", "wss"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_path")]
    path: String,
    #[serde(default)]
    registration: bool,
    clients: BTreeMap<String, Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    redirect_uris: Vec<String>,
    #[serde(default)]
    metadata_documents: Vec<String>,
    scopes: Option<Vec<String>>,
}

fn default_path() -> String {
    "/connect/mcp".to_owned()
}

/// A file that cannot be used: which entry, what is wrong, and the fix.
#[derive(Debug, thiserror::Error)]
#[error("GATEWAY_SIGN_IN_FILE {0}")]
pub struct SignInError(String);

impl SignInSettings {
    /// Reads the file. `mcp_path` is that of the public URL; scopes are those of the policy.
    ///
    /// # Errors
    /// Names the file, the entry and the fix.
    pub(crate) fn of_file(file: &Path, mcp_path: &str, policy: &Policy) -> Result<Self, SignInError> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
        let settings = text.and_then(|text| Self::of(&text, mcp_path, policy));
        settings.map_err(|problem| SignInError(format!("{}: {problem}", file.display())))
    }

    pub(super) fn of(text: &str, mcp_path: &str, policy: &Policy) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        check_path(&file.path, mcp_path)?;
        let mut clients: Vec<Client> = Vec::new();
        for (name, entry) in file.clients {
            let line = text.bytes().take(entry.span().start).filter(|byte| *byte == b'\n').count() + 1;
            let named = |problem: String| format!("line {line}: [clients.{name}] {problem}");
            let client = Client::of(&name, entry.into_inner(), policy).map_err(named)?;
            if let Some(other) = clients.iter().find(|other| other.is(&client)) {
                let named = named(format!(
                    "has a client_id or a metadata document of [clients.{}]: join the two entries",
                    other.name
                ));
                return Err(named);
            }
            clients.push(client);
        }
        if clients.is_empty() {
            return Err("lists no client: add [clients.NAME] with client_id and redirect_uris, or leave the setting out".to_owned());
        }
        Ok(Self { path: file.path, registration: file.registration, clients })
    }

    /// The client that is called so, by its id or by the URL of its metadata document. That URL is never fetched.
    pub(super) fn client(&self, asked: Option<&str>) -> Result<&Client, Fault> {
        let asked = asked.ok_or(Fault::UnknownClient)?;
        let is_called = |client: &&Client| {
            client.id.to_string().eq_ignore_ascii_case(asked)
                || client.documents.iter().any(|document| document == asked)
        };
        self.clients.iter().find(is_called).ok_or(Fault::UnknownClient)
    }
}

impl Client {
    fn of(name: &str, entry: Entry, policy: &Policy) -> Result<Self, String> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return Err("is named with other characters than letters, digits, `-`, `_` and `.`".to_owned());
        }
        let id = entry.client_id.parse();
        let id = id.map_err(
            |_| "client_id is no GUID: it is the application id of the client's own registration in Entra ID",
        )?;
        if entry.redirect_uris.is_empty() {
            return Err("has no redirect_uris: list those that the client uses".to_owned());
        }
        let redirect = |uri: &String| {
            Redirect::of(uri).map_err(|why| format!("redirect_uris holds `{}`: {why}", uri.escape_debug()))
        };
        let redirects = entry.redirect_uris.iter().map(redirect).collect::<Result<_, _>>()?;
        let is_document = |url: &&String| !(url.starts_with("https://") && Redirect::of(url).is_ok());
        if let Some(odd) = entry.metadata_documents.iter().find(is_document) {
            return Err(format!(
                "metadata_documents holds `{}`: it is an https URL, as the client writes it",
                odd.escape_debug()
            ));
        }
        if let Some(scopes) = &entry.scopes {
            if let Some(odd) = scopes.iter().find(|scope| !policy.known().any(|known| known == *scope)) {
                return Err(format!(
                    "scopes holds `{}`: the policy has no such scope; write it as there, e.g. cost.read",
                    odd.escape_debug()
                ));
            }
            if let Some(base) = policy.base_scopes().iter().find(|base| !scopes.contains(base)) {
                return Err(format!("scopes lacks `{base}`, which everybody needs"));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            id,
            redirects,
            documents: entry.metadata_documents,
            scopes: entry.scopes,
        })
    }

    fn is(&self, other: &Self) -> bool {
        self.id == other.id || self.documents.iter().any(|document| other.documents.contains(document))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> ClientId {
        self.id
    }

    pub(crate) fn redirect_uris(&self) -> impl Iterator<Item = &str> {
        self.redirects.iter().map(|redirect| redirect.text.as_str())
    }

    /// The scopes that it gets where it names none; it may ask for no others.
    pub(super) fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }

    pub(super) fn may_ask_for(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|own| own == scope))
    }

    /// Whether a code may be sent there.
    pub(super) fn takes(&self, uri: &str) -> bool {
        self.redirects.iter().any(|redirect| redirect.is(uri))
    }
}

impl Redirect {
    fn of(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "it is no URI")?;
        let plain = text.bytes().all(|byte| matches!(byte, 0x21..=0x7e) && !b"\"#*<>\\^`{|}".contains(&byte));
        // What a parser writes otherwise than it was given is read by others otherwise.
        if !plain || ![text, &format!("{text}/")].contains(&url.as_str()) {
            return Err(
                "write it as the client does, without a fragment, a placeholder or anything that a parser would change",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it must hold no user name");
        }
        if NO_CLIENTS.contains(&url.scheme()) || !(url.has_host() || url.scheme().contains('.')) {
            return Err("no client is called back by this scheme");
        }
        let text = text.to_owned();
        if url.scheme() != "http" {
            return Ok(Self { text, loopback: None });
        }
        let host = LOOPBACK.into_iter().find(|host| url.host_str() == Some(host));
        let host = host.ok_or("http is for loopback alone: use https")?;
        let rest = behind(host, &text).ok_or("its port is no port")?.to_owned();
        Ok(Self { text, loopback: Some((host, rest)) })
    }

    fn is(&self, uri: &str) -> bool {
        match &self.loopback {
            None => self.text == uri,
            Some((host, rest)) => behind(host, uri) == Some(rest),
        }
    }
}

/// What stands behind host and port of an address of this host. The port is digits and nothing else, or is not there.
fn behind<'a>(host: &str, uri: &'a str) -> Option<&'a str> {
    let rest = uri.strip_prefix("http://")?.strip_prefix(host)?;
    let Some(port) = rest.strip_prefix(':') else { return Some(rest) };
    let (port, rest) = port.split_at(port.bytes().take_while(u8::is_ascii_digit).count());
    port.parse::<u16>().is_ok_and(|port| port > 0).then_some(rest)
}

fn check_path(path: &str, mcp_path: &str) -> Result<(), String> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !path.strip_prefix('/').is_some_and(|path| path.split('/').all(plain)) {
        return Err(format!("path is `{}`: write it like /connect/mcp", path.escape_debug()));
    }
    if mcp_path == path || mcp_path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')) {
        return Err(format!(
            "path is `{path}`, which GATEWAY_PUBLIC_URL has, or stands below: choose another, like /connect/mcp"
        ));
    }
    Ok(())
}
