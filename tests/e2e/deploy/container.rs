//! A service as a process that sees what its container would: files at their own paths under `/run`, and names of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use reqwest::{Certificate, Client};
use testkit::Authority;
use tokio::process::{Child, Command};

/// In a mount namespace, which nobody else sees.
const INSIDE: &str = r#"mount --bind "$1" /etc/hosts && mount --bind "$2" /run && shift 2 && exec "$@""#;
const NAMESPACES: &str =
    "unshare (util-linux) and user namespaces are needed: sysctl kernel.unprivileged_userns_clone=1";

/// Starts a service with exactly this environment. `folder` has its `hosts` and its `run`; what it says goes to `log`.
pub(super) fn start(
    binary: &str,
    arguments: &[&str],
    folder: &Path,
    environment: &BTreeMap<String, String>,
    log: &Path,
) -> Child {
    let log = File::create(log).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", INSIDE, "sh"]);
    command
        .args([folder.join("hosts"), folder.join("run")])
        .arg(e2e::processes::binaries().unwrap().join(binary))
        .args(arguments);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(environment).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{error}: {NAMESPACES}"))
}

/// Writes a file to where the container has it.
pub(super) fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A client that knows one host and where it is.
#[expect(clippy::disallowed_methods, reason = "speaks to processes of this test, with its own authorities")]
pub(super) fn client(host: &str, address: SocketAddr, trusted: &[&Authority]) -> Client {
    let trusted = trusted.iter().map(|one| Certificate::from_pem(one.pem().as_bytes()).unwrap());
    Client::builder().no_proxy().resolve(host, address).tls_certs_merge(trusted).build().unwrap()
}
