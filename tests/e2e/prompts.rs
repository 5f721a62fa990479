//! Prompts as a client gets them: who sees them, what their calls take, what is offered while somebody types.

use e2e::{Answer, BUILT_IN_POLICY, Stack};
use serde_json::{Value, json};

async fn asked(stack: &Stack, person: &str, method: &str, params: Value) -> Answer {
    stack.caller.request(Some(&stack.token(person)), method, params).await
}

async fn names(stack: &Stack, person: &str) -> Vec<String> {
    let listed = asked(stack, person, "prompts/list", json!({})).await;
    let prompts =
        listed.document["result"]["prompts"].as_array().unwrap_or_else(|| panic!("{}", listed.text));
    prompts.iter().map(|prompt| prompt["name"].as_str().unwrap().to_owned()).collect()
}

async fn get(stack: &Stack, person: &str, name: &str, arguments: Value) -> Answer {
    asked(stack, person, "prompts/get", json!({"name": name, "arguments": arguments})).await
}

async fn offered(
    stack: &Stack,
    person: &str,
    prompt: &str,
    argument: &str,
    typed: &str,
    said: Value,
) -> Vec<String> {
    let params = json!({
        "ref": {"type": "ref/prompt", "name": prompt},
        "argument": {"name": argument, "value": typed},
        "context": {"arguments": said},
    });
    let answer = asked(stack, person, "completion/complete", params).await;
    let values = answer.document["result"]["completion"]["values"].as_array();
    let values = values.unwrap_or_else(|| panic!("{}", answer.text));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// The numbered calls of a plan with the query units that it says of each.
fn calls(plan: &str) -> Vec<(String, Value, u64)> {
    let lines: Vec<_> = plan.lines().collect();
    let call = |pair: &[&str]| {
        let (number, call) = pair[0].split_once(". ")?;
        number.parse::<u8>().ok()?;
        let (tool, arguments) = call.split_once(' ')?;
        let words: Vec<_> = pair[1].split(' ').collect();
        let units = words.iter().position(|word| word.starts_with("unit")).map(|at| words[at - 2]);
        Some((tool.to_owned(), serde_json::from_str(arguments).ok()?, units?.parse().unwrap_or(0)))
    };
    lines.windows(2).filter_map(call).collect()
}

#[tokio::test]
async fn every_plan_can_be_carried_out_for_what_it_says() {
    let stack = Stack::start().await;
    let (alice, month) = (stack.token("alice"), "2026-10");
    let all = names(&stack, "alice").await;
    for name in ["monthly_review", "spike_investigation", "chargeback_by_tag"] {
        assert!(all.iter().any(|one| one == name), "{all:?}");
    }
    for name in all {
        let mut given = json!({"scope": "Contoso Prod", "period": month, "tag": "team"});
        let members = given.as_object_mut().unwrap();
        members.retain(|member, _| member != "tag" || name == "chargeback_by_tag");
        members.retain(|member, _| member != "period" || name != "budget_check");
        let got = get(&stack, "alice", &name, given).await;
        let message = &got.document["result"]["messages"][0];
        assert_eq!(
            (&message["role"], &message["content"]["type"]),
            (&json!("user"), &json!("text")),
            "{}",
            got.text
        );
        let plan = message["content"]["text"].as_str().unwrap();
        let calls = calls(plan);
        assert!(!calls.is_empty(), "{plan}");
        for (tool, arguments, units) in calls {
            let answer = stack.caller.call(&alice, &tool, arguments.clone()).await;
            assert!(!answer.is_tool_error(), "{name}: {tool} {arguments}: {}", answer.text);
            let used = answer.data()["azure"]["query_units"].as_u64().unwrap_or_default();
            if ["cost_query", "cost_compare"].contains(&tool.as_str()) {
                assert_eq!(used, units, "{name}: {tool} {arguments}\n{plan}");
            } else {
                assert!(used <= units, "{name}: {tool} {arguments}: {used} units\n{plan}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_call_a_tool_has_no_prompt_of_it() {
    let strict = BUILT_IN_POLICY.replace(
        "[tools.cost_compare]\nscopes = [\"cost.read\"]",
        "[tools.cost_compare]\nscopes = [\"cost.read\"]\nroles = [\"Cost.Analyst\"]",
    );
    assert_ne!(strict, BUILT_IN_POLICY);
    let stack = Stack::builder().policy(&strict).start().await;
    let seen = names(&stack, "alice").await;
    assert!(seen.contains(&"chargeback_by_tag".to_owned()), "{seen:?}");
    assert!(!seen.contains(&"monthly_review".to_owned()), "{seen:?}");
    let refused = get(&stack, "alice", "monthly_review", json!({})).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_role:Cost.Analyst"), "{}", refused.text);
    let reference = json!({"ref": {"type": "ref/prompt", "name": "monthly_review"}, "argument": {"name": "scope", "value": ""}});
    let refused = asked(&stack, "alice", "completion/complete", reference).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_role:Cost.Analyst"), "{}", refused.text);
    let counts = stack.emulator.counts();
    assert_eq!((counts.exchanges, counts.arm_requests), (0, 0));
}

/// The names that are offered are listed by a tool: who may not call it is offered none.
#[tokio::test]
async fn who_may_not_list_names_is_offered_none() {
    let strict = BUILT_IN_POLICY.replace(
        "[tools.list_subscriptions]\nscopes = [\"cost.read\"]",
        "[tools.list_subscriptions]\nscopes = [\"cost.read\"]\nroles = [\"Cost.Lister\"]",
    );
    let stack = Stack::builder().policy(&strict).start().await;
    let reference = json!({"ref": {"type": "ref/prompt", "name": "monthly_review"}, "argument": {"name": "scope", "value": ""}});
    let refused = asked(&stack, "alice", "completion/complete", reference).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_role:Cost.Lister"), "{}", refused.text);
    assert_eq!(stack.emulator.counts().exchanges, 0);
}

#[tokio::test]
async fn what_is_offered_is_what_the_person_sees() {
    let stack = Stack::start().await;
    let scope = |person: &'static str, typed: &'static str| {
        offered(&stack, person, "monthly_review", "scope", typed, json!({}))
    };
    assert_eq!(scope("alice", "").await, ["Contoso Dev", "Contoso Prod"]);
    assert_eq!(scope("alice", "PROD").await, ["Contoso Prod"]);
    assert_eq!(scope("bob", "").await, ["Contoso Dev"], "bob has no role on Prod");
    assert!(scope("bob", "prod").await.is_empty());
    assert!(scope("carol", "").await.is_empty());
    let tags = |person: &'static str, said: Value| {
        let stack = &stack;
        async move { offered(stack, person, "chargeback_by_tag", "tag", "", said).await }
    };
    assert_eq!(tags("alice", json!({"scope": "Contoso Prod"})).await, ["env", "team"]);
    assert_eq!(tags("bob", json!({})).await, ["env", "team"]);
    assert!(tags("bob", json!({"scope": "Contoso Prod"})).await.is_empty(), "a name that bob does not see");
    assert!(tags("bob", json!({"scope": emulator::PROD_SUBSCRIPTION})).await.is_empty());
    let periods = offered(&stack, "alice", "monthly_review", "period", "last_", json!({})).await;
    assert!(periods.contains(&"last_month".to_owned()), "{periods:?}");
    // Who must sign in first is told so, as with a tool.
    let reference = json!({"ref": {"type": "ref/prompt", "name": "monthly_review"}, "argument": {"name": "scope", "value": ""}});
    let dave = asked(&stack, "dave", "completion/complete", reference).await;
    assert_eq!((dave.status, dave.code()), (403, "claims_challenge"), "{}", dave.text);
}

#[tokio::test]
async fn what_is_offered_of_azure_is_recorded_as_a_call_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway");
    let flag = format!("--audit=file:{}", file.display());
    let mut stack = Stack::builder().gateway(&[&flag]).start().await;
    let reference = json!({"ref": {"type": "ref/prompt", "name": "monthly_review"}, "argument": {"name": "scope", "value": ""}});
    // On a machine with too much to do a record may come too late, and then nothing is done.
    for _ in 0..10 {
        let answer = asked(&stack, "alice", "completion/complete", reference.clone()).await;
        if answer.code() != "audit_unavailable" {
            assert_eq!(answer.status, 200, "{}", answer.text);
            break;
        }
    }
    offered(&stack, "alice", "monthly_review", "period", "", json!({})).await;
    stack.begin_gateway_shutdown();
    stack.gateway_stopped().await;
    let records = std::fs::read_to_string(&file).unwrap();
    let of = |kind: &str| -> Vec<Value> {
        let all = records.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|record| record["kind"] == kind).collect()
    };
    for record in of("decision").iter().chain(&of("outcome")) {
        let said = (&record["operation"], &record["tool"]);
        assert_eq!(said, (&json!("completion/complete"), &json!("list_subscriptions")), "{record}");
    }
    let codes: Vec<_> = of("outcome").iter().map(|record| record["code"].clone()).collect();
    assert_eq!(codes.iter().filter(|code| *code == "ok").count(), 1, "{records}");
}

#[tokio::test]
async fn what_there_is_not_is_said_without_the_callers_words() {
    let stack = Stack::start().await;
    let got = |name: &'static str, arguments: Value| get(&stack, "alice", name, arguments);
    for (answer, words) in [
        (got("delete_everything", json!({})).await, "there is no such prompt"),
        (got("chargeback_by_tag", json!({})).await, "'tag' is missing"),
        (got("monthly_review", json!({"period": "last_mnth"})).await, "'last_month'"),
        (
            asked(&stack, "alice", "completion/complete", json!({"ref": {"type": "ref/resource", "uri": "x://y"}, "argument": {"name": "a", "value": ""}})).await,
            "only arguments of prompts",
        ),
        (
            asked(&stack, "alice", "completion/complete", json!({"ref": {"type": "ref/prompt", "name": "monthly_review"}, "argument": {"name": "colour", "value": ""}})).await,
            "no such argument",
        ),
    ] {
        assert_eq!(answer.document["error"]["code"], -32602, "{}", answer.text);
        let message = answer.document["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("delete_everything") && !message.contains("colour"), "{message}");
    }
    assert_eq!(stack.emulator.counts().exchanges, 0);
}
