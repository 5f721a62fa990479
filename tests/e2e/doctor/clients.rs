//! What to register for one MCP client, and whether that is so.

use e2e::Stack;
use emulator::{Platform, RedirectUri};
use telemetry::report::{Finding, Outcome, Report};

use super::doctor;

const CLAUDE: [&str; 2] =
    ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"];

fn of_client(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.name == "client").collect()
}

fn outcomes(report: &Report) -> Vec<Outcome> {
    let uris = of_client(report).into_iter().filter(|finding| finding.subject.contains("://"));
    uris.map(|finding| finding.outcome).collect()
}

/// A stack whose tenant has a client with these redirect URIs.
async fn registered(uris: &[(&str, Platform)]) -> Stack {
    let uri =
        |(uri, platform): &(&str, Platform)| RedirectUri { uri: (*uri).to_owned(), platform: *platform };
    let uris = uris.iter().map(uri).collect();
    Stack::builder().preflight().emulator(|config| config.client_redirect_uris = uris).start().await
}

#[tokio::test]
async fn what_is_to_be_registered_is_said_and_looked_for() {
    use Outcome::{Missing, Ok};
    use Platform::{MobileAndDesktop, SinglePage, Web};
    let [ai, com] = CLAUDE;
    for (uris, expected, words) in [
        (vec![(ai, MobileAndDesktop), (com, MobileAndDesktop)], [Ok, Ok], "Mobile and desktop applications"),
        (
            vec![(ai, MobileAndDesktop)],
            [Ok, Missing],
            "no client of PREFLIGHT_CLIENT_IDS has this redirect URI",
        ),
        (vec![(ai, SinglePage), (com, SinglePage)], [Missing, Missing], "AADSTS9002327"),
        (vec![(ai, Web), (com, MobileAndDesktop)], [Missing, Ok], "AADSTS7000218"),
        (vec![("http://localhost", MobileAndDesktop)], [Missing, Missing], "no client of"),
    ] {
        let stack = registered(&uris).await;
        let report = doctor(&stack, &["--client=claude"], None).await;
        assert_eq!(outcomes(&report), expected, "{uris:?}: {}", report.table(false));
        assert!(report.table(false).contains(words), "{words}: {}", report.table(false));
        let id = of_client(&report)[0];
        assert!(id.fix.contains("never on the API's registration") && id.fix.contains(ai), "{id:?}");
    }
}

#[tokio::test]
async fn what_the_broker_does_not_see_is_unknown() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &["--client=cursor"], None).await;
    assert_eq!(outcomes(&report), [Outcome::Unknown], "{}", report.table(false));
    let found = of_client(&report);
    assert!(found[1].detail.contains("PREFLIGHT_ENABLED is false"), "{found:?}");
}

#[tokio::test]
async fn a_client_that_can_take_no_client_id_is_said_to_be_one_and_a_wrong_name_lists_all() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &["--client=zed"], None).await;
    assert_eq!(of_client(&report)[0].outcome, Outcome::Missing, "{}", report.table(false));
    let report = doctor(&stack, &["--client=s3cret"], None).await;
    let found = of_client(&report);
    assert!(
        found.len() == 1 && found[0].outcome == Outcome::Missing && found[0].fix.contains("chatgpt"),
        "{found:?}"
    );
    assert!(!report.table(false).contains("s3cret"), "{}", report.table(false));
    let right = doctor(&stack, &["--client=vscode"], None).await;
    assert!(of_client(&right).iter().all(|finding| finding.outcome == Outcome::Ok), "{}", right.table(false));
}
