//! An hour by the clock, with a ledger: what the counters and the audit of both services say of it is what the test has written
//! down, call by call.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::series::samples;
use e2e::{Caller, Stack};
use emulator::{ArmChallenge, Control, EndpointFault, Policy, TokenSpec};
use futures::future::join_all;
use jiff::SignedDuration;
use proto::v1::PurgeUserRequest;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::eventually;

use self::book::{Counts, Ledger, add};
use self::script::{BLOCKED, CHALLENGED, Call, LEFT, LIMITED, NO_CONSENT, PURGED, THROTTLED, call, script};
use crate::audit::{each_decision_has_its_outcome, findings, ledger, of_kind, oid, records};
use crate::hostile::{broker, exchange};

mod book;
mod script;

/// The hour, in steps of five minutes.
const STEPS: usize = 12;
const STEP: SignedDuration = SignedDuration::from_mins(5);
/// Two hours: whoever signed in at the beginning need not do it again.
const SIGNED_IN: i64 = 7_200;
/// More than anybody makes in a step, but for who goes on until they are refused.
const CALLS_PER_MINUTE: u32 = 30;

/// The stack, who is signed in, and the ledger.
struct Hour {
    stack: Stack,
    tokens: BTreeMap<&'static str, String>,
    ledger: Ledger,
    step: usize,
}

impl Hour {
    async fn begin(folder: &Path) -> Self {
        // A disk that is busy with other tests must not have calls refused.
        let flags = |name: &str| {
            [format!("--audit=file:{}", folder.join(name).display()), "--audit-when-full=continue".to_owned()]
        };
        let (gateway, broker) = (flags("gateway"), flags("broker"));
        let stack = Stack::builder().people(1).calls_per_minute(CALLS_PER_MINUTE);
        let stack = stack.gateway(&gateway.each_ref().map(String::as_str));
        let stack = stack.broker(&broker.each_ref().map(String::as_str)).start().await;
        let sign_in = |who: &'static str| {
            let spec = match who.strip_suffix(" after mfa") {
                Some(name) => TokenSpec::for_person(name).after_mfa(),
                None => TokenSpec::for_person(who),
            };
            (who, stack.mint(&spec.lifetime(SIGNED_IN)))
        };
        let tokens =
            ["alice", "bob", "carol", "dave", "dave after mfa", "erin", "person-0001"].map(sign_in).into();
        Self { stack, tokens, ledger: Ledger::default(), step: 0 }
    }

    /// What everybody does in this step, and what happens in it.
    async fn pass(&mut self) {
        match self.step {
            PURGED => self.purge_alice().await,
            CHALLENGED => self.stack.emulator.faults().update(|faults| {
                let claims = json!({"access_token": {"xms_rp_ipaddr": {"value": "1.2.3.4"}}});
                let person = Some("bob".to_owned());
                faults.arm_challenge =
                    Some(ArmChallenge { person, claims, times: Some(1), ..ArmChallenge::default() });
            }),
            BLOCKED => {
                let policies = self.stack.emulator.policies();
                let block =
                    policies.iter().cloned().map(|policy| Policy { control: Control::Block, ..policy });
                self.stack.emulator.set_policies(block.collect());
                self.follow_the_script().await;
                self.stack.emulator.set_policies(policies);
                return self.call_as_nobody().await;
            }
            _ => {}
        }
        self.follow_the_script().await;
        self.call_as_nobody().await;
        match self.step {
            NO_CONSENT => self.call_without_consent().await,
            LIMITED => self.call_until_it_is_too_much().await,
            LEFT => self.call_and_leave().await,
            THROTTLED => self.call_while_azure_throttles().await,
            _ => {}
        }
    }

    async fn follow_the_script(&mut self) {
        let of_one = |calls: Vec<Call>| {
            let (caller, token) = (self.stack.caller.clone(), &self.tokens[calls[0].who]);
            async move {
                let mut answers = Vec::new();
                for call in calls {
                    let answer = caller.call(token, call.tool, call.arguments.clone()).await;
                    answers.push((call, oid(token), answer));
                }
                answers
            }
        };
        let answers = join_all(script(self.step).into_iter().map(of_one)).await;
        for (call, oid, answer) in answers.into_iter().flatten() {
            self.ledger.note(&call, &oid, self.step, &answer);
        }
    }

    /// Calls of nobody, of who is not let in, and of what there is not.
    async fn call_as_nobody(&mut self) {
        let (caller, bob) = (&self.stack.caller, Some(self.tokens["bob"].as_str()));
        let expired = self.stack.mint(&TokenSpec::for_person("alice").expired());
        let application = self.stack.mint(&TokenSpec::app_only());
        let list = json!({"name": "list_subscriptions", "arguments": {}});
        for (token, cause) in [
            (None, "missing_bearer"),
            (Some("not-a-token"), "invalid_token:malformed"),
            (Some("not-a-token"), "invalid_token:malformed"),
            (Some(expired.as_str()), "invalid_token:expired"),
            (Some(application.as_str()), "app_only_token"),
        ] {
            let answer = caller.request(token, "tools/call", list.clone()).await;
            assert_eq!(Some(answer.code()), cause.split(':').next(), "{}", answer.text);
            self.ledger.answered(&answer);
            add(&mut self.ledger.counted, &[cause]);
        }
        let unknown = [
            caller.request(bob, "tools/call", json!({"name": "invented"})).await,
            caller.request(bob, "invented", json!({})).await,
            Caller::send(caller.requesting(Method::GET, &format!("{}/invented", caller.url()))).await,
        ];
        for (answer, code) in unknown.iter().zip(["unknown_tool", "unknown_method", "not_found"]) {
            assert_eq!(answer.code(), code, "{}", answer.text);
            self.ledger.answered(answer);
        }
        let forged = self.stack.mint(&TokenSpec::for_person("alice").signed_by(emulator::SignedBy::Forged));
        exchange(&mut broker(&self.stack).await, &forged).await.unwrap_err();
        add(&mut self.ledger.exchanges, &["error", "invalid_token"]);
        add(&mut self.ledger.counted_at_broker, &["invalid_token:bad_signature"]);
    }

    async fn purge_alice(&mut self) {
        let oid = oid(&self.tokens["alice"]);
        let request = PurgeUserRequest { tenant_id: emulator::TENANT_ID.to_owned(), user_oid: oid.clone() };
        broker(&self.stack).await.purge_user(request).await.unwrap();
        self.ledger.kept.since.remove("alice");
        add(&mut self.ledger.of_broker, &[&oid, "", "ok"]);
    }

    async fn call_once(&mut self, call: &Call, token: &str) {
        let answer = self.stack.caller.call(token, call.tool, call.arguments.clone()).await;
        self.ledger.note(call, &oid(token), self.step, &answer);
    }

    async fn call_without_consent(&mut self) {
        self.stack.emulator.set_arm_consent(false);
        let anew = self.stack.token("carol");
        let refused = call("carol, signed in anew", "list_subscriptions", json!({}), "consent_required");
        self.call_once(&refused.needs(&["consent_required"]), &anew).await;
        self.stack.emulator.set_arm_consent(true);
    }

    async fn call_until_it_is_too_much(&mut self) {
        let token = self.tokens["erin"].clone();
        loop {
            let answer = self.stack.caller.call(&token, "list_subscriptions", json!({})).await;
            if answer.code() == "rate_limited" {
                self.ledger.answered(&answer);
                return add(&mut self.ledger.counted, &["rate_limited"]);
            }
            let call = call("erin", "list_subscriptions", json!({}), "ok");
            self.ledger.note(&call, &oid(&token), self.step, &answer);
        }
    }

    async fn call_and_leave(&mut self) {
        self.stack.emulator.faults().update(|faults| faults.arm = EndpointFault::hanging());
        let token = self.tokens["alice"].clone();
        let asked = self.stack.emulator.counts().arm_requests;
        let request =
            self.stack.caller.prepared("tools/call", json!({"name": "list_subscriptions", "arguments": {}}));
        let left = tokio::spawn(Caller::send(request.bearer_auth(&token)));
        eventually("azure is asked", async || self.stack.emulator.counts().arm_requests > asked).await;
        left.abort();
        self.ledger.exchanged(&oid(&token), "ok");
        self.ledger.kept.asked("alice", self.step, "ok");
        self.ledger.called(&oid(&token), "list_subscriptions", "cancelled");
        add(&mut self.ledger.http, &["", "cancelled"]);
        eventually("the call is given up", async || {
            let (gateway, _) = self.stack.metrics().await;
            counts(&gateway, "gateway_tool_duration_seconds", &["outcome"])
                .contains_key(&vec!["cancelled".to_owned()])
        })
        .await;
        self.stack.emulator.faults().clear();
    }

    async fn call_while_azure_throttles(&mut self) {
        self.stack.emulator.faults().update(|faults| faults.arm = EndpointFault::throttled(77, 100));
        let token = self.tokens["carol"].clone();
        self.call_once(&call("carol", "list_subscriptions", json!({}), "throttled"), &token).await;
        self.stack.emulator.faults().clear();
    }

    /// Waits until what goes on in the background is done, so that the next step finds it so.
    async fn settle(&self) {
        let wanted = self.ledger.kept.refreshes;
        eventually("tokens are refreshed", async || {
            let (_, broker) = self.stack.metrics().await;
            counts(&broker, "broker_cache_refreshes_total", &[]).values().sum::<u64>() == wanted
        })
        .await;
    }

    async fn assert_counters_are_the_ledger(&self) {
        let (gateway, broker) = self.stack.metrics().await;
        let ledger = &self.ledger;
        let tool = &["gen_ai_tool_name", "outcome", "error_type"];
        for (text, name, labels, expected) in [
            (&gateway, "gateway_refusals_total", &["error_type"][..], &ledger.refusals),
            (&gateway, "gateway_tool_duration_seconds", tool, &ledger.tools),
            (
                &gateway,
                "http_server_request_duration_seconds",
                &["http_response_status_code", "error_type"],
                &ledger.http,
            ),
            (&broker, "broker_exchanges_total", &["outcome", "error_type"], &ledger.exchanges),
        ] {
            assert_eq!(counts(text, name, labels), *expected, "{name}");
        }
        let sum = |text: &str, name: &str| counts(text, name, &[]).values().sum::<u64>();
        let (kept, calls) = (&ledger.kept, ledger.through.values().sum::<u64>());
        assert_eq!(sum(&gateway, "mcp_server_operation_duration_seconds"), calls);
        let direct: u64 = ledger.counted_at_broker.values().sum();
        let asked = ledger.exchanges.values().sum::<u64>() - direct;
        assert_eq!(sum(&gateway, "rpc_client_call_duration_seconds"), asked);
        let hits_and_more = [
            "broker_cache_hits_total",
            "broker_cache_misses_total",
            "broker_cache_refreshes_total",
            "broker_purges_total",
        ];
        assert_eq!(hits_and_more.map(|name| sum(&broker, name)), [kept.hits, kept.misses, kept.refreshes, 1]);
        // And Entra ID, which counts for itself, was asked as often.
        assert_eq!(self.stack.emulator.counts().token_requests["on_behalf_of"], kept.misses + kept.refreshes);
        for (text, service) in [(&gateway, "gateway"), (&broker, "broker")] {
            assert_eq!(sum(text, "audit_lost_total"), 0, "{service}");
        }
    }
}

/// How often a metric was counted or recorded, by these labels.
fn counts(text: &str, name: &str, labels: &[&str]) -> Counts {
    let mut counts = Counts::new();
    for sample in samples(text).into_iter().filter(|it| it.name == name && matches!(it.part, "" | "_count")) {
        let of = labels.iter().map(|label| sample.labels.get(*label).cloned().unwrap_or_default()).collect();
        *counts.entry(of).or_default() += sample.value;
    }
    counts
}

/// What the records say, as the ledger has it.
fn of_records(records: &[Value], kind: &str) -> Counts {
    ledger(records, kind).into_iter().map(|(of, count)| (of.to_vec(), count as u64)).collect()
}

fn summed(records: &[Value]) -> Counts {
    let mut counts = Counts::new();
    for record in of_kind(records, "summary") {
        let code = record["code"].as_str().unwrap().to_owned();
        *counts.entry(vec![code]).or_default() += record["count"].as_u64().unwrap();
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_records_of_an_hour_are_the_ledger_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut hour = Hour::begin(folder.path()).await;
    for step in 0..STEPS {
        hour.step = step;
        hour.pass().await;
        hour.settle().await;
        hour.stack.advance(STEP);
    }
    hour.assert_counters_are_the_ledger().await;
    let Hour { mut stack, ledger, .. } = hour;
    stack.begin_gateway_shutdown();
    stack.gateway_stopped().await;
    stack.stop_broker().await;

    let [of_gateway, of_broker] = ["gateway", "broker"].map(|name| records(&folder.path().join(name)));
    assert_eq!(of_records(&of_gateway, "outcome"), ledger.through);
    assert_eq!(of_records(&of_gateway, "refusal"), ledger.refused);
    assert_eq!(summed(&of_gateway), ledger.counted);
    assert_eq!(of_records(&of_broker, "outcome"), ledger.of_broker);
    assert_eq!(summed(&of_broker), ledger.counted_at_broker);
    for (name, records) in [("gateway", &of_gateway), ("broker", &of_broker)] {
        each_decision_has_its_outcome(records);
        assert_eq!(findings(&folder.path().join(name)), [], "{name}");
    }
}
