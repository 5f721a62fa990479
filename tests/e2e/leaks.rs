//! After a run of many people nothing that a process wrote or stored holds a credential: Redis, its traffic, logs,
//! metrics.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use e2e::processes::{Ports, Processes, Setup};
use e2e::{Caller, Credential};
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::v1::{ExchangeRequest, PurgeUserRequest};
use serde_json::{Value, json};

const PEOPLE: usize = 40;

/// Everything captured, by where it was found.
type Captured = Vec<(String, Vec<u8>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_captured_after_a_concurrent_run_holds_a_credential() {
    build_services();
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup {
        people: PEOPLE,
        replicas: 3,
        redis: true,
        // Each kind of secret that a broker can have.
        credentials: vec![Credential::Certificate, Credential::FederatedToken, Credential::AppService],
        emulator: vec!["--record-secrets".to_owned()],
        audit: false,
        settings: vec![
            ("RUST_LOG".to_owned(), "debug".to_owned()),
            ("LOG_FORMAT".to_owned(), "json".to_owned()),
            // Into the same files as the logs.
            ("AUDIT".to_owned(), "stdout".to_owned()),
        ],
        ..Setup::default()
    };
    let stack = Processes::start_as(folder.path(), Ports::free().unwrap(), &setup).await.unwrap();
    let recording = stack.redis().unwrap().record().unwrap();
    let people = stack.control().people().await.unwrap();
    let mut secrets = run(&stack, &people).await;
    secrets.extend(stack.control().secrets().await.unwrap());
    secrets.extend(own_secrets(&stack));
    assert!(secrets.len() > 3 * PEOPLE, "assertions, tokens, client assertions");
    for broker in ["token-broker", "token-broker-2", "token-broker-3"] {
        // Theirs are among them: what a broker sends, the emulator has seen.
        let own = stack.settings_of(broker).unwrap();
        let named = ["AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_HEADER", "AZURE_CLIENT_CERTIFICATE_PATH"];
        let secret = named.iter().find_map(|name| own.get(*name)).unwrap();
        let secret = std::fs::read_to_string(secret).unwrap_or_else(|_| secret.clone());
        assert!(secret.contains("PRIVATE KEY") || secrets.contains(&secret), "{broker}");
    }
    assert!(stack.control().counts().await.unwrap().metadata_requests > 0, "a managed identity's token");

    let mut stored: Captured = stack.redis().unwrap().dump().unwrap();
    assert!(stored.len() > PEOPLE, "entries were shared");
    let traffic = recording.bytes();
    assert!(!traffic.is_empty());
    stored.push(("traffic of Redis".to_owned(), traffic));
    let mut written: Captured =
        stack.logs().unwrap().into_iter().map(|(path, text)| (name(&path), text)).collect();
    for port in stack.admin_ports() {
        let (_, metrics) = Caller::new("").get(&format!("http://127.0.0.1:{port}/metrics")).await;
        written.push((format!("metrics of port {port}"), metrics.into_bytes()));
    }
    for service in ["gateway.log", "token-broker.log"] {
        let (_, log) = written.iter().find(|(name, _)| name == service).unwrap();
        assert!(String::from_utf8_lossy(log).contains(r#""kind":"outcome""#), "{service} holds no audit");
    }
    let whole: Vec<_> = written.iter().chain(&stored).collect();

    assert_eq!(found(&whole, &secrets), None);
    // Redis is told of nobody either.
    let names: Vec<String> = ["oid", "upn"]
        .iter()
        .flat_map(|name| people.iter().map(|person| person[*name].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(found(&stored.iter().collect::<Vec<_>>(), &names), None);

    // And the search does find: a token planted in Redis, in its traffic and in a log.
    let planted = &secrets[secrets.len() / 2];
    stack.redis().unwrap().set("planted", &format!("x{planted}x")).unwrap();
    let dump = stack.redis().unwrap().dump().unwrap();
    assert_eq!(found(&dump.iter().collect::<Vec<_>>(), &secrets).as_deref(), Some("planted"));
    let in_time = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while found(&[&("traffic".to_owned(), recording.bytes())], &secrets).is_none() {
        assert!(tokio::time::Instant::now() < in_time, "the recording does not show what was set");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let log = |text: &[u8]| ("log".to_owned(), [b"{\"token\":\"", text, b"\"}"].concat());
    assert_eq!(found(&[&log(planted.as_bytes())], &secrets).as_deref(), Some("log"));
    for secret in own_secrets(&stack) {
        assert_eq!(found(&[&log(secret.as_bytes())], &secrets).as_deref(), Some("log"));
    }
    let key = BASE64_STANDARD.decode(&stack.redis().unwrap().secrets()[0]).unwrap();
    assert_eq!(found(&[&log(&key)], &secrets).as_deref(), Some("log"));
}

/// What no request carries, or none that the emulator sees: the brokers' own key, the password of Redis, the cache keys.
fn own_secrets(stack: &Processes) -> Vec<String> {
    let key = std::fs::read_to_string(stack.setting("AZURE_CLIENT_CERTIFICATE_PATH")).unwrap();
    let (_, key) = key.split_once("PRIVATE KEY-----").unwrap();
    // One line of it: that is how PEM would be found, wherever it is broken.
    let line = key.lines().find(|line| line.len() == 64).unwrap().to_owned();
    let mut all = stack.redis().unwrap().secrets();
    assert!(all.iter().all(|secret| secret.len() > 40));
    all.push(line);
    all
}

/// Has everybody call over each broker and the gateway, and some be purged. Answers the tokens it saw.
async fn run(stack: &Processes, people: &[Value]) -> Vec<String> {
    let caller = Caller::new(stack.public_url());
    let mut clients = Vec::new();
    for url in stack.broker_urls() {
        clients.push(TokenBrokerClient::connect(url).await.unwrap());
    }
    let mut seen = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let token = stack.control().token(person["name"].as_str().unwrap(), json!({})).await.unwrap();
        caller.call(&token, "list_subscriptions", json!({})).await;
        for client in &mut clients {
            let request = ExchangeRequest {
                assertion: token.clone(),
                resource: "arm".to_owned(),
                claims: String::new(),
            };
            // Some are refused: refusals are stored too.
            if let Ok(answer) = client.exchange(request).await {
                seen.push(answer.into_inner().access_token);
            }
        }
        if number % 10 == 0 {
            let user_oid = person["oid"].as_str().unwrap().to_owned();
            let request = PurgeUserRequest { tenant_id: emulator::TENANT_ID.to_owned(), user_oid };
            clients[number % 3].purge_user(request).await.unwrap();
        }
        seen.push(token);
    }
    seen
}

/// Where one of the texts stands, if anywhere: as it is, its last part (the signature, which a cut text would keep), or
/// the bytes that it is the base64 of (a key in memory).
fn found(captured: &[&(String, Vec<u8>)], texts: &[String]) -> Option<String> {
    let patterns: Vec<Vec<u8>> = texts
        .iter()
        .flat_map(|text| {
            let last = text.rsplit('.').next().unwrap_or(text);
            [
                text.as_bytes().to_vec(),
                last.as_bytes().to_vec(),
                BASE64_STANDARD.decode(text).unwrap_or_default(),
            ]
        })
        .filter(|pattern| pattern.len() >= 16)
        .collect();
    let search = aho_corasick::AhoCorasick::new(&patterns).unwrap();
    captured.iter().find(|(_, bytes)| search.is_match(bytes)).map(|(place, _)| place.clone())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Builds the services if their binaries are missing or older than their sources: a test of one package alone does
/// not bring those of the others up to date.
pub(crate) fn build_services() {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().unwrap().parent().unwrap();
    let built = |name: &str| std::fs::metadata(folder.join(name)).and_then(|file| file.modified()).ok();
    let oldest = ["gateway", "token-broker", "emulator"].into_iter().map(built).min().flatten();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    if oldest.is_some_and(|oldest| newest_source(&root.join("crates")) <= oldest) {
        return;
    }
    let packages = ["build", "-p", "gateway", "-p", "token-broker", "-p", "emulator", "-p", "e2e", "--bins"];
    let status = Command::new(env!("CARGO")).args(packages).current_dir(root).status().unwrap();
    assert!(status.success(), "the services do not build");
}

fn newest_source(folder: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let changed = match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() && !path.ends_with("tests") && !path.ends_with("benches") => {
                newest_source(&path)
            }
            Some("rs" | "toml") => entry.metadata().and_then(|file| file.modified()).unwrap_or(newest),
            _ => continue,
        };
        newest = newest.max(changed);
    }
    newest
}
