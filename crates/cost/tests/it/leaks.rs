//! No token and no report link in anything that ends up in a log.

use std::error::Error as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use cost::{Client, Error, Format};
use tracing_subscriber::fmt::MakeWriter;
use wiremock::MockServer;

use crate::export::{SAS, export, link, plan, ready};
use crate::support::{
    TOKEN, always, by_service, client_with, closed_port, costs, http, in_turn, ok, prod_scope, refusal,
    settings, status, token,
};

/// Everything an error can say, causes included.
fn said(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{}", error.detail());
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n{error}\n{error:?}");
        cause = error.source();
    }
    text
}

fn assert_silent(text: &str) {
    for secret in [TOKEN, SAS, "sig=", "S3cr3tSignature", "armreports"] {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

#[tokio::test]
async fn errors_and_logs_name_no_report_link() {
    let logs = Logs::default();
    let guard = tracing::subscriber::set_default(logs.subscriber());
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let closed = closed_port();
    let arm: url::Url = azure.uri().parse().unwrap();
    let client = Client::new(http(), arm, vec![storage.address().to_string(), closed.clone()])
        .with_settings(settings());
    in_turn(&storage, vec![status(403); 6]).await;
    in_turn(&storage, [status(302).insert_header("location", link(&storage, "2")), status(200)]).await;
    let good = link(&storage, "1");
    let unreachable = format!("http://{closed}/armreports/1?{SAS}");
    let untrusted = format!("https://foreign.example/armreports/1?{SAS}");
    for (link, code) in [
        (good.clone(), "report_link_expired"),
        (good.clone(), "unexpected_response"),
        (good, "report_damaged"),
        (unreachable, "azure_unavailable"),
        (untrusted, "untrusted_link"),
        (format!("armreports/1?{SAS}"), "untrusted_link"),
    ] {
        azure.reset().await;
        always(&azure, ok(&ready(&[(link, 9)]))).await;
        let error = export(&client, &plan(Format::Csv)).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert_silent(&said(&error));
    }
    drop(guard);
    let text = logs.text();
    assert_silent(&text);
    assert!(text.contains("cost.export{") && text.contains("error.type=report_link_expired"), "{text}");
}

#[tokio::test]
async fn errors_name_no_token() {
    let azure = MockServer::start().await;
    let client = client_with(&azure, &[]);
    assert_silent(&format!("{client:?}"));
    let answers = [
        refusal(401, "RBACAccessDenied"),
        refusal(400, "BadRequest"),
        refusal(418, "X"),
        status(200),
        status(302),
    ];
    for answer in answers {
        in_turn(&azure, [answer]).await;
        let error = client.query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
        assert_silent(&said(&error));
    }
    let broken = format!("{TOKEN}\n").into();
    let error = client.query(&broken, &prod_scope(), &by_service()).await.unwrap_err();
    assert_eq!(error.code(), "token_rejected");
    assert_silent(&said(&error));
}

#[tokio::test]
async fn spans_and_logs_hold_neither_and_name_the_error() {
    let logs = Logs::default();
    let guard = tracing::subscriber::set_default(logs.subscriber());

    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let client = client_with(&azure, &[&storage]);
    in_turn(
        &azure,
        [
            ok(&ready(&[(link(&storage, "1"), 8)])),
            costs(r#"[[1, "Storage", "EUR"]]"#, None),
            refusal(429, "429").insert_header("retry-after", "0"),
            refusal(403, "AuthorizationFailed"),
        ],
    )
    .await;
    always(&storage, status(200).set_body_string("a,b\n1,2\n")).await;
    export(&client, &plan(Format::Csv)).await.unwrap();
    client.query(&token(), &prod_scope(), &by_service()).await.unwrap();
    client.subscriptions(&token()).await.unwrap_err();
    drop(guard);

    let text = logs.text();
    assert_silent(&text);
    for expected in [
        "cost.export{",
        "cost.query{",
        "cost.subscriptions{",
        "rows=1",
        "page=1",
        "status=403",
        "error.type=no_access",
    ] {
        assert!(text.contains(expected), "{expected} not in: {text}");
    }
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(self.clone())
            .finish()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
