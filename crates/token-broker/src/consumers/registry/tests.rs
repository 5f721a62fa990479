use identity::cloud::Cloud;
use rcgen::{CertificateParams, SanType};

use super::*;
use crate::testing;

const GATEWAY: &str = r#"
[consumers.gateway]
sans = ["dns:gateway.test", "spiffe://a.test/gateway"]
uids = [1000]
resources = ["arm"]
"#;

fn parse_for(transport: Transport, text: &str) -> Result<Registry, String> {
    let resources = Resources::of(Cloud::AzureCloud).unwrap();
    let rules = Rules::new(Path::new("/c.toml"), transport, &resources);
    rules.parse(text.as_bytes(), &CallsByName::default()).map_err(|error| error.to_string())
}

fn parse(text: &str) -> Result<Registry, String> {
    parse_for(Transport::MutualTls, text)
}

fn certificate(sans: &[&str]) -> Peer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = sans
        .iter()
        .map(|san| match san.strip_prefix("dns:") {
            Some(name) => SanType::DnsName(name.try_into().unwrap()),
            None => SanType::URI((*san).try_into().unwrap()),
        })
        .collect();
    Peer::of_certificate(params.self_signed(&testing::ec_key()).unwrap().der()).unwrap()
}

#[test]
fn a_consumer_is_known_by_each_of_its_names_and_by_no_other() {
    let registry = parse(GATEWAY).unwrap();
    let gateway = "spiffe://a.test/gateway";
    for sans in
        [&["dns:Gateway.test"][..], &[gateway], &["dns:gateway.test", gateway], &["dns:x.test", gateway]]
    {
        assert_eq!(&*registry.find(&certificate(sans)).unwrap().name, "gateway", "{sans:?}");
    }
    for sans in [
        &["dns:x.gateway.test"][..],
        &["dns:gateway.test", "spiffe://a.test/other"],
        &["dns:gateway.test", "spiffe://a.test"],
        &["dns:*.test"],
        &["spiffe://a.test/Gateway"],
        &["https://gateway.test/"],
        &[],
    ] {
        assert_eq!(registry.find(&certificate(sans)).unwrap_err(), NoConsumer::Unknown, "{sans:?}");
    }
    assert_eq!(registry.find(&Peer::Loopback).unwrap_err(), NoConsumer::Unknown);
}

#[test]
fn a_certificate_of_two_consumers_is_neither() {
    let text = format!("{GATEWAY}[consumers.other]\nsans = [\"dns:other.test\"]\npurge = true");
    let registry = parse(&text).unwrap();
    for sans in [
        &["dns:gateway.test", "dns:other.test"][..],
        &["spiffe://a.test/gateway", "spiffe://a.test/unknown"],
        &["spiffe://a.test/gateway", "https://a.test/"],
    ] {
        assert_eq!(registry.find(&certificate(sans)).unwrap_err(), NoConsumer::Ambiguous, "{sans:?}");
    }
}

#[test]
fn users_are_known_by_their_id_and_root_is_none_by_itself() {
    let registry = parse_for(Transport::Socket, GATEWAY).unwrap();
    let user = |uid, own| registry.find(&Peer::User { uid, own }).map(|consumer| consumer.name.to_string());
    assert_eq!(user(1000, false).unwrap(), "gateway");
    assert_eq!(user(1001, false), Err(NoConsumer::Unknown));
    assert_eq!(user(0, true), Err(NoConsumer::Unknown), "a file says all there is to say");
}

#[test]
fn without_a_file_there_is_the_own_user_alone() {
    let registry = Registry::built_in(&CallsByName::default());
    let local = registry.find(&Peer::User { uid: 7, own: true }).unwrap();
    assert!(&*local.name == "local" && local.may_purge && local.may_ask_for("anything"));
    assert_eq!(&*registry.find(&Peer::Loopback).unwrap().name, "local");
    assert_eq!(registry.find(&Peer::User { uid: 7, own: false }).unwrap_err(), NoConsumer::Unknown);
    assert_eq!(registry.find(&certificate(&["dns:local"])).unwrap_err(), NoConsumer::Unknown);
}

#[test]
fn rights_are_what_the_file_says() {
    let registry = parse(GATEWAY).unwrap();
    let gateway = registry.find(&certificate(&["dns:gateway.test"])).unwrap();
    assert!(gateway.may_ask_for("arm") && !gateway.may_ask_for("graph") && !gateway.may_ask_for(""));
    assert!(!gateway.may_purge);
    assert_eq!(gateway.max_concurrent, DEFAULT_MAX_CONCURRENT);
}

#[test]
fn a_fault_is_told_with_its_place_and_the_fix() {
    let entry = |more: &str| format!("[consumers.gateway]\n{more}");
    let twice = |more: &str| format!("{GATEWAY}[consumers.other]\nresources = [\"arm\"]\n{more}");
    for (text, place, said) in [
        (
            entry("sans = [\"dns:a\"]\nresources = [\"armm\"]"),
            "line 1: [consumers.gateway]",
            "`armm` is not a resource; there are: arm, graph",
        ),
        (entry("sans = [\"dns:a\"]"), "line 1: [consumers.gateway]", "may do nothing"),
        (entry("resources = [\"arm\"]"), "line 1: [consumers.gateway]", "could be nobody"),
        (
            entry("sans = [\"a.test\"]\nresources = [\"arm\"]"),
            "line 1: [consumers.gateway]",
            "`sans`: \"a.test\": a name is written dns:",
        ),
        (entry("sans = [\"dns:*.test\"]\nresources = [\"arm\"]"), "line 1: [consumers.gateway]", "wildcard"),
        (
            entry("sans = [\"dns:a\"]\nresources = [\"arm\"]\nmax_concurrent = 0"),
            "line 1: [consumers.gateway]",
            "`max_concurrent` must be 1 to 8192",
        ),
        (
            entry("sans = [\"dns:a\"]\nresources = [\"arm\"]\nmax_concurrent = 9000"),
            "line 1: [consumers.gateway]",
            "`max_concurrent` must be 1 to 8192",
        ),
        (
            twice("sans = [\"dns:GATEWAY.test\"]"),
            "line 6: [consumers.other]",
            "`sans`: dns:GATEWAY.test stands in [consumers.gateway] already",
        ),
        (
            twice("uids = [1000]"),
            "line 6: [consumers.other]",
            "`uids`: 1000 stands in [consumers.gateway] already",
        ),
        (
            entry("sans = [\"dns:a\", \"dns:a\"]\nresources = [\"arm\"]"),
            "line 1: [consumers.gateway]",
            "stands in [consumers.gateway] already",
        ),
        (
            entry("uids = [65534]\nresources = [\"arm\"]"),
            "line 1: [consumers.gateway]",
            "`uids`: 65534 is nobody in particular",
        ),
        (entry("san = [\"dns:a\"]"), ": ", "unknown field `san`"),
        (entry("uids = [-1]"), ": ", "line 2"),
        (
            "[consumers.Gateway]\nsans = [\"dns:a\"]".to_owned(),
            "line 1: [consumers.Gateway]",
            "is not a name",
        ),
        (String::new(), ": ", "it names nothing"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.starts_with("/c.toml") && error.contains(place) && error.contains(said), "{error}");
    }
    let loopback =
        "[consumers.a]\nloopback = true\npurge = true\n[consumers.b]\nloopback = true\npurge = true";
    let error = parse_for(Transport::Loopback, loopback).unwrap_err();
    assert!(error.contains("[consumers.b] `loopback`"), "{error}");
}

#[test]
fn a_file_by_which_nobody_could_call_is_refused() {
    for (transport, text, field) in [
        (Transport::MutualTls, "[consumers.a]\nuids = [1]\npurge = true", "`sans`"),
        (Transport::Socket, "[consumers.a]\nsans = [\"dns:a\"]\npurge = true", "`uids`"),
        (Transport::Loopback, GATEWAY, "`loopback = true`"),
    ] {
        let error = parse_for(transport, text).unwrap_err();
        assert!(error.starts_with("/c.toml: no consumer has ") && error.contains(field), "{error}");
    }
}

#[test]
fn the_example_is_a_consumers_file() {
    let text = include_str!("../../../../../deploy/consumers.example.toml");
    for transport in [Transport::MutualTls, Transport::Socket] {
        parse_for(transport, text).unwrap();
    }
}
