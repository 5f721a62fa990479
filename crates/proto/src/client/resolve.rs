//! The addresses behind the broker's name.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// Looks up the addresses behind a name, anew each time it is asked. A name may stand for one broker, for many (a headless
/// Service), or for what spreads connections over many (a ClusterIP).
pub trait Resolve: Debug + Send + Sync {
    /// Every address that the name has now.
    fn resolve(&self, host: &str, port: u16) -> Resolving;
}

/// A look-up under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// As the system is set up: its hosts file, then DNS.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}
