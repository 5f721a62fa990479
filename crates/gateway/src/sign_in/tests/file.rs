//! The file: what it means, and what is refused at start with the entry named.

use super::FILE;
use crate::mcp::tool_names;
use crate::policy::Policy;
use crate::sign_in::SignInSettings;

const EXAMPLE: &str = include_str!("../../../../../deploy/sign-in.example.toml");

fn parse(text: &str) -> Result<SignInSettings, String> {
    SignInSettings::of(text, "/mcp", &Policy::built_in(&tool_names()).unwrap())
}

fn with(uris: &str) -> Result<SignInSettings, String> {
    parse(&format!(
        "[clients.one]\nclient_id = \"22223333-cccc-4444-dddd-5555eeee6666\"\nredirect_uris = [\"{uris}\"]\n"
    ))
}

fn takes(listed: &str, given: &str) -> bool {
    with(listed).unwrap().clients[0].takes(given)
}

#[test]
fn the_example_is_a_file_that_can_be_used() {
    let settings = parse(EXAMPLE).unwrap();
    assert_eq!((settings.path.as_str(), settings.registration), ("/connect/mcp", false));
    assert!(settings.clients.len() >= 8, "{:?}", settings.clients);
}

#[test]
fn a_redirect_uri_is_compared_letter_by_letter_but_for_the_port_of_loopback() {
    let loopback = "http://127.0.0.1:1/callback";
    for (listed, given, same) in [
        (loopback, "http://127.0.0.1:33418/callback", true),
        (loopback, "http://127.0.0.1/callback", true),
        (loopback, "http://localhost:33418/callback", false),
        (loopback, "http://127.0.0.1:33418/callback/", false),
        (loopback, "http://127.0.0.1:33418/callback?a=b", false),
        (loopback, "http://127.0.0.1:33418/callback#a", false),
        (loopback, "http://127.0.0.1:33418/../callback", false),
        (loopback, "http://127.0.0.1:33418@elsewhere.example/callback", false),
        (loopback, "http://user@127.0.0.1:33418/callback", false),
        (loopback, "http://127.0.0.1:33418.elsewhere.example/callback", false),
        (loopback, "http://127.0.0.1.elsewhere.example/callback", false),
        (loopback, "http://127.0.0.1:0/callback", false),
        (loopback, "http://127.0.0.1:65536/callback", false),
        (loopback, "http://127.0.0.1:+80/callback", false),
        (loopback, "http://127.0.0.1:/callback", false),
        (loopback, "http://127.1:80/callback", false),
        (loopback, "HTTP://127.0.0.1/callback", false),
        (loopback, "https://127.0.0.1/callback", false),
        ("http://[::1]/callback", "http://[::1]:9/callback", true),
        ("http://localhost", "http://localhost:9", true),
        ("http://localhost", "http://localhost:9/", false),
        ("https://claude.ai/cb", "https://claude.ai/cb", true),
        ("https://claude.ai/cb", "https://claude.ai:443/cb", false),
        ("https://claude.ai/cb", "https://claude.ai/cb#", false),
        ("https://claude.ai/cb", "https://claude.ai/%63b", false),
        (
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            true,
        ),
        ("com.example.app:/cb", "com.example.app:/cb", true),
    ] {
        assert_eq!(takes(listed, given), same, "{listed} {given}");
    }
}

#[test]
fn a_redirect_uri_that_no_client_can_have_is_refused_at_start() {
    for (uri, why) in [
        ("http://elsewhere.example/cb", "loopback"),
        ("http://127.0.0.2/cb", "loopback"),
        ("http://127.1/cb", "would change"),
        ("https://user@claude.ai/cb", "user name"),
        ("https://claude.ai/cb#a", "fragment"),
        ("https://*.claude.ai/cb", "placeholder"),
        ("https://claude.ai/a/../cb", "would change"),
        ("https://CLAUDE.ai/cb", "would change"),
        ("https://claude.ai:443/cb", "would change"),
        ("javascript:alert(1)", "scheme"),
        ("javascript://claude.ai/%0aalert(1)", "scheme"),
        ("data://claude.ai/x", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("urn:ietf:wg:oauth:2.0:oob", "scheme"),
        ("/callback", "no URI"),
        ("", "no URI"),
    ] {
        let error = with(uri).unwrap_err();
        assert!(error.contains("line 1: [clients.one] redirect_uris holds"), "{uri}: {error}");
        assert!(error.contains(why), "{uri}: {error}");
    }
}

#[test]
fn each_fault_of_the_file_names_the_entry_and_the_fix() {
    const OTHER: &str = "\n[clients.other]\nclient_id = \"22223333-CCCC-4444-dddd-5555eeee6666\"\nredirect_uris = [\"https://a.example/\"]\n";
    let changed = |from: &str, to: &str| FILE.replace(from, to);
    for (text, expected) in [
        (String::new(), "clients"),
        ("[clients]\n".to_owned(), "lists no client"),
        (changed("22223333-", ""), "line 2: [clients.assistant] client_id is no GUID"),
        (changed("client_id", "client_ids"), "client_ids"),
        (changed("[clients.assistant]", "[clients.\"an assistant\"]"), "letters, digits"),
        (
            format!("{FILE}metadata_documents = [\"http://vscode.dev/x\"]"),
            "metadata_documents holds `http://vscode.dev/x`",
        ),
        (format!("{FILE}scopes = [\"cost.write\"]"), "scopes holds `cost.write`"),
        (format!("{FILE}scopes = [\"cost.export\"]"), "scopes lacks `cost.read`"),
        (
            format!("{FILE}{OTHER}"),
            "[clients.other] has a client_id or a metadata document of [clients.assistant]",
        ),
        (format!("path = \"connect\"\n{FILE}"), "path is `connect`"),
        (format!("path = \"/connect/\"\n{FILE}"), "path is `/connect/`"),
        (format!("path = \"/co{{x}}\"\n{FILE}"), "path is `/co{x}`"),
        (format!("path = \"/.well-known/x\"\n{FILE}"), "path is `/.well-known/x`"),
        (format!("path = \"/mcp\"\n{FILE}"), "which GATEWAY_PUBLIC_URL has"),
        (format!("register = true\n{FILE}"), "register"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let below = SignInSettings::of(
        &format!("path = \"/a\"\n{FILE}"),
        "/a/token",
        &Policy::built_in(&tool_names()).unwrap(),
    );
    assert!(below.unwrap_err().contains("stands below"));
}

#[test]
fn a_client_is_known_by_its_id_and_by_its_documents_url() {
    let settings =
        parse(&format!("{FILE}metadata_documents = [\"https://vscode.dev/oauth/client.json\"]")).unwrap();
    for (asked, known) in [
        ("22223333-cccc-4444-dddd-5555eeee6666", true),
        ("22223333-CCCC-4444-DDDD-5555EEEE6666", true),
        ("https://vscode.dev/oauth/client.json", true),
        ("https://vscode.dev/oauth/client.json?", false),
        ("https://elsewhere.example/client.json", false),
        ("assistant", false),
        ("", false),
    ] {
        assert_eq!(settings.client(Some(asked)).is_ok(), known, "{asked}");
    }
    assert!(settings.client(None).is_err());
}
