use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::table::PROMPTS;
use super::*;
use crate::mcp::registry;

const NOW: &str = "2026-11-27T12:00:00Z";

fn plan(prompt: &Prompt, given: &Value) -> Result<String, String> {
    let got = prompt.get(given.as_object(), NOW.parse().unwrap(), |tool| registry::find(tool).is_some())?;
    Ok(got.messages[0].content.as_text().unwrap().text.clone())
}

/// What every argument may be.
fn all(prompt: &Prompt) -> Value {
    let value = |argument: &Argument| {
        let value = match argument.kind {
            Kind::Scope => "Contoso {Prod}",
            Kind::Period => "2026-10",
            Kind::TagKey => "cost-centre",
        };
        (argument.name.to_owned(), json!(value))
    };
    Value::Object(prompt.arguments.iter().map(value).collect())
}

/// The calls of a plan: tool and arguments.
fn calls(plan: &str) -> Vec<(String, Value)> {
    let numbered = plan.lines().filter_map(|line| line.split_once(". "));
    let numbered = numbered.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let call = |(_, call): (&str, &str)| {
        let (tool, arguments) = call.split_once(' ').unwrap();
        (tool.to_owned(), serde_json::from_str(arguments).unwrap())
    };
    numbered.map(call).collect()
}

/// Those whose tools are all there.
fn there() -> impl Iterator<Item = &'static Prompt> {
    PROMPTS.iter().filter(|prompt| prompt.needs().all(|tool| registry::find(tool).is_some()))
}

#[test]
fn every_call_of_a_plan_is_one_that_its_tool_takes() {
    assert!(there().count() >= 3);
    for prompt in there() {
        let is_required =
            |name: &String| prompt.arguments.iter().any(|one| one.name == name && one.is_required);
        let mut least = all(prompt);
        least.as_object_mut().unwrap().retain(|name, _| is_required(name));
        for given in [all(prompt), least] {
            let text = plan(prompt, &given).unwrap();
            let calls = calls(&text);
            assert!(calls.len() >= prompt.needs().count(), "{text}");
            for (tool, arguments) in calls {
                let entry = registry::find(&tool).unwrap_or_else(|| panic!("no {tool}: {text}"));
                let known = &entry.tool().input_schema["properties"];
                for member in arguments.as_object().unwrap().keys() {
                    assert!(known.get(member).is_some(), "{tool} has no {member}: {text}");
                }
                assert!(!arguments.to_string().contains("{scope}"), "{text}");
                crate::mcp::tools::query_units(&tool, &arguments, NOW.parse().unwrap())
                    .unwrap_or_else(|failure| panic!("{}: {text}", failure.code()));
            }
        }
    }
}

#[test]
fn templates_are_json_and_name_no_argument_that_is_not_there() {
    for prompt in PROMPTS {
        for step in prompt.steps {
            let _: Value = serde_json::from_str(step.arguments).unwrap();
            let mut rest = step.arguments;
            let mut named = BTreeSet::new();
            while let Some((_, behind)) = rest.split_once('{') {
                let end = behind.find(|letter: char| !letter.is_ascii_lowercase()).unwrap();
                named.extend((behind[end..].starts_with('}')).then(|| behind[..end].to_owned()));
                rest = behind;
            }
            let is_there = |name: &String| prompt.arguments.iter().any(|argument| argument.name == name);
            assert!(named.iter().all(is_there), "{}: {named:?}", prompt.name);
        }
    }
}

#[test]
fn a_plan_says_its_calls_and_what_they_take() {
    let text = plan(&PROMPTS[0], &json!({"scope": "Contoso {Prod}", "period": "2026-10"})).unwrap();
    let calls = calls(&text);
    let first = json!({"scopes": ["Contoso {Prod}"], "period": "2026-10", "granularity": "daily", "group_by": ["ServiceName"], "top": 10});
    assert_eq!(calls[0], ("cost_query".to_owned(), first));
    assert!(text.contains("What it cost, by service and day. 1 query unit.\n"), "{text}");
    assert!(text.contains("what drove it. 4 query units.\n"), "{text}");
    assert!(text.contains("of each subscription or other scope"), "{text}");
    // A quarter takes as much as it takes.
    let quarter = plan(&PROMPTS[0], &json!({"period": "2026-Q3"})).unwrap();
    assert!(quarter.contains("what drove it. 12 query units.\n"), "{quarter}");
    assert!(!quarter.contains("scopes"), "{quarter}");
}

#[test]
fn what_cannot_be_planned_is_said() {
    let chargeback = PROMPTS.iter().find(|prompt| prompt.name == "chargeback_by_tag").unwrap();
    for (prompt, given, said) in [
        (chargeback, json!({}), "'tag' is missing: The key of the tag"),
        (chargeback, json!({"tag": " "}), "'tag' is missing"),
        (&PROMPTS[0], json!({"period": "last_mnth"}), "the nearest are 'last_month'"),
        (&PROMPTS[0], json!({"month": "2026-10"}), "has no argument 'month'; it has: scope, period"),
        (&PROMPTS[0], json!({"scope": ["x"]}), "'scope' is a text"),
        (&PROMPTS[0], json!({"scope": "x".repeat(401)}), "longer than 400 bytes"),
    ] {
        let error = plan(prompt, &given).unwrap_err();
        assert!(error.contains(said), "{given}: {error}");
    }
}
