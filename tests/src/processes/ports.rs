//! Where the processes listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::bail;

use super::MAX_REPLICAS;

/// Where everything listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The gateway, for MCP clients.
    pub gateway: u16,
    /// The gateway's health and metrics.
    pub gateway_admin: u16,
    /// The broker, for gRPC consumers.
    pub broker: u16,
    /// The broker's health and metrics.
    pub broker_admin: u16,
    /// Port and admin port of each further broker replica.
    pub more_brokers: [[u16; 2]; MAX_REPLICAS - 1],
    /// The emulator: Entra ID, ARM, Graph, blobs.
    pub emulator: [u16; 4],
    /// Prometheus, where it is installed.
    pub prometheus: u16,
}

impl Ports {
    /// The documented ports, so that instructions printed once stay true.
    pub fn documented() -> Self {
        Self {
            gateway: 8080,
            gateway_admin: 9080,
            broker: 50051,
            broker_admin: 9051,
            more_brokers: [[50052, 9052], [50053, 9053]],
            emulator: [8443, 8444, 8445, 8446],
            prometheus: 9090,
        }
    }

    /// Ports that are free now.
    ///
    /// # Errors
    /// When loopback has none.
    pub fn free() -> anyhow::Result<Self> {
        let [
            [gateway, gateway_admin],
            [broker, broker_admin],
            second,
            third,
            [entra, arm],
            [graph, blob],
            last,
        ] = free_ports()?;
        let (more_brokers, emulator) = ([second, third], [entra, arm, graph, blob]);
        let [prometheus, _] = last;
        Ok(Self { gateway, gateway_admin, broker, broker_admin, more_brokers, emulator, prometheus })
    }
}

/// Pairs of ports. All are held until all are chosen, so that no two are the same.
fn free_ports<const N: usize>() -> anyhow::Result<[[u16; 2]; N]> {
    let (mut ports, mut held) = ([[0; 2]; N], Vec::new());
    for port in ports.as_flattened_mut() {
        let listener = bound()?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A listener on a port that nobody is given by chance: it is below those that the system takes for connections, of which a load
/// has hundreds, so that it is still free when a process that starts later wants it.
pub(crate) fn bound() -> anyhow::Result<TcpListener> {
    const PORTS: std::ops::Range<u32> = 12_000..32_000;
    // Each once in a process: those that were let go are somebody's already.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(7_919);
    for _ in 0..PORTS.end - PORTS.start {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + first.wrapping_add(step) % (PORTS.end - PORTS.start);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port)?));
        if let Ok(listener) = TcpListener::bind(address) {
            return Ok(listener);
        }
    }
    bail!("loopback has no free port")
}
