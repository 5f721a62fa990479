//! Envoy's configuration, as JSON.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{Endpoint, Fronts};

pub(super) fn of(folder: &Path, fronts: &Fronts<'_>) -> Value {
    let mut listeners = vec![https(folder, fronts.https)];
    listeners.extend(fronts.tcp.map(tcp));
    json!({
        "admin": { "address": address(([127, 0, 0, 1], 0).into()) },
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster("gateways", fronts.gateways), cluster("brokers", fronts.brokers)],
        },
    })
}

/// Ends TLS, says who asks in `X-Forwarded-For` behind what they said themselves, and passes `X-Forwarded-Client-Cert` on
/// as it came: whoever wrote it.
fn https(folder: &Path, listen: SocketAddr) -> Value {
    let file = |name: &str| json!({ "filename": folder.join(name) });
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "gateways", "timeout": "150s" } });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "https",
        "use_remote_address": true,
        "forward_client_cert_details": "ALWAYS_FORWARD_ONLY",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
    });
    let tls = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [{ "certificate_chain": file("tls.pem"), "private_key": file("tls.key") }],
        },
    });
    json!({
        "name": "https",
        "address": address(listen),
        "filter_chains": [{
            "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": tls },
            "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }],
        }],
    })
}

/// Passes bytes on.
fn tcp(listen: SocketAddr) -> Value {
    let proxy = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp",
        "cluster": "brokers",
    });
    json!({
        "name": "tcp",
        "address": address(listen),
        "filter_chains": [{ "filters": [{ "name": "envoy.filters.network.tcp_proxy", "typed_config": proxy }] }],
    })
}

/// Endpoints in turn, of those that are ready by their own word.
fn cluster(name: &str, endpoints: &[Endpoint]) -> Value {
    let endpoints: Vec<_> = endpoints
        .iter()
        .map(|endpoint| {
            let health = json!({ "address": address(endpoint.health) });
            json!({ "endpoint": { "address": address(endpoint.address), "health_check_config": health } })
        })
        .collect();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": endpoints }] },
        // Without it a cluster in which most are not ready is used as if all were.
        "common_lb_config": { "healthy_panic_threshold": { "value": 0 } },
        "health_checks": [{
            "timeout": "1s",
            "interval": "0.2s",
            "no_traffic_interval": "0.2s",
            "unhealthy_threshold": 1,
            "healthy_threshold": 1,
            "http_health_check": { "path": "/readyz" },
        }],
    })
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}
