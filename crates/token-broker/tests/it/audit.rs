//! What the broker records: each kind of call that a consumer makes, by whom, about whom, within which trace, and by which id
//! Entra ID knows what it was asked.

use std::path::Path;

use proto::v1::{PreflightRequest, PurgeUserRequest, TokenSource};
use serde_json::{Value, json};
use telemetry::testing::Captured;
use tonic::Request;

use crate::support::{ALICE, Broker, Entra, TENANT};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The broker with a file of records, and that file's records once it has ended.
struct Recorded {
    broker: Broker,
    folder: tempfile::TempDir,
}

impl Recorded {
    async fn start(entra: &Entra) -> Self {
        // Where nothing is traced no record names a trace.
        Captured::install("off");
        let folder = tempfile::tempdir().unwrap();
        let audit = format!("--audit=file:{}", folder.path().join("records").display());
        let broker = Broker::start_with(entra.config(&[&audit])).await;
        Self { broker, folder }
    }

    /// A call of a gateway that is in a trace.
    fn traced<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        request
    }

    async fn purge(&self, user_oid: &str) -> Result<(), tonic::Status> {
        let request = PurgeUserRequest { tenant_id: TENANT.to_owned(), user_oid: user_oid.to_owned() };
        self.broker.client.clone().purge_user(Self::traced(request)).await.map(drop)
    }

    async fn end(mut self) -> Vec<Value> {
        self.broker.shutdown.cancel();
        (&mut self.broker.task).await.unwrap().unwrap();
        records(&self.folder.path().join("records"))
    }
}

fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of calls, without what is another one at each run.
fn of_calls(records: &[Value]) -> Vec<Value> {
    let is_call = |record: &&Value| record.get("call").is_some();
    let named = ["kind", "call", "operation", "tenant", "oid", "consumer", "trace", "code"];
    let of =
        |record: &Value| named.iter().filter_map(|name| Some((*name, record.get(name)?.clone()))).collect();
    records.iter().filter(is_call).map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_is_recorded_before_it_is_done_and_when_it_is_done() {
    let entra = Entra::start().await;
    let recorded = Recorded::start(&entra).await;
    recorded.purge(ALICE).await.unwrap();
    recorded.purge("alice@contoso.com").await.unwrap_err();
    let records = recorded.end().await;
    let call = |kind: &str, code: Option<&str>| {
        let mut record = json!({"kind": kind, "call": 1, "operation": "purge", "tenant": TENANT, "oid": ALICE,
            "consumer": "local", "trace": TRACE});
        if let Some(code) = code {
            record["code"] = code.into();
        }
        record
    };
    assert_eq!(of_calls(&records), [call("decision", None), call("outcome", Some("ok"))]);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("alice@contoso.com"), "who is no object id is not repeated: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_tenant_is_recorded_with_nobodys_name() {
    let entra = Entra::start().await;
    let recorded = Recorded::start(&entra).await;
    recorded.broker.client.clone().preflight(PreflightRequest { refresh: false }).await.unwrap();
    let records = recorded.end().await;
    assert_eq!(
        of_calls(&records),
        [
            json!({"kind": "decision", "call": 1, "operation": "preflight", "consumer": "local"}),
            json!({"kind": "outcome", "call": 1, "operation": "preflight", "consumer": "local", "code": "ok"}),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_is_recorded_by_the_id_that_entra_id_was_asked_with_and_a_cached_one_by_none() {
    let entra = Entra::start().await;
    let recorded = Recorded::start(&entra).await;
    let alice = entra.token(ALICE);
    assert_eq!(recorded.broker.exchange(&alice).await.unwrap().source(), TokenSource::Entra);
    assert_eq!(recorded.broker.exchange(&alice).await.unwrap().source(), TokenSource::Cache);
    let asked = entra.headers();
    let id = asked.last().unwrap()["client-request-id"].to_str().unwrap().to_owned();
    let records = recorded.end().await;
    let outcomes = records.iter().filter(|record| record["kind"] == "outcome");
    let requests: Vec<_> = outcomes.map(|record| record.get("requests").cloned()).collect();
    assert_eq!(requests, [Some(json!([id])), None]);
}
