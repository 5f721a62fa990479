//! The Bicep of `deploy/azure`, deployed to an emulated tenant: nothing is missing there, and both services run with what it
//! gives their containers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::processes::Ports;
use tokio::process::Child;

use super::apps::{App, Deployment};
use super::container::{start, write};
use super::{FOLDER, PYTHON};
use crate::pages::azure::Azure;

const INFRA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/azure");
/// Keeps what it is told in files, as `azd env` does.
const AZD: &str = r#"#!/bin/sh
case "$1 $2" in
"env get-value") [ -f "$AZD/$3" ] && cat "$AZD/$3" || { echo "ERROR: key '$3' not found"; exit 1; } ;;
"env set") printf '%s' "$4" >"$AZD/$3" ;;
*) exit 1 ;;
esac
"#;

/// Runs `certificates.sh`. What is in azd's environment then.
fn certificates(folder: &Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let (programs, kept) = (folder.join("bin"), folder.join("azd"));
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&kept).unwrap();
    fs::write(programs.join("azd"), AZD).unwrap();
    fs::set_permissions(programs.join("azd"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut command = Command::new(format!("{INFRA}/certificates.sh"));
    let output = command.args(arguments).env("PATH", path).env("AZD", &kept).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = fs::read_dir(&kept).unwrap().flatten();
    let entry = |file: fs::DirEntry| {
        (file.file_name().into_string().unwrap(), fs::read_to_string(file.path()).unwrap())
    };
    entries.map(entry).collect()
}

fn deploy(world: &Azure, azd: &BTreeMap<String, String>) -> Deployment {
    let identity = [emulator::MANAGED_IDENTITY_ID, emulator::MANAGED_IDENTITY_CLIENT_ID];
    let mut command = Command::new(PYTHON);
    command.arg(format!("{FOLDER}/azd.py")).arg("deploy").args(identity).envs(&world.environment).envs(azd);
    command.env("DEPLOYER_ID", emulator::DEPLOYER_CLIENT_ID);
    command.env("DEPLOYER_SECRET", emulator::DEPLOYER_CLIENT_SECRET);
    let output =
        command.output().unwrap_or_else(|error| panic!("{error}: tests/setup.sh deploy (make setup)"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Deployment::new(serde_json::from_slice(&output.stdout).unwrap())
}

/// A container as a process: its settings with the ports of this test, and where its files are.
struct Container {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Container {
    fn of(app: &App<'_>, folder: PathBuf, world: &Azure, ports: &[(&str, u16)]) -> Self {
        for (path, content) in &app.files() {
            write(&folder, path, content);
        }
        write(&folder, "hosts", "127.0.0.1 localhost mcp-broker\n");
        let mut environment = app.environment();
        if let Some(dir) = environment.get("GATEWAY_EXPORT_DIR") {
            fs::create_dir_all(folder.join(dir.trim_start_matches('/'))).unwrap();
        }
        // On ports of this test, like the others; the containers have the defaults.
        for name in ["BROKER_ADMIN_LISTEN", "GATEWAY_ADMIN_LISTEN"] {
            environment.insert(name.to_owned(), "127.0.0.1:0".to_owned());
        }
        // What the platform sets by itself.
        let emulator = &world.emulator;
        environment.insert("IDENTITY_ENDPOINT".to_owned(), emulator.endpoints().identity_endpoint());
        environment.insert("IDENTITY_HEADER".to_owned(), emulator.identity_header().to_owned());
        environment.insert("HTTPS_PROXY".to_owned(), world.environment["HTTPS_PROXY"].clone());
        write(&folder, "run/authorities.pem", &fs::read_to_string(&world.environment["CA_FILE"]).unwrap());
        environment.insert("EXTRA_CA_FILE".to_owned(), "/run/authorities.pem".to_owned());
        environment.insert("NO_PROXY".to_owned(), "mcp-broker".to_owned());
        for (given, now) in ports {
            for value in environment.values_mut() {
                if let Some(host) = value.strip_suffix(given) {
                    *value = format!("{host}:{now}");
                }
            }
        }
        if environment.contains_key("GATEWAY_TRUSTED_PROXIES") {
            environment.insert("GATEWAY_TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned());
        }
        Self { folder, environment }
    }

    fn start(&self, binary: &str, arguments: &[&str]) -> (Child, PathBuf) {
        let log = self.folder.join(format!("{binary}{}.log", arguments.concat()));
        (start(binary, arguments, &self.folder, &self.environment, &log), log)
    }

    /// Exit code and output of a command.
    async fn run(&self, binary: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let (mut process, log) = self.start(binary, arguments);
        let status = process.wait().await.unwrap();
        (status.code(), fs::read_to_string(log).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_the_bicep_sets_up_lacks_nothing_and_the_doctor_is_content() {
    crate::leaks::build_services();
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::free().unwrap();
    let [broker_health, gateway_health] = [ports.more_brokers[0][0], ports.more_brokers[0][1]];
    let world = Azure::start(folder.path(), ([127, 0, 0, 1], ports.gateway).into()).await;
    let deployment = deploy(&world, &certificates(folder.path(), &[]));
    let broker = Container::of(
        &deployment.app("broker"),
        folder.path().join("broker"),
        &world,
        &[(":50051", ports.broker), (":8081", broker_health)],
    );
    let (code, said) = broker.run("token-broker", &["preflight"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(" 0 missing, 0 unknown"), "{said}");

    let gateway = Container::of(
        &deployment.app("gateway"),
        folder.path().join("gateway"),
        &world,
        &[(":50051", ports.broker), (":8081", gateway_health), (":8080", ports.gateway)],
    );
    let _running =
        [("token-broker", &broker), ("gateway", &gateway)].map(|(name, one)| one.start(name, &[]).0);
    for (app, health) in [("broker", broker_health), ("gateway", gateway_health)] {
        for (port, path) in deployment.app(app).probes() {
            assert_eq!(port, 8081, "{app}");
            let url = format!("http://127.0.0.1:{health}{path}");
            testkit::eventually(&url, async || answers(&url).await).await;
        }
    }
    let (code, said) = gateway.run("gateway", &["doctor"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("0 missing, 0 unknown"), "{said}");
    let said = called(&world).await;
    assert!(said.contains("Contoso Prod"), "{said}");
    assert_eq!(world.emulator.counts().exchanges, 1, "it was On-Behalf-Of");
}

#[test]
fn certificates_are_made_once_made_anew_when_told_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificates(folder.path(), &[]);
    assert_eq!(first.len(), 4, "{:?}", first.keys());
    assert_eq!(certificates(folder.path(), &[]), first, "what waits for the vault stays");
    let rotated = certificates(folder.path(), &["rotate"]);
    for (name, value) in &first {
        // The names in Redis must not change.
        assert_eq!(rotated[name] == *value, name == "MCP_CACHE_KEYS", "{name}");
    }
    let forgotten = certificates(folder.path(), &["forget"]);
    assert!(forgotten.values().all(String::is_empty), "{:?}", forgotten.keys());
    // As azd keeps it from the outputs of a deployment: the vault has them.
    fs::write(folder.path().join("azd/MCP_VAULT"), "kv").unwrap();
    let later = certificates(folder.path(), &[]);
    assert!(first.keys().all(|name| later[name].is_empty()), "{:?}", later.keys());
}

/// What a real client shows, by which alice signs in with the id of VS Code.
async fn called(world: &Azure) -> String {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run"));
    command.args(["sign_in_python.py", "https://mcp.contoso.com/mcp", "--call", "list_subscriptions", "{}"]);
    command
        .env("MCP_CLIENT_ID", emulator::VSCODE_CLIENT_ID)
        .env("SIGN_IN", "emulator_person=alice&emulator_consent=accept");
    command.envs(&world.environment).stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output().await;
    let output = output.expect("tests/setup.sh clients installs the client (make setup)");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said + &String::from_utf8_lossy(&output.stderr)
}

#[expect(clippy::disallowed_methods, reason = "asks a process of this test, in plain HTTP on loopback")]
async fn answers(url: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}
