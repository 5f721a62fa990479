//! The proxies in front: which connections are theirs, whether others are let in at all, and whose request it is that
//! they pass on.
//!
//! `X-Forwarded-For` is what a proxy says of its client, and what a client says of itself: only what a listed proxy has
//! added is believed. This module must not know how connections are kept.
//!
//!  `X-Forwarded-Host`, `-Proto` and `-Client-Cert` are read nowhere.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use clap::Args;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// The most proxies that a request is followed back through.
const MAX_HOPS: usize = 16;

/// Settings of the proxies in front.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Proxies in front")]
pub struct ProxyArgs {
    /// A proxy in front ends TLS and reaches this server in plain text, with every caller's token: needs
    /// GATEWAY_TRUSTED_PROXIES and an https public URL. Nobody but those proxies and this machine is let in. The TLS files
    /// are then for the admin address alone.
    #[arg(long, env = "GATEWAY_TLS_ENDS_AT_PROXY")]
    pub tls_ends_at_proxy: bool,

    /// Addresses and networks (10.1.0.0/16) of the proxies in front: what they add to X-Forwarded-For is believed, and they
    /// may have as many connections as there are [default: none].
    #[arg(long, env = "GATEWAY_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
}

/// Addresses of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let text = text.trim();
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse().map_err(|_| InvalidNetwork::NoNetwork)?,
        };
        if network.prefix_len() == 0 { Err(InvalidNetwork::Everybody) } else { Ok(Self(network)) }
    }
}

/// A text that names no proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It is of another form.
    #[error("it must be an IP address or a network like 10.1.0.0/16")]
    NoNetwork,
    /// Then X-Forwarded-For would be believed from anybody.
    #[error("it names every address there is: list those of the proxies")]
    Everybody,
}

/// The proxies in front, in force.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNet>,
    alone: bool,
}

impl Proxies {
    pub(crate) fn new(args: &ProxyArgs) -> Self {
        let networks = args.trusted_proxies.iter().map(|network| network.0).collect();
        Self { networks, alone: args.tls_ends_at_proxy }
    }

    /// Whether TLS ends at them, and nobody else may connect.
    pub(crate) fn end_tls(&self) -> bool {
        self.alone
    }

    /// Whether a connection from there is let in. This machine's own always is: it does not leave it.
    pub(crate) fn admit(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        !self.alone || peer.is_loopback() || self.contain(peer)
    }

    /// Whether one of them is there.
    pub(crate) fn contain(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// Who asks, of a request that one of them passes on: the last address of the list that is not itself one of them.
    /// `None` where they say nothing that can be read.
    pub(crate) fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for entry in entries.take(MAX_HOPS) {
            let address = address(entry.trim())?;
            if !self.contain(address) {
                return Some(address);
            }
        }
        None
    }
}

/// An entry's address. Some proxies of Azure add the port.
fn address(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str], alone: bool) -> Proxies {
        let trusted_proxies = networks.iter().map(|network| network.parse().unwrap()).collect();
        Proxies::new(&ProxyArgs { tls_ends_at_proxy: alone, trusted_proxies })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_names_no_proxies_is_refused() {
        for (text, error) in [
            ("", InvalidNetwork::NoNetwork),
            ("proxy.internal", InvalidNetwork::NoNetwork),
            ("10.0.0.0/33", InvalidNetwork::NoNetwork),
            ("0.0.0.0/0", InvalidNetwork::Everybody),
            ("::/0", InvalidNetwork::Everybody),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
    }

    #[test]
    fn only_listed_proxies_and_this_machine_are_let_in_where_tls_ends_there() {
        let alone = proxies(&["10.1.0.0/16", "192.0.2.7", "2001:db8::/64"], true);
        let admitted = ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::9", "127.0.0.1", "::1"];
        assert!(admitted.iter().all(|peer| alone.admit(ip(peer))));
        let others = ["10.2.0.1", "192.0.2.8", "::ffff:192.0.2.8", "2001:db8:1::9"];
        assert!(!others.iter().any(|peer| alone.admit(ip(peer)) || alone.contain(ip(peer))));
        let with_others = proxies(&["10.1.0.0/16"], false);
        assert!(others.iter().all(|peer| with_others.admit(ip(peer))));
    }

    #[test]
    fn of_the_list_only_what_proxies_have_added_counts() {
        let proxies = proxies(&["10.1.0.0/16"], false);
        let client = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            proxies.client(&headers)
        };
        let real = Some(ip("198.51.100.4"));
        for lines in [
            &["198.51.100.4"][..],
            &["198.51.100.4, 10.1.0.9"],
            // What the client wrote itself stands before what the first proxy saw.
            &["203.0.113.1, 198.51.100.4"],
            &["203.0.113.1", "198.51.100.4, 10.1.0.9"],
            &["no address, 198.51.100.4"],
            &["198.51.100.4:51000"],
            &["::ffff:198.51.100.4"],
        ] {
            assert_eq!(client(lines), real, "{lines:?}");
        }
        assert_eq!(client(&["[2001:db8::4]:443"]), Some(ip("2001:db8::4")));
        for nothing in [&[][..], &[""], &["unknown"], &["198.51.100.4, unknown"], &["10.1.0.9"]] {
            assert_eq!(client(nothing), None, "{nothing:?}");
        }
        let many = ["10.1.0.9"; MAX_HOPS].join(",");
        assert_eq!(client(&[&format!("198.51.100.4,{many}")]), None, "followed back so far and no further");
    }
}
