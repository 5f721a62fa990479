//! The sign-in facade as the doctor sees it: its file, its metadata, and each client as it is registered.

use e2e::Stack;
use emulator::{Platform, RedirectUri};
use telemetry::report::{Outcome, Report};

use super::{doctor, named};

const URIS: [&str; 2] = ["https://claude.ai/api/mcp/auth_callback", "http://localhost:3030/callback"];

async fn with(client_id: &str, registered: &[(&str, Platform)]) -> Stack {
    let file = format!("[clients.claude]\nclient_id = \"{client_id}\"\nredirect_uris = {URIS:?}\n");
    let uri =
        |(uri, platform): &(&str, Platform)| RedirectUri { uri: (*uri).to_owned(), platform: *platform };
    let uris = registered.iter().map(uri).collect();
    Stack::builder()
        .sign_in(&file)
        .preflight()
        .emulator(|config| config.client_redirect_uris = uris)
        .start()
        .await
}

fn of_clients(report: &Report) -> Vec<Outcome> {
    let of_clients = report.findings.iter().filter(|finding| finding.name == "sign_in_client");
    of_clients.map(|finding| finding.outcome).collect()
}

#[tokio::test]
async fn each_client_of_the_file_is_looked_for_where_it_is_registered() {
    use Outcome::{Missing, Ok};
    use Platform::{MobileAndDesktop, SinglePage};
    let [https, loopback] = URIS;
    for (registered, expected, words) in [
        (
            &[(https, MobileAndDesktop), ("http://localhost/callback", MobileAndDesktop)][..],
            [Ok, Ok],
            "as configured; clients in the file: 1",
        ),
        (&[(https, MobileAndDesktop)], [Ok, Missing], "the broker sees no client with this redirect URI"),
        // Beside another this may be meant, but not for a client behind the facade.
        (&[(https, SinglePage), (loopback, MobileAndDesktop)], [Missing, Ok], "the facade has no secret"),
    ] {
        let stack = with(emulator::PUBLIC_CLIENT_ID, registered).await;
        let report = doctor(&stack, &[], None).await;
        assert_eq!(of_clients(&report), expected, "{}", report.table(false));
        assert_eq!(named(&report, "sign_in").outcome, Ok, "{}", report.table(false));
        assert!(report.table(false).contains(words), "{words}: {}", report.table(false));
    }
}

#[tokio::test]
async fn a_client_that_cannot_call_and_one_that_is_the_api_are_named() {
    let stack = with(emulator::API_CLIENT_ID, &[]).await;
    let report = doctor(&stack, &[&format!("--client-ids={}", emulator::PUBLIC_CLIENT_ID)], None).await;
    let table = report.table(false);
    assert!(
        table.contains("this API's own registration")
            && table.contains("GATEWAY_CLIENT_IDS does not let it call"),
        "{table}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_and_a_gateway_that_has_another_are_named() {
    let stack = Stack::builder().unregistered_url().start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sign-in.toml");
    let flag = format!("--sign-in-file={}", file.display());
    let report = doctor(&stack, &[&flag], None).await;
    assert_eq!(named(&report, "sign_in").outcome, Outcome::Missing, "{}", report.table(false));
    assert!(report.table(false).contains("cannot be read"), "{}", report.table(false));
    let text = format!(
        "[clients.a]\nclient_id = \"{}\"\nredirect_uris = [\"https://a.example/cb\"]\n",
        emulator::PUBLIC_CLIENT_ID
    );
    std::fs::write(&file, text).unwrap();
    let report = doctor(&stack, &[&flag], None).await;
    let found = named(&report, "sign_in");
    assert!(found.outcome == Outcome::Missing && found.fix.contains("Start the gateway again"), "{found:?}");
}
