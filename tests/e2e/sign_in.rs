//! Real MCP clients that sign in by themselves, at the emulator's authorize endpoint, and act on our refusals.
//!
//! What each client does, and what to configure, stands in `docs/clients.md`; these tests are where it was measured.

use std::time::Duration;

use e2e::{BUILT_IN_POLICY, Stack};
use emulator::{OwnRefresh, RedirectUri, WhoCanConsent};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::interop::Client;

pub(crate) const LIST: [&str; 3] = ["--call", "list_subscriptions", "{}"];
pub(crate) const EXPORT: [&str; 3] =
    ["--call", "cost_export", r#"{"subscription": "Contoso Dev", "from": "2026-10-01", "to": "2026-10-02"}"#];

/// Every client, as `tests/clients/run` takes it.
pub(crate) const CLIENTS: [&[&str]; 6] = [
    &["sign_in_python.py"],
    &["sign_in_fastmcp.py"],
    &["sign_in_mcp_remote.mjs"],
    &["sign_in_ts.mjs", "v2"],
    &["sign_in_ts.mjs", "v1"],
    &["sign_in_inspector.mjs"],
];

const ROLE_FOR_EXPORT: &str = "roles = [\"Cost.Exporter\"] # of [tools.cost_export], which stands last\n";

/// What a client did.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) printed: Value,
}

impl Run {
    pub(crate) fn sign_ins(&self) -> &[Value] {
        self.printed["sign_ins"].as_array().expect("every script lists the sign-ins")
    }

    pub(crate) fn calls(&self) -> &[Value] {
        self.printed["calls"].as_array().expect("every script lists the calls")
    }

    /// The scopes a sign-in asked for, without the one that only asks for a refresh token.
    pub(crate) fn scopes(&self, sign_in: usize) -> Vec<&str> {
        let all = self.sign_ins()[sign_in]["scope"].as_array().unwrap().iter();
        all.filter_map(Value::as_str).filter(|scope| *scope != "offline_access").collect()
    }

    pub(crate) fn answer(&self, sign_in: usize) -> &str {
        self.sign_ins()[sign_in]["answer"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn assert_answered(&self, call: usize) {
        let made = &self.calls()[call];
        assert_eq!(made["is_error"], false, "{}", self.printed);
    }

    #[track_caller]
    fn assert_refused(&self, call: usize) {
        assert_ne!(self.calls()[call]["is_error"], false, "{}", self.printed);
    }
}

/// Lets a client sign `person` in and make `calls`; `options` go between.
async fn run(stack: &Stack, client: &[&str], options: &[&str], person: &str, calls: &[[&str; 3]]) -> Run {
    run_with(stack, client, options, person, calls, &[("MCP_CLIENT_ID", emulator::PUBLIC_CLIENT_ID)]).await
}

/// The same, with more in the client's environment.
pub(crate) async fn run_with(
    stack: &Stack,
    client: &[&str],
    options: &[&str],
    person: &str,
    calls: &[[&str; 3]],
    environment: &[(&str, &str)],
) -> Run {
    run_at(stack, &stack.public_url(), client, options, person, calls, environment).await
}

/// The same, at another URL of the server.
pub(crate) async fn run_at(
    stack: &Stack,
    url: &str,
    client: &[&str],
    options: &[&str],
    person: &str,
    calls: &[[&str; 3]],
    environment: &[(&str, &str)],
) -> Run {
    let (script, first) = client.split_first().expect("a client has a script");
    let deeds = format!("emulator_person={person}&emulator_consent=accept&emulator_mfa=true");
    let calls: Vec<_> = calls.iter().flatten().copied().collect();
    let client = Client::new(script, stack).args(first).args(&[url]).args(options).args(&calls);
    let client = environment.iter().fold(client, |client, (name, value)| client.env(name, value));
    let (code, printed) = client.env("SIGN_IN", &deeds).run().await;
    Run { code, printed }
}

/// The tools for any question about costs, with the member of the answer that cannot be empty.
const COSTS: [([&str; 3], &str); 3] = [
    (
        [
            "--call",
            "cost_query",
            r#"{"scopes": ["Contoso Dev"], "period": "2026-10", "group_by": ["service"]}"#,
        ],
        "rows",
    ),
    (["--call", "cost_compare", r#"{"scopes": ["Contoso Dev"], "period": "2026-10"}"#], "currencies"),
    (["--call", "list_dimensions", r#"{"scopes": ["Contoso Dev"]}"#], "dimensions"),
];

/// The clients of the official libraries call them in `interop`.
#[tokio::test]
async fn inspector_and_mcp_remote_ask_any_question_about_costs() {
    let stack = Stack::start().await;
    for client in ["sign_in_inspector.mjs", "sign_in_mcp_remote.mjs"] {
        let done = run(&stack, &[client], &[], "alice", &COSTS.map(|(call, _)| call)).await;
        for (number, (_, member)) in COSTS.iter().enumerate() {
            done.assert_answered(number);
            let found = done.calls()[number]["structured"][member].as_array();
            assert!(found.is_some_and(|found| !found.is_empty()), "{client}: {}", done.printed);
        }
    }
}

/// How long tokens live where one is to end: by the client's own clock, which nobody sets forward.
pub(crate) const SHORT_LIFE: Duration = Duration::from_secs(6);

/// A stack whose tokens end soon.
async fn with_short_lives() -> Stack {
    let seconds = u32::try_from(SHORT_LIFE.as_secs()).unwrap();
    Stack::builder().emulator(|config| config.access_token_lifetime = Some(seconds)).start().await
}

/// Two calls of alice's. Her token has ended in between, for the client, which is told so by `expires_in`, and for
/// everybody else, who allow for clocks that differ.
async fn run_over_an_expiry(stack: &Stack, client: &[&str], options: &[&str], client_id: &str) -> Run {
    let environment = [("MCP_CLIENT_ID", client_id)];
    let url = stack.public_url();
    over_an_expiry(stack, &environment, async |environment: &[(&str, &str)]| {
        run_at(stack, &url, client, options, "alice", &[LIST, LIST], environment).await
    })
    .await
}

/// What `client` does where tokens end after its first call. It is given its environment, with where it tells of that call.
pub(crate) async fn over_an_expiry(
    stack: &Stack,
    environment: &[(&str, &str)],
    client: impl AsyncFnOnce(&[(&str, &str)]) -> Run,
) -> Run {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = format!("http://{}/", listener.local_addr().unwrap());
    let environment = [environment, &[("AFTER_FIRST_CALL", between.as_str())]].concat();
    let time_passes = async {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = caller.read(&mut request).await.unwrap();
            tokio::time::sleep(SHORT_LIFE).await;
            stack.advance(SignedDuration::from_hours(3));
            caller
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
        }
    };
    tokio::select! {
        done = client(&environment) => done,
        () = time_passes => unreachable!("it never ends"),
    }
}

#[track_caller]
pub(crate) fn assert_stepped_up(stack: &Stack, done: &Run) {
    let url = stack.public_url();
    assert_eq!(done.code, 0, "{}", done.printed);
    assert_eq!(done.sign_ins().len(), 2, "one sign-in, one step-up: {}", done.printed);
    assert_eq!(done.scopes(0), [format!("{url}/cost.read")]);
    assert_eq!(done.scopes(1), [format!("{url}/cost.read"), format!("{url}/cost.export")]);
    // Reading works after the step-up as before it.
    for call in 0..3 {
        done.assert_answered(call);
    }
    assert!(done.calls()[1]["structured"]["content"].as_str().unwrap().contains("Contoso Dev"));
}

#[tokio::test]
async fn clients_of_dave_get_the_data_after_a_sign_in_with_the_claims() {
    let stack = Stack::start().await;
    let done = run(&stack, &["sign_in_python.py"], &[], "dave", &[LIST]).await;
    assert_eq!(done.code, 0, "{}", done.printed);
    let challenged = &done.calls()[0]["refused"]["data"];
    assert_eq!(challenged["code"], "claims_challenge", "{}", done.printed);
    assert!(challenged["claims"]["access_token"].is_object(), "{}", done.printed);
    assert_eq!(done.calls()[1]["structured"]["subscriptions"][0]["name"], "Contoso Prod");
    let second_factor: Vec<_> = done.sign_ins().iter().map(|sign_in| &sign_in["second_factor"]).collect();
    assert_eq!(second_factor, [false, true], "{}", done.printed);
}

#[tokio::test]
async fn clients_that_do_not_know_claims_stop_at_once_and_say_why() {
    let stack = Stack::start().await;
    for client in &CLIENTS[1..] {
        let done = run(&stack, client, &[], "dave", &[LIST, LIST]).await;
        assert_eq!(done.code, 3, "{}", done.printed);
        assert_eq!(done.sign_ins().len(), 1, "no loop: {}", done.printed);
        for call in done.calls() {
            // The Inspector drops the body of every 403 with a challenge.
            let inspector = client[0] == "sign_in_inspector.mjs";
            let expected =
                if inspector { "auth_required" } else { "Conditional Access policy asks for more" };
            assert!(call.to_string().contains(expected), "{client:?}: {}", done.printed);
        }
    }
}

#[tokio::test]
async fn clients_of_bob_step_up_to_the_export_by_themselves() {
    let stack = Stack::builder()
        .emulator(|config| config.export_consent = WhoCanConsent::AdminsAndUsers)
        .start()
        .await;
    for client in CLIENTS {
        let done = run(&stack, client, &[], "bob", &[LIST, EXPORT, LIST]).await;
        assert_stepped_up(&stack, &done);
        stack.emulator.withdraw_consent(Some("bob"), &["cost.export"]).unwrap();
    }
}

/// Entra ID shows the consent page to whoever comes with `prompt=consent`, and lets nobody past it but
/// administrators when a scope is theirs to grant: granted or not.
#[tokio::test]
async fn clients_that_insist_on_a_consent_page_need_no_administrator_scope() {
    let stack = Stack::start().await;
    stack.emulator.grant_consent(Some("bob"), &["cost.export"]).unwrap();
    for client in CLIENTS {
        if client == ["sign_in_ts.mjs", "v1"] {
            continue;
        }
        stack.emulator.reset_counts();
        let done = run(&stack, client, &[], "bob", &[LIST, EXPORT]).await;
        assert_ne!(done.code, 0, "{}", done.printed);
        assert_eq!(done.sign_ins()[1]["prompt"], "consent", "{}", done.printed);
        assert!(done.answer(1).contains("AADSTS65004"), "{}", done.printed);
        assert!(stack.emulator.counts().authorize_requests <= 4, "no loop: {}", done.printed);
    }
}

#[tokio::test]
async fn clients_without_a_consent_page_step_up_to_what_an_administrator_granted() {
    let stack = Stack::start().await;
    stack.emulator.grant_consent(Some("bob"), &["cost.export"]).unwrap();
    let quiet: [(&[&str], &[&str]); 5] = [
        (&["sign_in_python.py"], &["--no-prompt"]),
        (&["sign_in_python.py"], &["--no-refresh"]),
        (&["sign_in_mcp_remote.mjs"], &["--authorize-param", "prompt=select_account"]),
        (&["sign_in_ts.mjs", "v2"], &["--no-refresh"]),
        (&["sign_in_ts.mjs", "v1"], &[]),
    ];
    for (client, options) in quiet {
        let done = run(&stack, client, options, "bob", &[LIST, EXPORT, LIST]).await;
        assert_stepped_up(&stack, &done);
    }
}

#[tokio::test]
async fn clients_that_cannot_step_up_fail_once_and_go_on() {
    let stack = Stack::builder()
        .emulator(|config| config.export_consent = WhoCanConsent::AdminsAndUsers)
        .start()
        .await;
    // With a refresh token, v1 refreshes instead of signing in, which brings no scope.
    let v1 = run(&stack, &["sign_in_ts.mjs", "v1"], &["--offline"], "bob", &[LIST, EXPORT, LIST]).await;
    assert!(v1.calls()[1]["refused"]["message"].as_str().unwrap().contains("403"), "{}", v1.printed);
    // A person who declines.
    let calls: Vec<_> = [LIST, EXPORT, LIST].concat();
    let (code, printed) = Client::new("sign_in_inspector.mjs", &stack)
        .args(&[&stack.public_url()])
        .args(&calls)
        .env("SIGN_IN", "emulator_person=bob&emulator_consent=accept")
        .env("MCP_CLIENT_ID", emulator::PUBLIC_CLIENT_ID)
        .env("STEP_UP", "n")
        .run()
        .await;
    let inspector = Run { code, printed };
    let shown = inspector.calls()[1]["message"].as_str().unwrap();
    assert!(shown.contains("needs additional scope") && shown.contains("/cost.export"), "{shown}");
    for done in [v1, inspector] {
        assert_eq!((done.code, done.sign_ins().len()), (3, 1), "{}", done.printed);
        done.assert_answered(0);
        done.assert_refused(1);
        done.assert_answered(2);
    }
}

#[tokio::test]
async fn clients_of_people_without_the_role_show_who_assigns_it() {
    let stack = Stack::builder()
        .policy(&format!("{BUILT_IN_POLICY}{ROLE_FOR_EXPORT}"))
        .emulator(|config| config.export_consent = WhoCanConsent::AdminsAndUsers)
        .start()
        .await;
    for client in CLIENTS {
        let done = run(&stack, client, &[], "bob", &[EXPORT, EXPORT]).await;
        // One sign-in, to begin with: none in vain for a scope that would not have helped.
        assert_eq!((done.code, done.sign_ins().len()), (3, 1), "{client:?}: {}", done.printed);
        let shown = done.calls()[1].to_string();
        assert!(shown.contains("app role Cost.Exporter; an administrator assigns it"), "{client:?}: {shown}");
    }
}

#[tokio::test]
async fn clients_that_name_another_resource_are_told_aadsts9010010() {
    let stack = Stack::start().await;
    let elsewhere = ["--resource", "https://elsewhere.example/mcp"];
    let refused = run(&stack, &["sign_in_ts.mjs", "v2"], &elsewhere, "alice", &[LIST]).await;
    assert_eq!(refused.code, 1, "{}", refused.printed);
    assert!(refused.answer(0).contains("AADSTS9010010"), "{}", refused.printed);
    assert_eq!(refused.sign_ins().len(), 1, "{}", refused.printed);
    let without = ["--disable-resource-parameter"];
    let done = run(&stack, &["sign_in_mcp_remote.mjs"], &without, "alice", &[LIST]).await;
    assert_eq!((done.code, &done.sign_ins()[0]["resource"]), (0, &Value::Null), "{}", done.printed);
}

/// Where the MCP URL is not an Application ID URI, only a client that can leave `resource` out signs in.
#[tokio::test]
async fn clients_of_an_api_with_an_api_uri_alone_must_not_name_a_resource() {
    let stack = Stack::builder().unregistered_url().start().await;
    let refused = run(&stack, &["sign_in_python.py"], &[], "alice", &[LIST]).await;
    assert_eq!(refused.code, 1, "{}", refused.printed);
    assert!(refused.answer(0).contains("AADSTS9010010"), "{}", refused.printed);
    assert_eq!(refused.scopes(0), ["api://mcp-cost-server/cost.read"]);
    let without = ["--disable-resource-parameter"];
    let done = run(&stack, &["sign_in_mcp_remote.mjs"], &without, "alice", &[LIST]).await;
    assert_eq!(done.code, 0, "{}", done.printed);
}

/// Without it they do too: every other test here runs so, as Entra ID does not publish it.
#[tokio::test]
async fn clients_sign_in_where_the_metadata_speak_of_pkce() {
    let stack =
        Stack::builder().emulator(|config| config.publish_code_challenge_methods = true).start().await;
    for client in CLIENTS {
        let done = run(&stack, client, &[], "alice", &[LIST]).await;
        assert_eq!((done.code, done.answer(0)), (0, "code"), "{}", done.printed);
    }
}

#[tokio::test]
async fn clients_whose_session_was_revoked_sign_in_again_and_go_on() {
    let stack = Stack::start().await;
    let revoke = format!("{}/_emulator/sessions/alice", stack.emulator.endpoints().authority);
    let options = ["--revoke", revoke.as_str()];
    let done = run(&stack, &["sign_in_python.py"], &options, "alice", &[LIST, LIST]).await;
    assert_eq!((done.code, done.sign_ins().len()), (0, 2), "{}", done.printed);
    done.assert_answered(1);
}

/// What the measured clients do when their token ends: those with a refresh token refresh, and nobody sees a page.
#[tokio::test]
async fn clients_whose_token_expires_refresh_and_go_on() {
    let stack = with_short_lives().await;
    for client in CLIENTS {
        stack.emulator.reset_counts();
        let done = run_over_an_expiry(&stack, client, &[], emulator::PUBLIC_CLIENT_ID).await;
        assert_eq!(done.code, 0, "{client:?}: {}", done.printed);
        done.assert_answered(1);
        let refreshed =
            stack.emulator.counts().token_requests.get("refresh_token").copied().unwrap_or_default();
        // v1 asks for no refresh token unless the application does.
        let expected = if client == ["sign_in_ts.mjs", "v1"] { (2, false) } else { (1, true) };
        assert_eq!((done.sign_ins().len(), refreshed > 0), expected, "{client:?}: {}", done.printed);
    }
    let done =
        run_over_an_expiry(&stack, &["sign_in_ts.mjs", "v1"], &["--offline"], emulator::PUBLIC_CLIENT_ID)
            .await;
    assert_eq!((done.code, done.sign_ins().len()), (0, 1), "{}", done.printed);
}

/// Client and API in one registration: the first token is right, and the refresh is AADSTS90009, or a token that can call
/// nothing. No client says so, which is why the preflight and the doctor do.
#[tokio::test]
async fn clients_that_are_the_apis_own_registration_cannot_refresh() {
    let stack = with_short_lives().await;
    let own = vec![RedirectUri::mobile("http://localhost")];
    stack.emulator.register(|api| api.redirect_uris = own).unwrap();
    for client in CLIENTS {
        stack.emulator.reset_counts();
        // v1 has a refresh token only if the application asks for one.
        let options: &[_] = if client == ["sign_in_ts.mjs", "v1"] { &["--offline"] } else { &[] };
        let done = run_over_an_expiry(&stack, client, options, emulator::API_CLIENT_ID).await;
        done.assert_answered(0);
        // One of them sends `scope` with a refresh.
        let expected = client != ["sign_in_mcp_remote.mjs"];
        let refused = stack.emulator.counts().token_errors.contains_key(&90_009);
        assert_eq!(refused, expected, "{client:?}: {}", done.printed);
    }

    stack.emulator.register(|api| api.own_refresh = OwnRefresh::OddScope).unwrap();
    let done = run_over_an_expiry(&stack, &["sign_in_python.py"], &[], emulator::API_CLIENT_ID).await;
    done.assert_answered(0);
    // The refreshed token has no scope that a tool needs: the client signs in once more.
    assert_eq!(done.sign_ins().len(), 2, "{}", done.printed);
}

/// A tenant in which people may consent to nothing: what an administrator granted is of no use to a client that insists on
/// the consent page.
#[tokio::test]
async fn clients_that_insist_on_a_consent_page_stop_where_people_may_consent_to_nothing() {
    let stack = Stack::builder().emulator(|config| config.users_may_consent = false).start().await;
    stack.emulator.grant_consent(None, &["cost.read"]).unwrap();
    for (client, options, signs_in) in [
        (&["sign_in_python.py"][..], &[][..], false),
        (&["sign_in_python.py"], &["--no-prompt"], true),
        (&["sign_in_mcp_remote.mjs"], &["--authorize-param", "prompt=select_account"], true),
        (&["sign_in_ts.mjs", "v1"], &[], true),
    ] {
        let done = run(&stack, client, options, "alice", &[LIST]).await;
        assert_eq!(done.code == 0, signs_in, "{client:?}: {}", done.printed);
        if !signs_in {
            assert!(done.answer(0).contains("AADSTS65004"), "{}", done.printed);
        }
    }
}

/// `iss` in the answer (RFC 9207) is on a switch: all clients do the same with it and without.
#[tokio::test]
async fn clients_sign_in_where_the_answer_names_its_issuer() {
    let stack = Stack::builder().emulator(|config| config.authorization_response_iss = true).start().await;
    for client in CLIENTS {
        let done = run(&stack, client, &[], "alice", &[LIST]).await;
        assert_eq!((done.code, done.answer(0)), (0, "code"), "{}", done.printed);
    }
}
