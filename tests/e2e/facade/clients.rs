//! Real clients through the facade, in a tenant that stops each of them without it.

use std::collections::BTreeMap;

use e2e::Stack;

use super::{DOCUMENT, REDIRECTS, administered, stopped_without, url};
use crate::interop::Client;
use crate::sign_in::{CLIENTS, EXPORT, LIST, SHORT_LIFE, over_an_expiry, run_at};

/// A stack whose tokens end soon, and whose client is the API's own registration.
async fn with_short_lives() -> Stack {
    let seconds = u32::try_from(SHORT_LIFE.as_secs()).unwrap();
    let builder = stopped_without(emulator::API_CLIENT_ID);
    let stack = builder.emulator(|config| config.access_token_lifetime = Some(seconds)).start().await;
    administered(&stack);
    stack
}

/// Each signs in, refreshes, steps up and reads on through the facade, and is stopped without it. Without an id it registers itself.
async fn go_through(clients: &[(&[&str], Option<&str>)]) {
    let stack = with_short_lives().await;
    let url = url(&stack);
    for (client, id) in clients.iter().copied() {
        let id: Vec<_> = id.iter().map(|id| ("MCP_CLIENT_ID", *id)).collect();
        let without = run_at(&stack, &stack.public_url(), client, &[], "bob", &[LIST], &id).await;
        let told = without.printed.to_string().contains("AADSTS9010010");
        // One that registers itself does not even get to the page that says so.
        assert_eq!((without.code == 0, told), (false, !id.is_empty()), "{client:?}: {}", without.printed);

        stack.emulator.reset_counts();
        let calls = [LIST, LIST, EXPORT, LIST];
        let done = over_an_expiry(&stack, &id, async |environment: &[(&str, &str)]| {
            run_at(&stack, &url, client, &[], "bob", &calls, environment).await
        })
        .await;
        assert_eq!(done.code, 0, "{client:?} {id:?}: {}", done.printed);
        for call in 0..calls.len() {
            done.assert_answered(call);
        }
        let refreshed =
            stack.emulator.counts().token_requests.get("refresh_token").copied().unwrap_or_default();
        // v1 asks for no refresh token unless the application does, so it signs in where the others refresh.
        let expected = if client == CLIENTS[4] { (3, false) } else { (2, true) };
        assert_eq!((done.sign_ins().len(), refreshed > 0), expected, "{client:?}: {}", done.printed);
        assert_eq!(done.sign_ins()[0]["resource"], url.as_str(), "{client:?}: {}", done.printed);
        let asked = done.scopes(done.sign_ins().len() - 1);
        assert!(asked.contains(&"api://mcp-cost-server/cost.export"), "{client:?}: {}", done.printed);
        assert_eq!(stack.emulator.counts().token_errors, BTreeMap::new(), "{client:?}");
    }
}

const OWN: Option<&str> = Some(emulator::API_CLIENT_ID);

#[tokio::test]
async fn clients_in_python_go_through_the_facade_and_are_stopped_without_it() {
    go_through(&[(CLIENTS[0], OWN), (CLIENTS[1], OWN)]).await;
}

#[tokio::test]
async fn clients_in_typescript_go_through_the_facade_and_are_stopped_without_it() {
    go_through(&[(CLIENTS[3], OWN), (CLIENTS[4], OWN), (CLIENTS[5], OWN)]).await;
}

/// One client id for all, and none: the bridge then does what a client does that can do nothing but register.
#[tokio::test]
async fn clients_that_are_a_bridge_go_through_the_facade_with_an_id_and_without() {
    go_through(&[(CLIENTS[2], OWN), (CLIENTS[2], None)]).await;
}

/// Those that ask for the consent page, where nobody may consent.
#[tokio::test]
async fn clients_that_insist_on_a_consent_page_sign_in_through_the_facade() {
    let stack = super::started().await;
    for client in [&["sign_in_python.py"][..], &["sign_in_ts.mjs", "v2"]] {
        let id = [("MCP_CLIENT_ID", emulator::PUBLIC_CLIENT_ID)];
        let done = run_at(&stack, &url(&stack), client, &[], "bob", &[LIST], &id).await;
        assert_eq!((done.code, &done.sign_ins()[0]["prompt"]), (0, &"consent".into()), "{}", done.printed);
    }
}

#[tokio::test]
async fn clients_of_dave_answer_a_claims_challenge_through_the_facade() {
    let stack = super::started().await;
    let id = [("MCP_CLIENT_ID", emulator::PUBLIC_CLIENT_ID)];
    let done = run_at(&stack, &url(&stack), &["sign_in_python.py"], &[], "dave", &[LIST], &id).await;
    assert_eq!(done.code, 0, "{}", done.printed);
    let second_factor: Vec<_> = done.sign_ins().iter().map(|sign_in| &sign_in["second_factor"]).collect();
    assert_eq!(second_factor, [false, true], "{}", done.printed);
}

#[tokio::test]
async fn clients_with_a_metadata_document_sign_in_by_its_url() {
    let stack = super::started().await;
    let options = ["--document", DOCUMENT];
    let done = run_at(&stack, &url(&stack), &["sign_in_python.py"], &options, "alice", &[LIST], &[]).await;
    assert_eq!((done.code, done.answer(0)), (0, "code"), "{}", done.printed);
}

/// A person's own browser, from the client's first step to the redirect URI; and the page where something is wrong.
#[tokio::test]
async fn clients_are_followed_by_a_browser_the_whole_way() {
    let stack = super::started().await;
    let browse = async |steps: &str, query: String| {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("{}/authorize?{query}", url(&stack));
        let pictures = folder.path().display().to_string();
        let (code, printed) =
            Client::new("browser_sign_in.mjs", &stack).args(&[steps, &address, &pictures]).run().await;
        assert_eq!(code, 0, "{printed}");
        printed
    };
    let shown = browse(
        "pick:Alice Abel",
        super::authorize_query(&stack, &[("redirect_uri", "http://127.0.0.1/callback")]),
    )
    .await;
    assert_eq!(
        (&shown["answer"]["code"], &shown["answer"]["state"]),
        (&"present".into(), &"the clients' state".into()),
        "{shown}"
    );
    let shown =
        browse("", super::authorize_query(&stack, &[("redirect_uri", "https://elsewhere.example/")])).await;
    let seen = shown["text"].as_str().unwrap();
    assert!(seen.contains("not listed for this client") && seen.contains("operator"), "{shown}");
    assert!(REDIRECTS.iter().all(|uri| !seen.contains(uri)), "{shown}");
}
