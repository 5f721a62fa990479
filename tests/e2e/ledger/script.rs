//! What is done in the hour: by whom, when, and how it must end.

use emulator::DEV_SUBSCRIPTION;
use serde_json::{Value, json};

/// One call of the script: how it must end, and how the exchanges end that it needs.
pub(super) struct Call {
    pub(super) who: &'static str,
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) code: &'static str,
    pub(super) exchanges: &'static [&'static str],
}

pub(super) const fn call(
    who: &'static str,
    tool: &'static str,
    arguments: Value,
    code: &'static str,
) -> Call {
    Call { who, tool, arguments, code, exchanges: &["ok"] }
}

impl Call {
    pub(super) fn needs(self, exchanges: &'static [&'static str]) -> Self {
        Self { exchanges, ..self }
    }
}

/// What everybody does in each step. Those of one person follow each other, and people call at the same time.
pub(super) fn script(step: usize) -> Vec<Vec<Call>> {
    let list = |who| call(who, "list_subscriptions", json!({}), "ok");
    let by_id = json!({"subscription": DEV_SUBSCRIPTION});
    let period = json!({"subscription": DEV_SUBSCRIPTION, "from": "2026-10-31", "to": "2026-10-01"});
    let nowhere = json!({"subscription": "10000000-0000-0000-0000-00000000dead"});
    let export = json!({"subscription": "Contoso Dev"});
    let dave = if step == BLOCKED { "blocked_by_policy" } else { "claims_challenge" };
    let of_dave: &[&str] = if step == BLOCKED { &["blocked_by_policy"] } else { &["claims_challenge"] };
    let of_bob: &[&str] = if step == CHALLENGED { &["ok", "ok"] } else { &["ok"] };
    vec![
        vec![
            list("alice"),
            call("alice", "cost_by_service", by_id, "ok"),
            call("alice", "cost_by_service", json!({"subscription": "Contoso Dev"}), "ok")
                .needs(&["ok", "ok"]),
            call("alice", "cost_by_service", period, "invalid_period").needs(&[]),
            call("alice", "cost_by_service", json!({"invented": 1}), "invalid_arguments").needs(&[]),
        ],
        vec![
            list("bob").needs(of_bob),
            call("bob", "cost_by_service", nowhere, "subscription_not_found"),
            call("bob", "cost_export", export, "missing_scope:cost.export").needs(&[]),
        ],
        vec![list("carol")],
        vec![
            call("dave", "list_subscriptions", json!({}), dave).needs(of_dave),
            call("dave", "list_subscriptions", json!({}), dave).needs(of_dave),
        ],
        vec![list("dave after mfa")],
        vec![list("erin"), list("erin")],
        vec![list("person-0001")],
    ]
}

/// In which step what happens.
pub(super) const PURGED: usize = 3;
pub(super) const CHALLENGED: usize = 4;
pub(super) const NO_CONSENT: usize = 6;
pub(super) const LIMITED: usize = 7;
pub(super) const LEFT: usize = 8;
pub(super) const BLOCKED: usize = 9;
pub(super) const THROTTLED: usize = 11;
