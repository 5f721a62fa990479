//! What stays on this machine: the one question that decides whether a credential may travel in plain text.

use url::{Host, Url};

/// Whether the URL's host is this machine: `localhost`, 127.0.0.0/8 or `::1`. No name is looked up.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (url, expected) in [
            ("http://localhost:8080/mcp", true),
            ("http://LOCALHOST/", true),
            ("http://127.3.2.1/", true),
            ("http://0x7f.1/", true),
            ("http://[::1]:1/", true),
            ("http://localhost.example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://0.0.0.0/", false),
            ("http://[::ffff:127.0.0.1]/", false),
            ("unix:/run/localhost", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
