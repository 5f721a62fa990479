//! The chart's pods as real processes: they are started with its environment, probed at its ports, and serve one call.
//!
//! Each has a mount namespace of its own, where its files lie as in the pod and the cluster's names are known. Only port numbers
//! are others, for here both have one address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Caller, Kubelet};
use emulator::{Emulator, FederatedCredential, ServiceAccountToken, TokenSpec};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Authority;
use tokio::process::Child;

use super::container::{client, start, write};
use super::release::{Pod, Release};

const PUBLIC_URL: &str = "https://mcp.contoso.com/mcp";
const SIGN_IN: &str = "[clients.assistant]\nclient_id = \"00000000-0000-0000-0000-000000000001\"\nredirect_uris = [\"http://localhost/\"]";
const FEDERATED_TOKEN: &str = "/run/secrets/azure/tokens/azure-identity-token";

/// Who signs which certificate, and the tenant.
struct World {
    emulator: Emulator,
    servers: Authority,
    callers: Authority,
    public: Authority,
    folder: TempDir,
}

/// A component that runs.
struct Running {
    ports: BTreeMap<String, SocketAddr>,
    log: PathBuf,
    _process: Child,
}

/// Ports by component and name.
type Ports = BTreeMap<&'static str, BTreeMap<String, SocketAddr>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_chart_says_is_what_two_real_processes_serve_with() {
    crate::leaks::build_services();
    for values in ["cert-manager", "key-vault", "spiffe", "ingress"] {
        let release = Release::of(values);
        let world = World::start(&release).await;
        let ports: Ports =
            ["broker", "gateway"].map(|component| (component, free(&release.pod(component).ports()))).into();
        let broker = world.run(&release, "broker", &ports);
        let gateway = world.run(&release, "gateway", &ports);
        for (component, running) in [("broker", &broker), ("gateway", &gateway)] {
            probed(values, &release.pod(component), running).await;
        }
        called(values, &world, &gateway).await;
        passed_on(&release, &gateway).await;
        scraped(&release, &world, [("broker", &broker), ("gateway", &gateway)]).await;
    }
}

/// As kubelet does it.
async fn probed(values: &str, pod: &Pod<'_>, running: &Running) {
    let probes = pod.probes();
    let mut kubelet = Kubelet::probe(running.ports[probes[2].0], Duration::from_millis(100), 2);
    let log = || fs::read_to_string(&running.log).unwrap();
    let ready = tokio::time::timeout(Duration::from_secs(20), kubelet.sees(true)).await;
    assert!(ready.is_ok(), "{values}: {} is not ready\n{}", pod.account(), log());
    for (port, path) in probes {
        let url = format!("http://{}{path}", running.ports[port]);
        assert_eq!(Caller::new("").get(&url).await.0, 200, "{values}: {url}\n{}", log());
    }
}

/// As a client, or as the proxy that ends TLS in front.
async fn called(values: &str, world: &World, gateway: &Running) {
    let url = if values == "ingress" { PUBLIC_URL.replace("https:", "http:") } else { PUBLIC_URL.to_owned() };
    let client = client("mcp.contoso.com", gateway.ports["mcp"], &[&world.public]);
    let origin = url.strip_suffix("/mcp").unwrap();
    let metadata = client.get(format!("{origin}/.well-known/oauth-protected-resource/mcp"));
    assert_eq!(metadata.send().await.unwrap().status(), 200, "{values}");
    let spec = TokenSpec::for_person("alice");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                      "params": {"name": "list_subscriptions", "arguments": {}}});
    let request = client.post(url).bearer_auth(world.emulator.mint(&spec).unwrap()).body(body.to_string());
    let request = request.header("accept", "application/json, text/event-stream");
    let answer =
        request.header("content-type", "application/json").send().await.unwrap().text().await.unwrap();
    let log = || fs::read_to_string(&gateway.log).unwrap();
    assert!(answer.contains("Contoso Prod"), "{values}: {answer}\n{}", log());
}

/// As a client that signs in through the gateway, where there is an ingress: it finds all that it is told of.
async fn passed_on(release: &Release, gateway: &Running) {
    for ingress in release.all("Ingress") {
        let paths = ingress["spec"]["rules"][0]["http"]["paths"].as_array().unwrap();
        let prefixes: Vec<_> = paths.iter().map(|one| one["path"].as_str().unwrap()).collect();
        let client = client("mcp.contoso.com", gateway.ports["mcp"], &[]);
        let ask = async |path: &str| {
            let answer = client.get(format!("http://mcp.contoso.com{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.json::<Value>().await.unwrap()
        };
        let resource = "/.well-known/oauth-protected-resource/connect/mcp";
        let issuer = path_of(&ask(resource).await["authorization_servers"][0]);
        let mut places = vec![resource.to_owned(), issuer.clone()];
        for known in ["oauth-authorization-server", "openid-configuration"] {
            let place = format!("/.well-known/{known}{issuer}");
            let told = ask(&place).await;
            places.extend([
                place,
                path_of(&told["authorization_endpoint"]),
                path_of(&told["token_endpoint"]),
            ]);
        }
        for place in places {
            let found = prefixes.iter().any(|prefix| {
                place.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            assert!(found, "the ingress passes on {prefixes:?}, and not {place}");
        }
    }
}

fn path_of(url: &Value) -> String {
    url::Url::parse(url.as_str().unwrap()).unwrap().path().to_owned()
}

/// As Prometheus does it, where there are monitors.
async fn scraped(release: &Release, world: &World, running: [(&str, &Running); 2]) {
    for monitor in release.all("ServiceMonitor") {
        let component = monitor["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap();
        let endpoint = &monitor["spec"]["endpoints"][0];
        let host = endpoint["tlsConfig"]["serverName"].as_str().unwrap();
        let (_, running) = running.iter().find(|(name, _)| *name == component).unwrap();
        let address = running.ports[endpoint["port"].as_str().unwrap()];
        let url = format!("https://{host}{}", endpoint["path"].as_str().unwrap());
        let client = client(host, address, &[&world.servers, &world.public]);
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!("{component}_connections")), "{text}");
    }
}

impl World {
    async fn start(release: &Release) -> Self {
        let identifier_uris = vec![PUBLIC_URL.to_owned()];
        let config = emulator::Config { identifier_uris, ..emulator::Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let pod = release.pod("broker");
        emulator.set_federated_credentials(vec![FederatedCredential {
            name: "aks".to_owned(),
            issuer: emulator.cluster_issuer(),
            subject: format!("system:serviceaccount:{}:{}", pod.namespace(), pod.account()),
            audiences: vec![emulator::FEDERATED_AUDIENCE.to_owned()],
        }]);
        let [servers, callers, public] = ["servers", "callers", "public"].map(Authority::named);
        Self { emulator, servers, callers, public, folder: tempfile::tempdir().unwrap() }
    }

    /// Starts a component as its pod is started.
    fn run(&self, release: &Release, component: &'static str, ports: &Ports) -> Running {
        let pod = release.pod(component);
        let folder = self.folder.path().join(component);
        let mut environment = pod.environment();
        self.write_files(release, &environment, &folder);
        for (name, given) in pod.ports() {
            let now = ports[component][&name].port();
            for value in
                environment.iter_mut().filter(|(name, _)| name.ends_with("_LISTEN")).map(|(_, value)| value)
            {
                if let Some(host) = value.strip_suffix(&format!(":{given}")) {
                    *value = format!("{host}:{now}");
                }
            }
        }
        let mut hosts = "127.0.0.1 localhost\n".to_owned();
        if let Some(url) = environment.get_mut("GATEWAY_BROKER_URL") {
            let (host, port) = url.strip_prefix("https://").unwrap().split_once(':').unwrap();
            let port = broker_port(release, host, port.parse().unwrap(), ports);
            hosts.extend(["127.0.0.1 ", host, "\n"]);
            *url = format!("https://{host}:{port}");
        }
        fs::write(folder.join("hosts"), hosts).unwrap();
        if pod.has_workload_identity() {
            let (namespace, name) = (pod.namespace().to_owned(), pod.account().to_owned());
            let token = ServiceAccountToken { namespace, name, ..ServiceAccountToken::default() };
            write(&folder, FEDERATED_TOKEN, &self.emulator.service_account_token(&token));
            environment.insert("AZURE_FEDERATED_TOKEN_FILE".to_owned(), FEDERATED_TOKEN.to_owned());
        }
        environment.extend(self.azure(&folder));
        if environment.contains_key("GATEWAY_TRUSTED_PROXIES") {
            // The proxy is this test.
            environment.insert("GATEWAY_TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned());
        }
        let binary = if component == "broker" { "token-broker" } else { "gateway" };
        let log = folder.join("log");
        let process = start(binary, &[], &folder, &environment, &log);
        Running { ports: ports[component].clone(), log, _process: process }
    }

    /// Where Azure is, for this test.
    fn azure(&self, folder: &Path) -> BTreeMap<String, String> {
        write(folder, "/run/azure.pem", self.emulator.ca_pem());
        let endpoints = self.emulator.endpoints();
        let hosts = [
            ("AZURE_AUTHORITY_HOST", &endpoints.authority),
            ("AZURE_ARM_ENDPOINT", &endpoints.arm),
            ("AZURE_GRAPH_ENDPOINT", &endpoints.graph),
            ("AZURE_BLOB_HOSTS", &endpoints.blob),
            ("EXTRA_CA_FILE", &"/run/azure.pem".to_owned()),
        ];
        hosts.map(|(name, value)| (name.to_owned(), value.clone())).into()
    }

    /// Writes every file that a setting names to where the pod has it. What several settings read is in one file.
    fn write_files(&self, release: &Release, environment: &BTreeMap<String, String>, folder: &Path) {
        let public =
            self.public.issue_to(&as_strs(&names(release, environment, "GATEWAY_TLS_CERT_FILE", &|| {
                vec!["dns:mcp.contoso.com".to_owned()]
            })));
        let dialled = release.pod("gateway").environment()["GATEWAY_BROKER_URL"].clone();
        let dialled = dialled.strip_prefix("https://").unwrap().split(':').next().unwrap().to_owned();
        let server =
            self.servers.issue_to(&as_strs(&names(release, environment, "BROKER_TLS_CERT_FILE", &|| {
                vec![format!("dns:{dialled}")]
            })));
        let caller = self.callers.issue_to(&as_strs(&names(
            release,
            environment,
            "GATEWAY_BROKER_CERT_FILE",
            &|| callers_names(release),
        )));
        let (callers, servers) = (self.callers.pem(), self.servers.pem());
        let contents = |setting: &str, path: &str| match setting {
            "GATEWAY_TLS_CERT_FILE" => public.certificate.clone(),
            "GATEWAY_TLS_KEY_FILE" => public.key.clone(),
            "GATEWAY_BROKER_CA_FILE" => servers.clone(),
            "GATEWAY_BROKER_CERT_FILE" => caller.certificate.clone(),
            "GATEWAY_BROKER_KEY_FILE" => caller.key.clone(),
            "BROKER_TLS_CERT_FILE" => server.certificate.clone(),
            "BROKER_TLS_KEY_FILE" => server.key.clone(),
            "BROKER_TLS_CLIENT_CA_FILE" => callers.clone(),
            "AZURE_CLIENT_CERTIFICATE_PATH" => self.emulator.app_credential_pem().to_owned(),
            "BROKER_CONSUMERS_FILE" | "GATEWAY_POLICY_FILE" => release.text_of(path),
            "GATEWAY_SIGN_IN_FILE" => SIGN_IN.to_owned(),
            _ => panic!("{setting} names a file that this test has not"),
        };
        let mut files: BTreeMap<&str, String> = BTreeMap::new();
        for (setting, path) in environment.iter().filter(|(_, path)| path.starts_with("/run/")) {
            if setting == "GATEWAY_EXPORT_DIR" {
                fs::create_dir_all(folder.join(path.trim_start_matches('/'))).unwrap();
                continue;
            }
            *files.entry(path).or_default() += &contents(setting, path);
        }
        for (path, content) in &files {
            write(folder, path, content);
        }
    }
}

/// The names of the certificate that a setting names: those that cert-manager is asked for, or else.
fn names(
    release: &Release,
    environment: &BTreeMap<String, String>,
    setting: &str,
    or_else: &dyn Fn() -> Vec<String>,
) -> Vec<String> {
    environment.get(setting).and_then(|path| release.names_of(path)).unwrap_or_else(or_else)
}

/// Of a gateway whose certificate cert-manager does not keep: its account's SPIFFE ID, or what the values say of it.
fn callers_names(release: &Release) -> Vec<String> {
    let pod = release.pod("gateway");
    if pod.environment()["GATEWAY_BROKER_CERT_FILE"].starts_with("/run/mcp/spiffe/") {
        return vec![format!("spiffe://contoso.com/ns/{}/sa/{}", pod.namespace(), pod.account())];
    }
    vec!["dns:gateway.mcp.contoso.com".to_owned()]
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The port that a Service of this host leads to.
fn broker_port(release: &Release, host: &str, port: u16, ports: &Ports) -> u16 {
    let service = release.named("Service", host.split('.').next().unwrap()).unwrap();
    let known = service["spec"]["ports"].as_array().unwrap();
    let found = known.iter().find(|one| one["port"] == port).unwrap();
    ports["broker"][found["targetPort"].as_str().unwrap()].port()
}

/// A free port of loopback for each of these.
fn free(ports: &BTreeMap<String, u16>) -> BTreeMap<String, SocketAddr> {
    // All are held until all are chosen, so that no two are the same.
    let held: Vec<_> = ports.keys().map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap())).collect();
    held.iter().map(|(name, listener)| ((*name).clone(), listener.local_addr().unwrap())).collect()
}
