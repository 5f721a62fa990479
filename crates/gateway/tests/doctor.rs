//! The doctor as people run it: the binary, its exit codes, what it prints where.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::process::{Command, Output};

use serde_json::Value;

/// Runs `gateway doctor` in an empty folder with exactly these settings and flags.
fn doctor(settings: &[(&str, &str)], flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("doctor").args(flags).env_clear().envs(settings.iter().copied());
    command.current_dir(folder.path()).stdin(std::process::Stdio::null());
    command.output().unwrap()
}

/// Hosts that refuse at once: these tests look at what is near.
const NO_HOSTS: [(&str, &str); 4] = [
    ("AZURE_AUTHORITY_HOST", "https://127.0.0.1:1"),
    ("AZURE_ARM_ENDPOINT", "https://127.0.0.1:1"),
    ("AZURE_GRAPH_ENDPOINT", "https://127.0.0.1:1"),
    ("GATEWAY_LISTEN", "127.0.0.1:1"),
];

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn checks(output: &Output) -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["exit_code"].as_i64(), output.status.code().map(i64::from));
    let member = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap();
    checks.iter().map(|c| (member(c, "name"), member(c, "subject"), member(c, "result"))).collect()
}

#[test]
fn half_the_settings_are_all_named_at_once() {
    let settings = [
        ("AZURE_TENANT_ID", "contoso.com"),
        ("GATEWAY_BROKER_URL", "http://broker:50051"),
        ("GATEWAY_CLAIMS_STATUS", "402"),
        ("AZURE_CLOUD", "public"),
        ("GATEWAY_ACCEPT_V1_TOKENS", "yes"),
        ("EXTRA_CA_FILE", "certs/ca.pem"),
        ("GATEWAY_TLS_KEY_FILE", "tls.key"),
    ];
    let output = doctor(&[&settings[..], &NO_HOSTS].concat(), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let checks = checks(&output);
    let missing = |name: &str| -> Vec<&str> {
        let of = |check: &&(String, String, String)| check.0 == name && check.2 == "missing";
        checks.iter().filter(of).map(|(_, subject, _)| subject.as_str()).collect()
    };
    let mut settings = missing("settings");
    settings.sort_unstable();
    assert_eq!(
        settings,
        [
            "AZURE_CLIENT_ID",
            "AZURE_CLOUD",
            "AZURE_TENANT_ID",
            "GATEWAY_ACCEPT_V1_TOKENS",
            "GATEWAY_BROKER_URL",
            "GATEWAY_CLAIMS_STATUS",
            "GATEWAY_PUBLIC_URL",
            "settings that go together",
        ]
    );
    assert_eq!(missing("files"), ["EXTRA_CA_FILE", "GATEWAY_TLS_KEY_FILE"]);
}

#[test]
fn without_any_setting_the_folder_is_named() {
    let output = doctor(&[], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(
        text.contains("not one setting is given") && text.contains("the working directory is /"),
        "{text}"
    );
    assert!(text.contains("AZURE_TENANT_ID") && text.contains("GATEWAY_PUBLIC_URL"), "{text}");
}

#[test]
fn a_relative_path_is_named_with_the_folder_it_was_looked_for_in() {
    let output = doctor(&NO_HOSTS, &["--policy-file=policy.toml"]);
    let text = text(&output);
    assert!(text.contains("policy.toml is not in /") && text.contains("Write the whole path"), "{text}");
}

#[test]
fn a_mistyped_flag_hides_nothing() {
    let output = doctor(&NO_HOSTS, &["--tenat-id=x", "--public-url=ftp://x"]);
    let text = text(&output);
    assert!(text.contains("'--tenat-id'"), "{text}");
    assert!(text.contains("GATEWAY_PUBLIC_URL") && text.contains("AZURE_CLIENT_ID"), "{text}");
}

#[test]
fn no_value_of_a_setting_is_repeated() {
    let settings = [
        ("AZURE_TENANT_ID", "s3cret-value"),
        ("AZURE_CLIENT_ID", "\"11112222-bbbb-3333-cccc-4444dddd5555\""),
        ("GATEWAY_PUBLIC_URL", "https://user:s3cret-value@mcp.contoso.com/mcp"),
        ("AZURE_CLOUD", "s3cret-value"),
        ("GATEWAY_CALLS_PER_MINUTE", "s3cret-value"),
    ];
    let output = doctor(&[&settings[..], &NO_HOSTS].concat(), &["--broker-url=https://u:s3cret-value@b"]);
    let text = text(&output);
    assert!(!text.contains("s3cret-value") && output.stderr.is_empty(), "{text}");
    assert!(text.contains("Take the quotes away"), "{text}");
}

#[test]
fn nothing_is_coloured_when_piped_and_all_goes_to_standard_output() {
    let output = doctor(&NO_HOSTS, &[]);
    assert!(!text(&output).contains('\u{1b}'));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let forced = doctor(&[&NO_HOSTS[..], &[("CLICOLOR_FORCE", "1")]].concat(), &[]);
    assert!(text(&forced).contains("\u{1b}[31m"));
    let refused = doctor(&[&NO_HOSTS[..], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]].concat(), &[]);
    assert!(!text(&refused).contains('\u{1b}'));
}

#[test]
fn help_documents_exit_codes_and_the_document() {
    let output = doctor(&[], &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output);
    for words in
        ["--token-stdin", "--json", "Exit codes:", "1  something is missing", "checked_at", "--tenant-id"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let whole = Command::new(env!("CARGO_BIN_EXE_gateway")).arg("--help").output().unwrap();
    assert!(String::from_utf8(whole.stdout).unwrap().contains("gateway doctor --help"));
}
