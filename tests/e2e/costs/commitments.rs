//! `cost_commitments` against raw rows: what is covered, used and wasted; and who is shown what, with how many requests.

use std::collections::BTreeMap;

use e2e::{Answer, Stack};
use emulator::{FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION};
use jiff::SignedDuration;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::figures::quotient;
use super::raw::{Raw, Rows};
use super::{final_month, final_period};

const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31";
const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";

async fn ask(stack: &Stack, person: &str, arguments: Value) -> Answer {
    let answer = stack.caller.call(&stack.token(person), "cost_commitments", arguments).await;
    let (text, data) = (answer.readable().len(), answer.data().to_string().len());
    assert!(
        answer.status == 200 && text <= 6_000 && text + data <= 24_000,
        "{text} + {data}: {}",
        answer.text
    );
    answer
}

async fn told(stack: &Stack, person: &str, arguments: Value) -> Value {
    let answer = ask(stack, person, arguments.clone()).await;
    assert!(!answer.is_tool_error(), "{arguments}: {}", answer.readable());
    answer.data().clone()
}

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// What rows of these models and charges cost; nothing named is all.
fn cost(rows: &[&Raw], models: &[&str], charges: &[&str]) -> Decimal {
    let is = |words: &[&str], word: &str| words.is_empty() || words.contains(&word);
    let counts = rows.iter().filter(|row| is(models, &row.pricing_model) && is(charges, &row.charge_type));
    counts.map(|row| row.cost).sum()
}

/// Figures of both kinds, or of one.
fn check(figures: &Value, rows: &[&Raw], models: &[&str], unused: &[&str]) {
    let used = cost(rows, models, &["Usage"]);
    let wasted = cost(rows, &[], unused);
    let on_demand = cost(rows, &["OnDemand"], &["Usage"]);
    for (name, expected) in [("committed_cost", used), ("unused_cost", wasted), ("on_demand_cost", on_demand)]
    {
        assert_eq!(decimal(&figures[name]), expected, "{name} of {figures}");
    }
    for (name, other) in [("coverage", on_demand), ("utilization", wasted)] {
        if let Some(expected) = quotient(used, used + other) {
            assert_eq!(decimal(&figures[name]), expected, "{name} of {figures}");
        } else {
            assert!(figures[name].is_null(), "{figures}");
            assert!(figures[format!("{name}_reason")].is_string(), "{figures}");
        }
    }
}

/// Holds an answer against the rows of its scopes.
fn check_all(data: &Value, rows: &Rows) {
    let mut currencies: BTreeMap<&str, Vec<&Raw>> = BTreeMap::new();
    for row in &rows.all {
        currencies.entry(&row.currency).or_default().push(row);
    }
    let found = data["currencies"].as_array().unwrap();
    let names: Vec<_> = found.iter().map(|one| one["currency"].as_str().unwrap()).collect();
    assert_eq!(names, currencies.keys().copied().collect::<Vec<_>>(), "{data}");
    for one in found {
        let rows = &currencies[one["currency"].as_str().unwrap()];
        let unused = ["UnusedReservation", "UnusedSavingsPlan"];
        check(one, rows, &["Reservation", "SavingsPlan"], &unused);
        let all = ["committed_cost", "unused_cost", "on_demand_cost", "other_cost"];
        assert_eq!(
            all.iter().map(|name| decimal(&one[name])).sum::<Decimal>(),
            cost(rows, &[], &[]),
            "{one}"
        );
        let mut kinds = Vec::new();
        for (word, model, unused) in
            [("reservation", "Reservation", unused[0]), ("savings_plan", "SavingsPlan", unused[1])]
        {
            let is_charged = rows.iter().any(|row| {
                row.charge_type == unused || (row.charge_type == "Usage" && row.pricing_model == model)
            });
            let of_kind = one["by_kind"].as_array().unwrap().iter().find(|kind| kind["kind"] == word);
            assert_eq!(of_kind.is_some(), is_charged, "{word} of {one}");
            if let Some(figures) = of_kind {
                check(figures, rows, &[model], &[unused]);
                kinds.push(word);
            }
        }
        assert_eq!(one["by_kind"].as_array().unwrap().len(), kinds.len(), "{one}");
    }
}

fn month() -> std::ops::RangeInclusive<Date> {
    final_month()..=final_month().last_of_month()
}

#[tokio::test]
async fn every_figure_is_that_of_the_raw_rows() {
    let stack = Stack::start().await;
    let [prod, factory, lab, retail] =
        [PROD_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, RETAIL_SUBSCRIPTION].map(subscription);
    let group = format!("{retail}/resourceGroups/RG-web");
    // Two agreements with both kinds, one with neither, several currencies; what holds others, and parts of them.
    for scopes in [
        vec![prod.as_str()],
        vec![&factory],
        vec![&lab],
        vec![&group],
        vec![ENROLMENT],
        vec![PROFILE],
        vec![&prod, &factory, &lab, &retail],
    ] {
        let data = told(&stack, "frank", json!({"scopes": scopes, "period": final_period()})).await;
        let rows: Vec<_> = scopes.iter().map(|scope| Rows::of(&stack, scope, month(), "amortized")).collect();
        check_all(&data, &Rows::joined(&rows));
    }
    let of_nothing = ask(&stack, "frank", json!({"scopes": [lab], "period": final_period()})).await;
    assert!(
        of_nothing.readable().contains("No reservation or savings plan is charged"),
        "{}",
        of_nothing.text
    );
    // Without a period: thirty days, all of them complete.
    let data = told(&stack, "frank", json!({"scopes": [factory]})).await;
    let day = |name: &str| data["period"][name].as_str().unwrap().parse::<Date>().unwrap();
    assert_eq!(((day("to") - day("from")).get_days(), &data["complete_until"]), (29, &data["period"]["to"]));
    check_all(&data, &Rows::of(&stack, &factory, day("from")..=day("to"), "amortized"));
}

/// What was not used of each benefit, by its id.
fn unused(rows: &Rows) -> BTreeMap<String, Decimal> {
    let mut found = BTreeMap::new();
    for row in rows.all.iter().filter(|row| row.charge_type.starts_with("Unused")) {
        *found.entry(row.value("BenefitId").unwrap()).or_default() += row.cost;
    }
    found
}

#[tokio::test]
async fn who_has_the_role_is_shown_each_benefit_and_who_has_not_is_told_which() {
    let stack = Stack::start().await;
    let rows = Rows::of(&stack, PROFILE, month(), "amortized");
    let asked = |scope: &str| json!({"scopes": [scope], "period": final_period()});

    // alice reads a subscription: what it wastes, and no more.
    let alice = told(&stack, "alice", asked(&subscription(PROD_SUBSCRIPTION))).await;
    let benefits = alice["benefits"].as_array().unwrap();
    let names: Vec<_> = benefits.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names, &benefits[0]["utilization"]), (vec!["ri-d4s-v5"], &Value::Null), "{alice}");
    assert!(alice.get("credits").is_none(), "{alice}");
    assert!(alice["recommendations"].as_array().is_some_and(|all| !all.is_empty()), "{alice}");
    assert!(alice["missing_roles"][0].as_str().unwrap().contains("Billing profile reader"), "{alice}");
    let refused = ask(&stack, "alice", asked(PROFILE)).await;
    assert_eq!(refused.data()["code"], "no_access", "{}", refused.text);

    // frank reads the billing profile: each benefit with its use.
    let frank = ask(&stack, "frank", asked(PROFILE)).await;
    let data = frank.data();
    assert_eq!(data["missing_roles"], json!([]), "{data}");
    let wasted = unused(&rows);
    let benefits = data["benefits"].as_array().unwrap();
    assert_eq!(benefits.len(), wasted.len(), "{data}");
    for one in benefits {
        let id = one["id"].as_str().unwrap().to_lowercase();
        assert_eq!(decimal(&one["unused"]["amount"]), wasted[&id], "{one}");
        let of_it: Vec<&Raw> =
            rows.all.iter().filter(|row| row.value("BenefitId").as_ref() == Some(&id)).collect();
        let (used, all) = (cost(&of_it, &[], &["Usage"]), cost(&of_it, &[], &[]));
        let off = (decimal(&one["utilization"]) - used / all).abs();
        assert!(off < Decimal::new(1, 6), "{one}: {used} of {all}");
        assert!(decimal(&one["lowest"]) <= decimal(&one["utilization"]), "{one}");
    }
    let credit = &data["credits"][0];
    let expires = credit["expires"].as_str().unwrap();
    assert_eq!(credit["kind"], "credit", "{data}");
    let said = format!("was left at the last invoice, until {expires}.");
    assert!(frank.readable().contains(&said), "{}", frank.readable());
    // The account of a Customer Agreement has its commitment to consume, and nothing else of these.
    let account = told(&stack, "frank", asked(ACCOUNT)).await;
    assert_eq!((&account["credits"][0]["kind"], &account["recommendations"]), (&json!("macc"), &Value::Null));

    // A role that reads the costs of an enrolment and not its benefits: sentences, and the figures all the same.
    stack.emulator.take_azure_role("frank", None, &format!("{ENROLMENT}/benefits")).unwrap();
    let data = told(&stack, "frank", asked(ENROLMENT)).await;
    check_all(&data, &Rows::of(&stack, ENROLMENT, month(), "amortized"));
    let [sentence] = &data["missing_roles"].as_array().unwrap()[..] else { panic!("{data}") };
    let sentence = sentence.as_str().unwrap();
    assert!(sentence.contains("lacks the role Enterprise Administrator"), "{sentence}");
    assert!(
        sentence.contains("each reservation is used") && sentence.contains("recommendations"),
        "{sentence}"
    );
    assert_eq!((&data["partial"], data.get("credits")), (&json!([]), None), "{data}");
}

/// How often each operation was asked for.
fn requests(stack: &Stack) -> BTreeMap<String, u64> {
    let counts = stack.emulator.counts().arm_by_operation;
    counts.into_iter().filter(|(name, _)| name.starts_with("Microsoft.Co")).collect()
}

#[tokio::test]
async fn requests_are_few_and_what_was_refused_is_not_asked_again() {
    let stack = Stack::builder().gateway(&["--cost-cache-seconds=14400"]).start().await;
    let asked = json!({"scopes": [ENROLMENT], "period": final_period()});
    stack.emulator.take_azure_role("frank", None, &format!("{ENROLMENT}/benefits")).unwrap();
    let data = told(&stack, "frank", asked.clone()).await;
    // Two questions, two units; and four lists, each of one page.
    assert_eq!((&data["azure"]["calls"], &data["azure"]["query_units"]), (&json!(6), &json!(2)), "{data}");
    let first = requests(&stack);
    let expected = [
        ("Microsoft.Consumption/lots", 1),
        ("Microsoft.Consumption/reservationSummaries", 1),
        ("Microsoft.CostManagement/benefitRecommendations", 1),
        ("Microsoft.CostManagement/benefitUtilizationSummaries", 1),
        ("Microsoft.CostManagement/query", 2),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, count)| (name.to_owned(), count)).into();
    assert_eq!(first, expected);
    // The role is there again, but nobody asks so soon.
    stack.emulator.give_azure_role("frank", None, &format!("{ENROLMENT}/benefits")).unwrap();
    let again = told(&stack, "frank", asked.clone()).await;
    assert_eq!((requests(&stack), &again["azure"]["cached"]), (first, &json!(true)), "{again}");
    assert_eq!(again["missing_roles"], data["missing_roles"]);
    stack.advance(SignedDuration::from_secs(301));
    let later = told(&stack, "frank", asked.clone()).await;
    assert_eq!(later["missing_roles"], json!([]), "{later}");
    // What was shown is kept as long, and for nobody else.
    let known = requests(&stack);
    told(&stack, "frank", asked.clone()).await;
    assert_eq!(requests(&stack), known);
    assert_eq!(ask(&stack, "alice", asked).await.data()["code"], "no_access");
}

#[tokio::test]
async fn what_is_beside_the_figures_is_of_few_scopes_and_holds_nothing_up() {
    let stack = Stack::builder().gateway(&["--cost-scope-per-minute=2"]).start().await;
    let scopes =
        [PROD_SUBSCRIPTION, LAB_SUBSCRIPTION, RETAIL_SUBSCRIPTION, FACTORY_SUBSCRIPTION].map(subscription);
    let data = told(&stack, "frank", json!({"scopes": scopes, "period": final_period()})).await;
    // A question of each; of the three that waste something one more, which is all that two of the first three may have.
    assert_eq!(
        (&data["azure"]["query_units"], requests(&stack)["Microsoft.CostManagement/query"]),
        (&json!(7), 7)
    );
    let lists = requests(&stack)["Microsoft.CostManagement/benefitRecommendations"];
    assert_eq!(lists, 1, "that of the scope that wastes nothing");
    let throttled = |part: &&Value| part["code"] == "throttled";
    assert_eq!(data["partial"].as_array().unwrap().iter().filter(throttled).count(), 2, "{data}");
    assert!(data["notes"].to_string().contains("are of the first 3 scopes"), "{data}");
}

#[tokio::test]
async fn what_fails_beside_the_figures_is_said_and_fails_nothing() {
    let stack = Stack::start().await;
    stack.emulator.faults().update(|faults| {
        let refusal = emulator::CostRefusal::of(emulator::CostRefusalKind::Internal);
        faults.cost_refusal =
            Some(emulator::CostRefusal { operation: Some("benefitRecommendations".to_owned()), ..refusal });
    });
    let data = told(&stack, "frank", json!({"scopes": [ENROLMENT], "period": final_period()})).await;
    check_all(&data, &Rows::of(&stack, ENROLMENT, month(), "amortized"));
    let [part] = &data["partial"].as_array().unwrap()[..] else { panic!("{data}") };
    assert_eq!((&part["scope"], &part["code"]), (&json!(ENROLMENT), &json!("azure_unavailable")), "{part}");
    assert!(part["detail"].as_str().unwrap().starts_with("Without recommendations. "), "{part}");
    assert!(data.get("recommendations").is_none() && data["credits"].is_array(), "{data}");
}

/// Of a shared reservation nobody knows where the unused part is charged: where it is above subscriptions, the text says that waste
/// may be missing.
#[tokio::test]
async fn waste_that_is_charged_elsewhere_is_not_said_to_be_none() {
    let stack = Stack::builder().emulator(|config| config.unused_at_billing_scopes = true).start().await;
    let factory = subscription(FACTORY_SUBSCRIPTION);
    let asked = |scope: &str| json!({"scopes": [scope], "period": final_period()});
    let below = ask(&stack, "frank", asked(&factory)).await;
    check_all(below.data(), &Rows::of(&stack, &factory, month(), "amortized"));
    assert_eq!(below.data()["currencies"][0]["unused_cost"], "0", "{}", below.text);
    assert!(below.readable().contains("may be charged at the billing scope"), "{}", below.readable());
    let above = ask(&stack, "frank", asked(ENROLMENT)).await;
    assert_ne!(above.data()["currencies"][0]["unused_cost"], "0", "{}", above.text);
    assert!(!above.readable().contains("may be charged at the billing scope"), "{}", above.readable());
}
