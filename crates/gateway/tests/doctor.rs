//! The doctor as people run it: the binary, its exit codes, what it prints where.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use clap::CommandFactory as _;
use gateway::config::Args;
use serde_json::{Value, json};

/// Runs `gateway doctor` in an empty folder with exactly these settings and flags.
fn doctor(settings: &[(&str, &str)], flags: &[&str]) -> Output {
    doctor_reads(settings, flags, b"")
}

/// The same, with something on standard input.
fn doctor_reads(settings: &[(&str, &str)], flags: &[&str], input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("doctor").args(flags).env_clear().envs(settings.iter().copied());
    command.current_dir(folder.path());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Where nothing is read, nobody may be left to write to.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Settings that are all right, of an installation that does not run.
fn right() -> Vec<(&'static str, &'static str)> {
    let settings = [
        ("AZURE_TENANT_ID", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
        ("AZURE_CLIENT_ID", "11112222-bbbb-3333-cccc-4444dddd5555"),
        ("GATEWAY_PUBLIC_URL", "http://127.0.0.1:1/mcp"),
        ("GATEWAY_BROKER_URL", "http://127.0.0.1:1"),
    ];
    [&settings[..], &NO_HOSTS].concat()
}

/// What looks like a token of a person, and is none of anybody.
fn token() -> String {
    let part = |value: Value| B64.encode(value.to_string());
    let header = part(json!({"alg": "RS256", "typ": "JWT", "kid": "a-key"}));
    let claims = part(json!({
        "ver": "2.0", "aud": "11112222-bbbb-3333-cccc-4444dddd5555", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "iss": "https://127.0.0.1:1/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0", "nbf": 1_700_000_000, "exp": 1_700_003_600,
        "oid": "00000000-0000-4000-8000-00000000a11c", "azp": "22223333-cccc-4444-dddd-5555eeee6666",
        "scp": "cost.read", "name": "Alice Adams", "preferred_username": "alice@contoso.com",
    }));
    let signature: Vec<u8> = (0..=255_u8).map(|byte| byte.wrapping_mul(167) ^ 0x5a).collect();
    format!("{header}.{claims}.{}", B64.encode(signature))
}

/// Whether a stretch of the token stands in what was written: sixteen characters are none by chance.
fn shows(written: &[u8], token: &str) -> bool {
    let written = String::from_utf8_lossy(written);
    let parts = token.split('.').map(str::as_bytes);
    parts
        .flat_map(|part| part.windows(16))
        .any(|stretch| written.contains(std::str::from_utf8(stretch).unwrap()))
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
    let flags = [
        "--tenat-id=x",
        "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
        "stray",
        "--public-url=ftp://x",
        "--json",
        "--token-stdin",
    ];
    let output = doctor_reads(&NO_HOSTS, &flags, b"no token");
    assert_eq!(output.status.code(), Some(1));
    // The document at all shows that the flag behind counts.
    let checks = checks(&output);
    let missing: Vec<_> = checks
        .iter()
        .filter(|(name, _, result)| result == "missing" && ["settings", "token_form"].contains(&&**name))
        .map(|(_, subject, _)| subject.as_str())
        .collect();
    assert_eq!(
        missing,
        ["the command line", "the command line", "AZURE_TENANT_ID", "GATEWAY_PUBLIC_URL"],
        "{checks:?}"
    );
    let document = text(&output);
    assert!(
        document.contains("--tenat-id is not a flag") && document.contains("argument 3 behind"),
        "{document}"
    );
    // The token is not judged without a tenant, but it was read.
    assert!(checks.iter().any(|(name, _, result)| name == "token" && result == "unknown"), "{checks:?}");
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
    for flags in [
        &["--token-stdin", "s3cret-value"][..],
        &["--token-stdin=s3cret-value"],
        &["--tenat-id=s3cret-value", "--json=s3cret-value"],
        &["--tenat-id", "s3cret-value", "-s3cret-value", "s3cret-value"],
        &["--client-id=s3cret-value", "--client-id=s3cret-value"],
        &["--accept-v1-tokens=s3cret-value", "--tenant-id"],
    ] {
        for form in [&[][..], &["--json"]] {
            let output = doctor(&NO_HOSTS, &[flags, form].concat());
            let text = self::text(&output);
            assert!(text.contains("the command line") || text.contains("GATEWAY_ACCEPT_V1_TOKENS"), "{text}");
            assert!(!text.contains("s3cret") && output.stderr.is_empty(), "{flags:?}: {text}");
        }
    }
}

#[test]
fn a_token_on_standard_input_is_explained_and_no_part_of_it_is_shown() {
    let token = token();
    for (input, flags) in [
        (token.clone(), &["--token-stdin"][..]),
        (token.clone(), &["--token-stdin", "--json"]),
        (format!("Authorization: Bearer {token}\n"), &["--token-stdin"]),
        (json!({"accessToken": token, "tenant": "x"}).to_string(), &["--json", "--token-stdin"]),
        // Cut, doubled, or mangled: no token any more, and as secret as before.
        (format!("{token}{token}"), &["--token-stdin"]),
        (format!("{token} {token}"), &["--token-stdin"]),
        (token.replace('.', "\n"), &["--token-stdin", "--json"]),
        (format!("{{\"access_token\":\"{token}"), &["--token-stdin"]),
        // Nobody asked for it to be read, and in the wrong place.
        (token.clone(), &[]),
        (token.clone(), &["--token-stdin", &token]),
        (token.clone(), &["--json", &format!("--token-stdin={token}")]),
    ] {
        let output = doctor_reads(&right(), flags, input.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{flags:?}");
        assert!(!shows(&output.stdout, &token), "{flags:?}: {}", text(&output));
        assert!(!shows(&output.stderr, &token), "{flags:?}");
        assert!(!text(&output).contains("Alice") && !text(&output).contains("alice@"), "{flags:?}");
    }
    let output = doctor_reads(&right(), &["--token-stdin", "--json"], token.as_bytes());
    let checks = checks(&output);
    let result = |name: &str| checks.iter().find(|check| check.0 == name).map(|check| check.2.as_str());
    assert_eq!(result("token_audience"), Some("ok"), "{checks:?}");
    assert_eq!(result("token_expiry"), Some("missing"), "{checks:?}");
    assert_eq!(result("token_signature"), Some("unknown"), "{checks:?}");
    // And the search does find.
    assert!(shows(format!("x{}x", &token[token.len() - 20..]).as_bytes(), &token));
}

#[test]
fn what_powershell_writes_is_named_and_the_rest_is_still_looked_at() {
    let utf_16: Vec<u8> = "\u{feff}a.b.c\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let output = doctor_reads(&right(), &["--token-stdin"], &utf_16);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.contains("UTF-16") && text.contains("fix: Pipe the token straight in"), "{text}");
    assert!(text.contains("scope_prefix") && output.stderr.is_empty(), "{text}");
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
    insta::assert_snapshot!("help_doctor", text);
    let whole = Command::new(env!("CARGO_BIN_EXE_gateway")).arg("--help").env_clear().output().unwrap();
    insta::assert_snapshot!("help", self::text(&whole));
}

#[test]
fn settings_that_are_missing_are_named_as_the_environment_names_them() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gateway"));
    let output =
        program.env_clear().env("AZURE_TENANT_ID", "aaaabbbb-0000-cccc-1111-dddd2222eeee").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!("nothing_set", String::from_utf8(output.stderr).unwrap());
}

#[test]
fn every_setting_stands_in_a_group() {
    for argument in Args::command().get_arguments().filter(|argument| argument.get_env().is_some()) {
        assert!(argument.get_help_heading().is_some(), "{}", argument.get_id());
    }
}

#[test]
fn nobody_is_told_to_correct_a_host_that_nobody_set() {
    let settings =
        [&right()[..3], &[("GATEWAY_LISTEN", "127.0.0.1:1"), ("HTTPS_PROXY", "http://127.0.0.1:1")]].concat();
    let output = doctor(&settings, &[]);
    let text = text(&output);
    for host in ["login.microsoftonline.com", "management.azure.com", "graph.microsoft.com"] {
        let fix = format!("fix: Let this machine reach {host}:443 (firewall), or set HTTPS_PROXY");
        assert!(text.contains(&fix), "{text}");
    }
    assert!(!text.contains("AZURE_AUTHORITY_HOST"), "{text}");
}

#[test]
fn the_table_reads_as_it_did() {
    insta::assert_snapshot!("table", text(&doctor(&right(), &[])));
}
