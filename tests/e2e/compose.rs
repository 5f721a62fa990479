//! `deploy/compose.yaml` and `deploy/Dockerfile`, held to the code and run without an engine: each service as its user, on a root
//! that cannot be written, with the environment and the mounts that the file gives it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use e2e::Caller;
use e2e::processes::{Control, Ports, binaries, read_env};
use serde_json::{Value, json};
use testkit::eventually;

use self::file::{DEPLOY, Image, Service, services, yaml};
use self::sandbox::{Machine, Running};

mod file;
mod sandbox;

/// The user of the images, which is also that of distroless.
const USER: &str = "65532:65532";

fn ours() -> Vec<Service> {
    let ours: Vec<_> = services().into_iter().filter(|service| service.target.is_some()).collect();
    assert_eq!(ours.len(), 3);
    ours
}

fn service(name: &str) -> Service {
    services()
        .into_iter()
        .find(|service| service.name == name)
        .unwrap_or_else(|| panic!("there is no {name}"))
}

/// Compose itself is not here: somebody else's reader of its files is, and takes no word that compose would not.
#[test]
fn a_strict_reader_takes_the_file() {
    let (right, said) = crate::deploy::run("compose.py", &[]);
    assert!(right, "{said}");
}

#[test]
fn every_environment_name_of_the_file_is_a_setting_of_that_service() {
    crate::leaks::build_services();
    for service in ours() {
        let target = service.target.unwrap();
        let help = Command::new(binaries().unwrap().join(&target)).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        for name in service.environment.keys() {
            assert!(help.contains(&format!("[env: {name}=")), "{target} has no setting {name}");
        }
    }
}

#[test]
fn every_service_is_the_same_user_on_a_root_that_cannot_be_written() {
    for service in services() {
        assert_eq!((service.user.as_str(), service.read_only), (USER, true), "{}", service.name);
        if let Some(target) = service.target {
            assert_eq!(Image::of(&target).user, USER, "{target}");
        }
    }
}

#[test]
fn the_ports_are_those_that_are_documented() {
    let ports = Ports::documented();
    let at = |of: &str, name: &str| service(of).environment[name].clone();
    assert_eq!(at("gateway", "GATEWAY_LISTEN"), format!("127.0.0.1:{}", ports.gateway));
    assert_eq!(at("gateway", "GATEWAY_ADMIN_LISTEN"), format!("127.0.0.1:{}", ports.gateway_admin));
    assert_eq!(at("token-broker", "BROKER_ADMIN_LISTEN"), format!("127.0.0.1:{}", ports.broker_admin));
    let emulator =
        ["ENTRA", "ARM", "GRAPH", "BLOB"].map(|name| at("emulator", &format!("EMULATOR_{name}_PORT")));
    assert_eq!(emulator, ports.emulator.map(|port| port.to_string()));
    assert_eq!(Image::of("gateway").exposed, [ports.gateway, ports.gateway_admin]);
    assert_eq!(Image::of("token-broker").exposed, [ports.broker, ports.broker_admin]);
}

#[test]
fn everything_that_is_mounted_is_there() {
    let volumes = yaml("compose.yaml")["volumes"].as_object().unwrap().clone();
    for service in services() {
        for mount in service.mounts {
            let is_there = match mount.source.strip_prefix("./") {
                Some(path) => Path::new(DEPLOY).join(path).exists() && mount.read_only,
                None => volumes.contains_key(&mount.source),
            };
            assert!(is_there, "{}: {}", service.name, mount.source);
        }
    }
}

/// Each address that one part of the picture is told is one at which another listens.
#[test]
fn what_watches_the_services_is_told_where_they_are() {
    let (gateway, broker, collector) = (service("gateway"), service("token-broker"), service("collector"));
    let scraped: BTreeSet<_> = yaml("prometheus.yaml")["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (text(&job["job_name"]), text(&job["static_configs"][0]["targets"][0])))
        .collect();
    let admin =
        [("gateway", &gateway, "GATEWAY_ADMIN_LISTEN"), ("token-broker", &broker, "BROKER_ADMIN_LISTEN")];
    let admin = admin.map(|(job, service, name)| (job.to_owned(), service.environment[name].clone()));
    assert_eq!(scraped, BTreeSet::from(admin));

    let receiver = text(&yaml("collector.yaml")["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]);
    for service in [&gateway, &broker] {
        assert_eq!(service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"], format!("http://{receiver}"));
        for signal in ["traces", "metrics", "logs"] {
            let exporter = format!("OTEL_{}_EXPORTER", signal.to_uppercase());
            let is_sent = service.environment.get(&exporter).is_none_or(|to| to != "none");
            let is_taken = !yaml("collector.yaml")["service"]["pipelines"][signal].is_null();
            assert_eq!(is_sent, is_taken, "{}: the collector's pipeline for {signal}", service.name);
        }
    }
    let jaeger = service("jaeger").command.join(" ");
    assert!(jaeger.contains(&format!("grpc.endpoint={}", collector.environment["TRACES_TO"])), "{jaeger}");

    let sources = yaml("grafana/datasources/prometheus.yaml");
    let url = |number: usize| text(&sources["datasources"][number]["url"]).replace("http://", "");
    assert!(service("prometheus").command.contains(&format!("--web.listen-address={}", url(0))));
    assert!(jaeger.contains(&format!("jaeger_query.http.endpoint={}", url(1))), "{jaeger}");
    let provider = yaml("grafana/dashboards/mcp-cost-server.yaml");
    let folder = text(&provider["providers"][0]["options"]["path"]);
    let mounts = service("grafana").mounts;
    assert!(mounts.iter().any(|mount| mount.source == "./dashboards" && mount.target == Path::new(&folder)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_run_as_the_file_says_and_answer() {
    crate::leaks::build_services();
    let machine = Machine::new();
    let mut running = vec![machine.start(&service("redis")), machine.start(&service("emulator"))];
    let keys = service("keys");
    let made = machine.run(&keys, &keys.command);
    assert!(made.status.success(), "{made:?}");
    let env = machine.volume("state").join("env");
    eventually("the emulator has written what the services need", async || env.exists()).await;
    let broker = service("token-broker");
    the_file_knows_the_tenant(&machine, &broker, &read_env(&env).unwrap());

    for service in [broker, service("gateway")] {
        running.push(machine.start(&service));
        eventually_healthy(&machine, &service).await;
    }
    // Not at once: a busy machine may take longer for a record of the audit than a call would wait.
    eventually("bob is answered", async || ask(&machine).await["subscriptions"][0]["name"] == "Contoso Dev")
        .await;
    assert!(
        machine.log("token-broker").contains("the shared cache is in use"),
        "{}",
        machine.log("token-broker")
    );
    drop::<Vec<Running>>(running);
}

/// What the emulator writes for the services is what the file gives the broker.
fn the_file_knows_the_tenant(machine: &Machine, broker: &Service, written: &BTreeMap<String, String>) {
    for (name, value) in written {
        assert_eq!(&machine.here(&broker.environment[name]), value, "{name}");
    }
}

async fn eventually_healthy(machine: &Machine, service: &Service) {
    eventually("the probe of the file is content", async || {
        let probe = machine.run(service, &service.healthcheck);
        probe.status.success()
    })
    .await;
}

/// Bob's subscriptions, asked at the public URL.
async fn ask(machine: &Machine) -> Value {
    let gateway = service("gateway").environment;
    let mut settings: BTreeMap<_, _> =
        gateway.iter().map(|(name, value)| (name.clone(), machine.here(value))).collect();
    settings.insert("EXTRA_CA_FILE".to_owned(), machine.volume("state").join("ca.pem").display().to_string());
    let token = Control::new(&settings).unwrap().token("bob", json!({})).await.unwrap();
    let caller = Caller::new(&settings["GATEWAY_PUBLIC_URL"]);
    caller.call(&token, "list_subscriptions", json!({})).await.data().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
