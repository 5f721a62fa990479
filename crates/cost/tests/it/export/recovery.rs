//! What goes wrong on the way, and what an export does about it.

use std::sync::{Arc, Mutex};

use cost::{Client, Error, ExportDoor, ExportProgress, Format, Scope};
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{SAS, building, export, file, link, plan, ready};
use crate::raw::{Raw, cut, whole};
use crate::support::{always, client, client_with, http, in_turn, ok, refusal, requests, settings, status};

const CSV: &str = "Date,Cost\r\n2026-11-01,1.5\r\n2026-11-02,2.5\r\n";

fn text(done: Result<(cost::Exported, Vec<u8>, cost::ExportSnapshot), Error>) -> String {
    String::from_utf8(done.unwrap().1).unwrap()
}

/// A report of one file, and who has it.
async fn one_file(steps: impl Fn(&MockServer, Value) -> Vec<ResponseTemplate>) -> (MockServer, MockServer) {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let report = ready(&[file(&storage, "1", CSV).await]);
    in_turn(&azure, steps(&azure, report)).await;
    (azure, storage)
}

async fn methods(azure: &MockServer) -> Vec<String> {
    requests(azure).await.iter().map(|request| request.method.to_string()).collect()
}

#[tokio::test]
async fn no_costs_are_an_empty_file() {
    for answer in [status(204), ok(&json!({"status": "NoDataFound"})), ok(&ready(&[]))] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        let (exported, file, progress) = export(&client(&azure), &plan(Format::Csv)).await.unwrap();
        assert_eq!((exported.rows, file, progress.reports_done), (0, Vec::new(), 1));
    }
}

#[tokio::test]
async fn refusals_of_the_order_have_their_codes_and_steps() {
    let offer = "Unsupported request. offer type: WebDirect is not supported for this operation";
    let offer = status(422).set_body_json(json!({"error": {"code": "422", "message": offer}}));
    let failed =
        ok(&json!({"status": "Failed", "error": {"code": "SubscriptionTypeNotSupported", "message": "m"}}));
    for (answer, code, words) in [
        (offer, "no_report_of_offer", "cost_query"),
        (refusal(413, "413"), "too_large", "shorter period"),
        (refusal(403, "AuthorizationFailed"), "no_access", "Cost Management Reader"),
        (status(202), "unexpected_response", "operator"),
        (failed, "subscription_type_not_supported", "billing portal"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        let error = export(&client(&azure), &plan(Format::Csv)).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.detail().contains(words), "{code}: {}", error.detail());
        assert_eq!(requests(&azure).await.len(), 1, "{code}: ordered once");
    }
}

#[tokio::test]
async fn polls_that_go_wrong_are_repeated_and_counted() {
    let odd = |times: usize| {
        move |azure: &MockServer, report: Value| {
            let mut steps = vec![building(azure)];
            steps.extend((0..times).map(|_| refusal(406, "NotAcceptable")));
            steps.push(ok(&report));
            steps
        }
    };
    // Three tries of each poll, and five polls more.
    let (azure, storage) = one_file(odd(17)).await;
    assert_eq!(text(export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await), CSV);
    let (azure, storage) = one_file(odd(18)).await;
    let error = export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await.unwrap_err();
    assert_eq!((error.code(), requests(&azure).await.len()), ("azure_unavailable", 19));
}

#[tokio::test]
async fn polls_have_an_end() {
    let azure = MockServer::start().await;
    always(&azure, building(&azure).insert_header("retry-after", "60")).await;
    let mut few = settings();
    few.reports.most_polls = 3;
    let error = export(&client(&azure).with_settings(few), &plan(Format::Csv)).await.unwrap_err();
    assert!(matches!(error, Error::ReportNotReady { polls: 3, .. }), "{error}");
    assert_eq!((error.code(), error.retry_after_seconds()), ("report_not_ready", Some(60)));
    assert_eq!(requests(&azure).await.len(), 5);
}

#[tokio::test]
async fn a_report_that_azure_loses_is_ordered_once_more() {
    let lost = || {
        [ok(&json!({"status": "Failed", "error": {"code": "500", "message": "m"}})), refusal(404, "NotFound")]
    };
    for lost in lost() {
        let steps = |azure: &MockServer, report: Value| {
            vec![building(azure), lost.clone(), building(azure), ok(&report)]
        };
        let (azure, storage) = one_file(steps).await;
        assert_eq!(text(export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await), CSV);
        assert_eq!(methods(&azure).await, ["POST", "GET", "POST", "GET"]);
    }
    for lost in lost() {
        let steps = |azure: &MockServer, report: Value| {
            vec![building(azure), lost.clone(), building(azure), lost.clone(), building(azure), ok(&report)]
        };
        let (azure, storage) = one_file(steps).await;
        let error = export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await.unwrap_err();
        assert_eq!((error.code(), requests(&azure).await.len()), ("report_failed", 4));
        assert!(error.detail().contains("could not build"), "{}", error.detail());
    }
}

#[tokio::test]
async fn an_order_waits_for_its_turn_again_where_azure_is_asked_too_much() {
    let busy = || refusal(429, "429").insert_header("retry-after", "0");
    let (azure, storage) = one_file(|_, report| vec![busy(), busy(), ok(&report)]).await;
    let door = Door::default();
    let client = client_with(&azure, &[&storage]);
    let progress = Arc::new(ExportProgress::default());
    client.export(&plan(Format::Csv), &door, Vec::new(), &progress).await.unwrap();
    assert_eq!(*door.asked.lock().unwrap(), ["turn", "token", "turn", "token", "turn", "token"]);
    let azure = MockServer::start().await;
    always(&azure, busy()).await;
    let error = export(&self::client(&azure), &plan(Format::Csv)).await.unwrap_err();
    assert_eq!((error.code(), requests(&azure).await.len()), ("throttled", 6));
}

/// Notes what it is asked for.
#[derive(Default)]
struct Door {
    asked: Mutex<Vec<String>>,
}

impl ExportDoor for Door {
    type Refused = Error;

    async fn token(&self, claims: Option<&str>) -> Result<SecretString, Error> {
        self.asked.lock().unwrap().push(claims.map_or_else(|| "token".to_owned(), str::to_owned));
        Ok("t".into())
    }

    async fn turn(&self, _: &Scope) -> Result<(), Error> {
        self.asked.lock().unwrap().push("turn".to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn a_challenge_is_answered_once() {
    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let challenge = || {
        use base64::Engine as _;
        let claims = base64::prelude::BASE64_STANDARD.encode(CLAIMS);
        let header = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"");
        refusal(401, "InvalidAuthenticationToken").insert_header("www-authenticate", header)
    };
    let (azure, storage) = one_file(|azure, report| vec![building(azure), challenge(), ok(&report)]).await;
    let (door, progress) = (Door::default(), Arc::new(ExportProgress::default()));
    let client = client_with(&azure, &[&storage]);
    client.export(&plan(Format::Csv), &door, Vec::new(), &progress).await.unwrap();
    assert_eq!(*door.asked.lock().unwrap(), ["turn", "token", "token", CLAIMS]);
    let (azure, _) = one_file(|_, _| vec![challenge(), challenge()]).await;
    let error = export(&self::client(&azure), &plan(Format::Csv)).await.unwrap_err();
    assert_eq!((error.code(), requests(&azure).await.len()), ("claims_challenge", 2));
}

/// A report whose one file is on a server that breaks off.
async fn broken(answers: Vec<Vec<u8>>, bytes: usize) -> (Result<String, Error>, Vec<String>) {
    let (azure, storage) = (MockServer::start().await, Raw::start(answers).await);
    let link = format!("http://{}/armreports/1?{SAS}", storage.address);
    always(&azure, ok(&ready(&[(link, bytes)]))).await;
    let client = Client::new(http(), azure.uri().parse().unwrap(), vec![storage.address.clone()])
        .with_settings(settings());
    let done = export(&client, &plan(Format::Csv)).await;
    (done.map(|(_, file, _)| String::from_utf8(file).unwrap()), storage.requests())
}

fn rest(at: usize, etag: &str) -> Vec<u8> {
    let fields = format!("etag: {etag}\r\ncontent-range: bytes {at}-{}/{}\r\n", CSV.len() - 1, CSV.len());
    whole(206, &fields, &CSV[at..])
}

const ETAG: &str = "etag: \"1\"\r\n";

#[tokio::test]
async fn a_file_that_breaks_off_goes_on_at_its_byte() {
    let again = |at: usize, after: usize| {
        let mut bytes = rest(at, "\"1\"");
        bytes.truncate(bytes.len() - CSV[at..].len() + after);
        bytes
    };
    let (done, asked) =
        broken(vec![cut(200, ETAG, CSV, 20), again(20, 7), rest(27, "\"1\"")], CSV.len()).await;
    assert_eq!(done.unwrap(), CSV);
    assert!(!asked[0].contains("range:"), "{}", asked[0]);
    for (head, range) in asked.iter().skip(1).zip(["bytes=20-", "bytes=27-"]) {
        assert!(head.contains(&format!("range: {range}")) && head.contains("if-match: \"1\""), "{head}");
        assert!(!head.contains("authorization"), "{head}");
    }
    // One that knows no ranges begins anew: what came is skipped.
    let (done, _) = broken(vec![cut(200, ETAG, CSV, 20), whole(200, ETAG, CSV)], CSV.len()).await;
    assert_eq!(done.unwrap(), CSV);
    // Before the first byte there is nothing to go on with.
    let (done, asked) = broken(vec![vec![], cut(200, ETAG, CSV, 0), whole(200, ETAG, CSV)], CSV.len()).await;
    assert_eq!((done.unwrap().as_str(), asked.len()), (CSV, 3));
}

#[tokio::test]
async fn a_file_that_became_another_fails_the_whole() {
    for second in
        [whole(412, "", ""), whole(416, "", ""), whole(200, "etag: \"2\"\r\n", CSV), whole(200, "", CSV)]
    {
        let (done, asked) = broken(vec![cut(200, ETAG, CSV, 20), second], CSV.len()).await;
        assert_eq!((done.unwrap_err().code(), asked.len()), ("report_damaged", 2));
    }
    for second in [rest(21, "\"1\""), rest(20, "\"2\"")] {
        let (done, _) = broken(vec![cut(200, ETAG, CSV, 20), second], CSV.len()).await;
        assert_eq!(done.unwrap_err().code(), "unexpected_response");
    }
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_gone_on_with() {
    for fields in ["", "etag: W/\"1\"\r\n"] {
        let (done, asked) = broken(vec![cut(200, fields, CSV, 20), rest(20, "\"1\"")], CSV.len()).await;
        assert_eq!((done.unwrap_err().code(), asked.len()), ("azure_unavailable", 1), "{fields}");
    }
}

#[tokio::test]
async fn resumes_are_counted() {
    let (done, asked) = broken(vec![cut(200, ETAG, CSV, 20)], CSV.len()).await;
    assert_eq!((done.unwrap_err().code(), asked.len()), ("azure_unavailable", 11));
}

#[tokio::test]
async fn a_file_of_another_size_than_announced_is_damaged() {
    for announced in [CSV.len() - 1, CSV.len() + 1] {
        let (done, _) = broken(vec![whole(200, ETAG, CSV)], announced).await;
        assert_eq!(done.unwrap_err().code(), "report_damaged");
    }
    let (done, _) = broken(vec![whole(200, ETAG, CSV)], 0).await;
    assert_eq!(done.unwrap(), CSV);
}

/// The storage answers these in turn; Azure gives a link to it whenever it is asked.
async fn links(answers: Vec<ResponseTemplate>) -> (Result<String, Error>, Vec<String>, usize) {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    Mock::given(method("POST")).respond_with(building(&azure)).mount(&azure).await;
    always(&azure, ok(&ready(&[(link(&storage, "1"), CSV.len())]))).await;
    in_turn(&storage, answers).await;
    let done = export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await;
    let asked = requests(&storage).await.len();
    (done.map(|(_, file, _)| String::from_utf8(file).unwrap()), methods(&azure).await, asked)
}

#[tokio::test]
async fn links_that_ended_are_asked_for_again() {
    for ended in [403, 404, 410] {
        let (done, asked, _) = links(vec![status(ended), status(200).set_body_string(CSV)]).await;
        assert_eq!(done.unwrap(), CSV, "{ended}");
        assert_eq!(asked, ["POST", "GET", "GET"], "the operation, and no new order");
    }
    let (done, asked, tries) = links(vec![status(403); 9]).await;
    assert_eq!(done.unwrap_err().code(), "report_link_expired");
    assert_eq!((asked.len(), tries), (7, 6));
}

#[tokio::test]
async fn a_link_that_ended_in_the_middle_goes_on_at_its_byte() {
    let answers = vec![cut(200, ETAG, CSV, 20), whole(403, "", ""), rest(20, "\"1\"")];
    let (done, asked) = broken(answers, CSV.len()).await;
    assert_eq!(done.unwrap(), CSV);
    assert!(asked[2].contains("range: bytes=20-"), "{}", asked[2]);
}

#[tokio::test]
async fn a_link_that_azure_says_has_ended_is_not_tried() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let of = |file: &(String, usize), till: &str| {
        let mut report = ready(std::slice::from_ref(file));
        report["validTill"] = json!(till);
        ok(&report)
    };
    let old = (link(&storage, "old"), CSV.len());
    let new = file(&storage, "new", CSV).await;
    in_turn(&azure, [of(&old, "2026-11-22T19:59:59.1973252Z"), of(&new, "2026-11-22T21:00:00Z")]).await;
    let client = client_with(&azure, &[&storage]).with_clock(|| "2026-11-22T20:00:00Z".parse().unwrap());
    assert_eq!(text(export(&client, &plan(Format::Csv)).await), CSV);
    assert_eq!(requests(&storage).await.len(), 1);
}

#[tokio::test]
async fn links_elsewhere_are_not_followed() {
    let (azure, foreign) = (MockServer::start().await, MockServer::start().await);
    in_turn(&azure, [ok(&ready(&[(link(&foreign, "1"), 9)])), building(&foreign)]).await;
    // Where files may come from, no token goes.
    for client in [client(&azure), client_with(&azure, &[&foreign])] {
        let error = export(&client, &plan(Format::Csv)).await.unwrap_err();
        assert_eq!(error.code(), "untrusted_link");
    }
    assert_eq!(requests(&foreign).await.len(), 0);
    let redirects = status(302).insert_header("location", link(&foreign, "1"));
    let (done, _, _) = links(vec![redirects]).await;
    assert_eq!(done.unwrap_err().code(), "unexpected_response");
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn dropping_the_future_drops_the_sink() {
    struct Sink(std::sync::mpsc::Sender<()>);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Sink {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let azure = MockServer::start().await;
    always(&azure, building(&azure)).await;
    let (dropped, seen) = std::sync::mpsc::channel();
    let progress = Arc::new(ExportProgress::default());
    let (client, plan, door) = (client(&azure), plan(Format::Csv), SecretString::from("t"));
    let exporting = client.export(&plan, &door, Sink(dropped), &progress);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), exporting).await.is_err());
    seen.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
}
