use super::*;

const BASE: [&str; 4] = [
    "token-broker",
    "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
    "--client-certificate-path=/certs/app.pem",
];

fn config(more: &[&str]) -> Result<Config, String> {
    let args = Args::try_parse_from(BASE.iter().chain(more)).map_err(|error| error.to_string())?;
    Config::try_from(args).map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_the_public_cloud_on_loopback() {
    let config = config(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:9051");
    assert_eq!(
        config.assertions.audiences,
        ["11112222-bbbb-3333-cccc-4444dddd5555", "api://mcp-cost-server"]
    );
    assert_eq!(config.client_capabilities, ["cp1"]);
    assert!(!config.assertions.accept_v1);
    assert_eq!(
        config.application.token_endpoint().as_str(),
        "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token"
    );
    let arm = config.resources.find("arm").unwrap();
    assert_eq!(&*arm.scope, "https://management.azure.com/user_impersonation");
    assert_eq!(config.cache.memory_bytes, 67_108_864);
}

#[test]
fn the_health_words_may_be_asked_from_anywhere_and_are_off_by_default() {
    assert_eq!(config(&[]).unwrap().health_listen, None);
    let anywhere = config(&["--health-listen=[::]:9052"]).unwrap();
    assert_eq!(anywhere.health_listen.unwrap().to_string(), "[::]:9052");
    assert!(config(&["--health-listen=9052"]).unwrap_err().contains("--health-listen"));
}

#[test]
fn an_overridden_arm_endpoint_changes_no_scope() {
    let config = config(&["--arm-endpoint=https://localhost:8443"]).unwrap();
    assert_eq!(
        &*config.resources.find("arm").unwrap().scope,
        "https://management.azure.com/user_impersonation"
    );
}

#[test]
fn plain_text_is_for_loopback_and_unix_sockets_only() {
    for listen in ["127.0.0.1:0", "[::1]:50051", "unix:/run/broker.sock"] {
        assert!(config(&["--listen", listen]).is_ok(), "{listen}");
    }
    for listen in ["0.0.0.0:50051", "[::]:50051", "10.0.0.1:50051"] {
        let error = config(&["--listen", listen]).unwrap_err();
        assert!(error.contains("BROKER_LISTEN") && error.contains("BROKER_TLS_CERT_FILE"), "{error}");
    }
    let error = config(&["--admin-listen=0.0.0.0:9051"]).unwrap_err();
    assert!(error.contains("BROKER_ADMIN_LISTEN"), "{error}");
    assert!(error.contains("BROKER_TLS_CERT_FILE") && error.contains("BROKER_HEALTH_LISTEN"), "{error}");
}

#[test]
fn the_admin_port_beyond_loopback_takes_the_brokers_certificate() {
    let anywhere = "--admin-listen=0.0.0.0:9051";
    let (cert, key) = ("--tls-cert-file=/c", "--tls-key-file=/k");
    let socket = config(&["--listen=unix:/run/b", anywhere, cert, key]).unwrap();
    assert_eq!(socket.tls, None, "a socket is protected by its mode");
    let files = TlsFiles { cert: "/c".into(), key: "/k".into(), client_ca: None };
    assert_eq!(socket.admin_tls, Some(files.clone()));

    let mutual = ["--tls-client-ca-file=/a", "--consumers-file=/consumers", cert, key, anywhere];
    let both = config(&[&mutual[..], &["--admin-client-ca-file=/s"]].concat()).unwrap();
    assert_eq!(both.tls, Some(TlsFiles { client_ca: Some("/a".into()), ..files.clone() }));
    assert_eq!(both.admin_tls, Some(TlsFiles { client_ca: Some("/s".into()), ..files }));

    for (wrong, said) in [
        (&[anywhere, cert][..], "BROKER_TLS_KEY_FILE is not set"),
        (&[anywhere, cert, key], "BROKER_TLS_CLIENT_CA_FILE is not set"),
        (&["--listen=unix:/run/b", anywhere, key], "BROKER_ADMIN_LISTEN is `0.0.0.0:9051` without TLS"),
        (&["--listen=unix:/run/b", anywhere, cert, key, mutual[0]], "is a unix socket"),
        (&["--listen=unix:/run/b", cert, key], "is a unix socket"),
        (
            &["--admin-client-ca-file=/s"],
            "BROKER_ADMIN_CLIENT_CA_FILE is set, but BROKER_ADMIN_LISTEN is a loopback",
        ),
    ] {
        let error = config(wrong).unwrap_err();
        assert!(error.contains(said), "{wrong:?}: {error}");
    }
}

#[test]
fn mutual_tls_takes_three_files() {
    let files = ["--tls-cert-file=/c", "--tls-key-file=/k", "--tls-client-ca-file=/a"];
    let all = [&["--listen=0.0.0.0:50051", "--consumers-file=/consumers"], &files[..]].concat();
    assert!(config(&all).unwrap().tls.is_some());
    assert!(config(&files[..1]).unwrap_err().contains("BROKER_TLS_KEY_FILE is not set"));
    assert!(config(&files[..2]).unwrap_err().contains("BROKER_TLS_CLIENT_CA_FILE is not set"));
    let on_unix = [&["--listen=unix:/run/b"], &files[..]].concat();
    assert!(config(&on_unix).unwrap_err().contains("unix socket"));
}

#[test]
fn certificates_without_a_consumers_file_name_nobody() {
    let files = ["--tls-cert-file=/c", "--tls-key-file=/k", "--tls-client-ca-file=/a"];
    for listen in ["--listen=127.0.0.1:50051", "--listen=0.0.0.0:50051"] {
        let error = config(&[&[listen], &files[..]].concat()).unwrap_err();
        assert!(error.contains("BROKER_CONSUMERS_FILE"), "{error}");
    }
}

#[test]
fn a_socket_is_opened_to_others_only_if_a_file_says_who_they_are() {
    let socket = "--listen=unix:/run/b";
    let mode = |more: &[&str]| config(more).map(|config| config.socket_mode.to_string());
    assert_eq!(mode(&[]).unwrap(), "0600");
    assert_eq!(mode(&[socket, "--socket-mode=0600"]).unwrap(), "0600");
    assert_eq!(mode(&[socket, "--socket-mode=660", "--consumers-file=/c"]).unwrap(), "0660");
    let error = mode(&[socket, "--socket-mode=0660"]).unwrap_err();
    assert!(error.contains("`0660` without BROKER_CONSUMERS_FILE"), "{error}");
    let error = mode(&["--socket-mode=0600"]).unwrap_err();
    assert!(error.contains("BROKER_SOCKET_MODE is set"), "{error}");
    for bad in ["", "0760", "0040", "rw", "+660", "01600", "888"] {
        assert!(mode(&[socket, "--consumers-file=/c", "--socket-mode", bad]).is_err(), "{bad}");
    }
}

#[test]
fn a_resources_file_is_read_at_start() {
    let error = config(&["--resources-file=/nowhere/resources.toml"]).unwrap_err();
    assert!(error.contains("BROKER_RESOURCES_FILE"), "{error}");
}

#[test]
fn lists_are_split_and_may_not_hold_nothing() {
    let some = config(&["--audiences=a, b", "--client-capabilities="]).unwrap();
    assert_eq!(some.assertions.audiences, ["a", "b"]);
    assert!(some.client_capabilities.is_empty());
    assert!(config(&["--audiences=a,,b"]).unwrap_err().contains("BROKER_AUDIENCES"));
}

#[test]
fn malformed_values_name_their_setting() {
    for (arg, setting) in [
        ("--listen=localhost", "--listen"),
        ("--listen=unix:relative", "--listen"),
        ("--tenant-id=common", "--tenant-id"),
        ("--cache-memory=0", "--cache-memory"),
        ("--redis-url=redis://cache.contoso.com", "--redis-url"),
        ("--redis-url=redis://localhost", "BROKER_CACHE_KEY_FILE"),
        ("--cache-key-file=/keys", "BROKER_REDIS_URL"),
        ("--redis-ca-file=/ca.pem", "BROKER_REDIS_CA_FILE is set, but BROKER_REDIS_URL is not:"),
        ("--redis-password-file=/password", "BROKER_REDIS_URL"),
        ("--authority-host=http://x", "AZURE_AUTHORITY_HOST"),
    ] {
        // A setting given twice is an error of its own: replace it.
        let base = BASE.iter().filter(|base| !arg.starts_with(base.split('=').next().unwrap()));
        let args = Args::try_parse_from(base.chain([&arg]));
        let error =
            args.map_err(|e| e.to_string()).and_then(|a| Config::try_from(a).map_err(|e| e.to_string()));
        let error = error.unwrap_err();
        assert!(error.contains(setting), "{error}");
    }
}

#[test]
fn authorities_of_redis_are_for_a_redis_that_shows_a_certificate() {
    let with = |url| config(&[url, "--cache-key-file=/keys", "--redis-ca-file=/ca.pem"]).map(drop);
    assert_eq!(with("--redis-url=rediss://cache.contoso.com"), Ok(()));
    for url in ["--redis-url=redis://localhost", "--redis-url=unix:/redis.sock"] {
        assert!(with(url).unwrap_err().contains("is not rediss://"), "{url}");
    }
}

#[test]
fn every_setting_is_documented() {
    use clap::CommandFactory as _;
    for arg in Args::command().get_arguments() {
        assert!(arg.get_help().is_some(), "{arg:?}");
        assert!(arg.get_env().is_some() || ["help", "version"].contains(&arg.get_id().as_str()), "{arg:?}");
    }
}

#[test]
fn an_end_takes_25_seconds_at_most_unless_told_otherwise() {
    let stopping = |more: &[&str]| {
        let Stopping { delay, drain } = config(more).unwrap().stopping;
        (delay.as_secs(), drain.as_secs())
    };
    assert_eq!(stopping(&[]), (0, 25));
    assert_eq!(stopping(&["--shutdown-delay-seconds=5", "--drain-seconds=50"]), (5, 50));
    for wrong in ["--drain-seconds=0", "--drain-seconds=121", "--shutdown-delay-seconds=121"] {
        assert!(config(&[wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_logged_at_start_names_what_is_in_force_and_no_secret() {
    let identity = [
        "token-broker",
        BASE[1],
        BASE[2],
        "--managed-identity-client-id=55556666-ffff-7777-aaaa-8888bbbb9999",
        "--identity-endpoint=http://localhost:42356/msi/token",
        "--identity-header=s3cr3t",
        "--redis-url=rediss://somebody@cache.contoso.com",
        "--cache-key-file=/keys",
        "--redis-password-file=/password",
    ];
    let args = Args::try_parse_from(identity).unwrap();
    let shown = format!("{:?}", Config::try_from(args).unwrap());
    for told in [
        "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "\"https://login.microsoftonline.com/\"",
        "\"https://graph.microsoft.com/\"",
        "managed identity 55556666-ffff-7777-aaaa-8888bbbb9999 from the platform's endpoint http://localhost:42356/msi/token",
        "{\"arm\": \"https://management.azure.com/user_impersonation\"",
        "127.0.0.1:50051",
        "socket_mode: 0600",
        "rediss://cache.contoso.com:6379/0",
        "\"/keys\"",
        "\"/password\"",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(!shown.contains("s3cr3t") && !shown.contains("somebody"), "{shown}");
}
