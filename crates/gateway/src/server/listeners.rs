//! The service's addresses, bound before anything is served.

use std::net::{SocketAddr, TcpListener};

use super::ServeError;
use crate::listen;

/// The service's addresses, bound.
#[derive(Debug)]
pub struct Listeners {
    pub(super) mcp: TcpListener,
    pub(super) admin: TcpListener,
    pub(super) health: Option<TcpListener>,
}

impl Listeners {
    /// Binds the addresses of MCP and of health, readiness and metrics, so that a port chosen by the system is known
    /// before the service runs. Call it within the runtime.
    ///
    /// # Errors
    /// Names the setting of the address that cannot be had.
    pub fn bind(mcp: SocketAddr, admin: SocketAddr) -> Result<Self, ServeError> {
        let (mcp, admin) = (bound("GATEWAY_LISTEN", mcp)?, bound("GATEWAY_ADMIN_LISTEN", admin)?);
        Ok(Self { mcp, admin, health: None })
    }

    /// Binds the address of the health words as well, if there is one.
    ///
    /// # Errors
    /// Names the setting of the address that cannot be had.
    pub fn with_health(mut self, health: Option<SocketAddr>) -> Result<Self, ServeError> {
        self.health = health.map(|address| bound("GATEWAY_HEALTH_LISTEN", address)).transpose()?;
        Ok(self)
    }

    /// The address MCP clients reach.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn mcp_address(&self) -> std::io::Result<SocketAddr> {
        self.mcp.local_addr()
    }

    /// The address of health, readiness and metrics.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// The address of the health words, if there is one.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn health_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.health.as_ref().map(TcpListener::local_addr).transpose()
    }
}

fn bound(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    listen::bind(address).map_err(|source| ServeError::Bind { setting, address, source })
}
