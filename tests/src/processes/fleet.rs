//! Several gateways and brokers as processes behind a real Envoy, which ends TLS in front of the gateways and spreads
//! their connections to the brokers, whose mutual TLS it passes on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use testkit::Authority;
use tokio::time::{Instant, sleep};

use super::control::Control;
use super::ports::{Ports, bound};
use super::{READY_DEADLINE, Service, Setup, plain_client, start_emulator, wait_for_env};
use crate::envoy::{Endpoint, Envoy, Fronts};

const GATEWAYS: [&str; 2] = ["gateway-1", "gateway-2"];
const BROKERS: [&str; 3] = ["broker-1", "broker-2", "broker-3"];
/// How long who is told to stop still takes calls: much longer than Envoy takes to notice.
const DELAY: &str = "--shutdown-delay-seconds=3";

/// The running processes. They end when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// Where clients reach the gateways.
    pub url: String,
    /// The authority of Envoy's certificate, as PEM.
    pub authority: String,
    envoy: Envoy,
    running: BTreeMap<&'static str, Service>,
    places: BTreeMap<&'static str, Place>,
    settings: BTreeMap<String, String>,
    folder: PathBuf,
    broker_url: String,
    control: Control,
}

/// Where one process listens.
#[derive(Clone, Copy, Debug)]
struct Place {
    listen: SocketAddr,
    admin: SocketAddr,
    health: SocketAddr,
}

impl Place {
    fn endpoint(self) -> Endpoint {
        Endpoint { address: self.listen, health: self.health }
    }
}

impl Fleet {
    /// Starts the emulator, Envoy, so many brokers and both gateways, and waits until Envoy holds them to be well.
    ///
    /// # Errors
    /// Names what did not start.
    pub async fn start(folder: &Path, brokers: usize, people: usize) -> anyhow::Result<Self> {
        let [https, tcp] = free_addresses()?;
        let url = format!("https://localhost:{}/mcp", https.port());
        let mut places = BTreeMap::new();
        for name in GATEWAYS.into_iter().chain(BROKERS) {
            let [listen, admin, health] = free_addresses()?;
            places.insert(name, Place { listen, admin, health });
        }
        let setup = Setup { people, ..Setup::default() };
        let mut emulator = start_emulator(folder, Ports::free()?, &url, &setup)?;
        let mut settings = wait_for_env(folder, &mut emulator.child).await?;
        let authority = write_certificates(folder, &mut settings)?;
        let control = Control::new(&settings)?;
        let of = |names: &[&str]| names.iter().map(|name| places[name].endpoint()).collect::<Vec<_>>();
        let (gateways, all_brokers) = (of(&GATEWAYS), of(&BROKERS));
        let fronts = Fronts { https, gateways: &gateways, tcp: Some(tcp), brokers: &all_brokers };
        let envoy = Envoy::start(folder, &fronts).await?;
        let running = BTreeMap::from([("emulator", emulator)]);
        let (folder, broker_url) = (folder.to_owned(), format!("https://localhost:{}", tcp.port()));
        let mut fleet =
            Self { url, authority, envoy, running, places, settings, folder, broker_url, control };
        fleet.start_brokers(brokers).await?;
        for name in GATEWAYS {
            fleet.launch(name)?;
        }
        fleet.all_well().await?;
        Ok(fleet)
    }

    /// The emulator's control API.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Sees to it that so many brokers run, and waits until Envoy holds them to be well.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start_brokers(&mut self, brokers: usize) -> anyhow::Result<()> {
        for name in &BROKERS[..brokers] {
            if !self.running.contains_key(name) {
                self.launch(name)?;
            }
        }
        self.envoy.sees("brokers", brokers).await
    }

    /// The names of the gateways and of the brokers that run.
    pub fn names(&self) -> Vec<&'static str> {
        self.running.keys().copied().filter(|name| *name != "emulator").collect()
    }

    /// Replaces one as a rollout does: told to stop, waited for, started anew.
    ///
    /// # Errors
    /// When it does not end in order, or does not come back.
    pub async fn replace(&mut self, name: &str) -> anyhow::Result<()> {
        let service = self.running.get_mut(name).context("it runs")?;
        let pid = service.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "{name} can be told");
        let limit = Instant::now() + READY_DEADLINE;
        let ended = loop {
            if let Some(status) = service.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < limit, "{name} does not end");
            sleep(Duration::from_millis(20)).await;
        };
        ensure!(ended.success(), "{name} ended with {ended}");
        service.restart()?;
        self.all_well().await
    }

    /// How many exchanges each broker that runs has answered.
    ///
    /// # Errors
    /// When one does not tell.
    pub async fn exchanges(&self) -> anyhow::Result<Vec<u64>> {
        let mut all = Vec::new();
        for name in BROKERS.iter().filter(|name| self.running.contains_key(*name)) {
            let url = format!("http://{}/metrics", self.places[name].admin);
            let text = plain_client()?.get(url).send().await?.text().await?;
            let counted = text.lines().filter(|line| line.starts_with("broker_exchanges_total{"));
            let values = counted.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
            all.push(values.sum());
        }
        Ok(all)
    }

    async fn all_well(&mut self) -> anyhow::Result<()> {
        let brokers = BROKERS.iter().filter(|name| self.running.contains_key(*name)).count();
        self.envoy.sees("brokers", brokers).await?;
        self.envoy.sees("gateways", GATEWAYS.len()).await
    }

    fn launch(&mut self, name: &'static str) -> anyhow::Result<()> {
        let Place { listen, admin, health } = self.places[name];
        let mut flags = vec![
            format!("--admin-listen={admin}"),
            format!("--health-listen={health}"),
            format!("--public-url={}", self.url),
            DELAY.to_owned(),
        ];
        let binary = if BROKERS.contains(&name) {
            flags.push(format!("--listen={listen}"));
            "token-broker"
        } else {
            // On every address, as in a container.
            flags.push(format!("--listen=0.0.0.0:{}", listen.port()));
            flags.push(format!("--broker-url={}", self.broker_url));
            "gateway"
        };
        let service = Service::start(name, binary, &self.folder, &self.settings, flags)?;
        self.running.insert(name, service);
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for service in self.running.values_mut() {
            let _ = service.child.kill();
            let _ = service.child.wait();
        }
    }
}

/// Certificates of Envoy, brokers and gateways, and the settings that name them. The authority of Envoy's.
fn write_certificates(folder: &Path, settings: &mut BTreeMap<String, String>) -> anyhow::Result<String> {
    let (ingress, servers, callers) = (
        Authority::named("authority of the ingress"),
        Authority::named("authority of the servers"),
        Authority::named("authority of the callers"),
    );
    let (front, broker, gateway) =
        (ingress.issue("localhost"), servers.issue("localhost"), callers.issue("gateway.internal"));
    let consumers = "[consumers.gateway]\nsans = [\"dns:gateway.internal\"]\nresources = [\"arm\"]\n";
    for (name, content, setting) in [
        ("tls.pem", &front.certificate, ""),
        ("tls.key", &front.key, ""),
        ("broker.pem", &broker.certificate, "BROKER_TLS_CERT_FILE"),
        ("broker.key", &broker.key, "BROKER_TLS_KEY_FILE"),
        ("callers.pem", &callers.pem(), "BROKER_TLS_CLIENT_CA_FILE"),
        ("consumers.toml", &consumers.to_owned(), "BROKER_CONSUMERS_FILE"),
        ("servers.pem", &servers.pem(), "GATEWAY_BROKER_CA_FILE"),
        ("gateway.pem", &gateway.certificate, "GATEWAY_BROKER_CERT_FILE"),
        ("gateway.key", &gateway.key, "GATEWAY_BROKER_KEY_FILE"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content)?;
        settings.insert(setting.to_owned(), path.display().to_string());
    }
    settings.remove("");
    settings.insert("GATEWAY_TLS_ENDS_AT_PROXY".to_owned(), "true".to_owned());
    settings.insert("GATEWAY_TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned());
    settings.insert("GATEWAY_CALLS_PER_MINUTE".to_owned(), "0".to_owned());
    Ok(ingress.pem())
}

/// Addresses of loopback that are free now. All are held until all are chosen, so that no two are the same.
pub(crate) fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let (mut addresses, mut held) = ([SocketAddr::from(([127, 0, 0, 1], 0)); N], Vec::new());
    for address in &mut addresses {
        let listener = bound()?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
}
