//! Any question about costs, asked as a client asks it: what is answered adds up, what fails is named, what is wrong is corrected.

use std::collections::BTreeMap;

use e2e::schema::misfits;
use e2e::{Answer, Stack};
use emulator::{DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// One person's questions; each answer is held against the schema of its tool.
struct Asking<'a> {
    stack: &'a Stack,
    token: String,
    schemas: BTreeMap<String, Value>,
}

impl<'a> Asking<'a> {
    async fn new(stack: &'a Stack, person: &str) -> Self {
        let token = stack.token(person);
        let listed = stack.caller.request(Some(&token), "tools/list", json!({})).await;
        let tools = listed.document["result"]["tools"].as_array().unwrap();
        let schema = |tool: &Value| (tool["name"].as_str().unwrap().to_owned(), tool["outputSchema"].clone());
        Self { stack, token, schemas: tools.iter().map(schema).collect() }
    }

    async fn ask(&self, tool: &str, arguments: Value) -> Answer {
        let answer = self.stack.caller.call(&self.token, tool, arguments.clone()).await;
        assert_eq!(answer.status, 200, "{arguments}: {}", answer.text);
        let misfits = misfits(&self.schemas[tool], answer.data());
        assert!(misfits.is_empty(), "{arguments}: {misfits:?}");
        let both = answer.readable().len() + answer.data().to_string().len();
        assert!(answer.readable().len() <= 6_000 && both <= 24_000, "{arguments}: {both} bytes");
        answer
    }

    /// What a question that can be answered is answered.
    async fn told(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask(tool, arguments.clone()).await;
        assert!(!answer.is_tool_error(), "{arguments}: {}", answer.readable());
        answer.data().clone()
    }
}

fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// The sums of rows, by currency.
fn sums<'a>(rows: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Decimal> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let of = row.get("cost").unwrap_or(row);
        *sums.entry(of["currency"].as_str().unwrap().to_owned()).or_insert(Decimal::ZERO) +=
            amount(&of["amount"]);
    }
    sums
}

fn list<'a>(data: &'a Value, name: &str) -> &'a Vec<Value> {
    data[name].as_array().unwrap_or_else(|| panic!("{name}: {data}"))
}

/// What stands under a key in every row, with the row's amount.
fn by_key(data: &Value, key: &str) -> BTreeMap<(String, String), Decimal> {
    let mut found = BTreeMap::new();
    for row in list(data, "rows") {
        let name = row["keys"][key].as_str().unwrap_or_default().to_lowercase();
        let currency = row["cost"]["currency"].as_str().unwrap().to_owned();
        *found.entry((name, currency)).or_insert(Decimal::ZERO) += amount(&row["cost"]["amount"]);
    }
    found
}

#[tokio::test]
async fn every_way_to_split_the_same_costs_has_the_same_sum() {
    let stack = Stack::start().await;
    let alice = Asking::new(&stack, "alice").await;
    let month = |more: Value| {
        let mut asked = json!({"scopes": ["Contoso Prod"], "period": "2026-10", "top": 100});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let services = alice.told("cost_query", month(json!({"group_by": "service"}))).await;
    let whole = sums(list(&services, "totals"));
    assert_eq!(whole.len(), 2, "Prod has a charge in another currency: {services}");
    assert_eq!(sums(list(&services, "rows")), whole);
    // As the older tool counts them.
    let older = json!({"subscription": PROD_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-31"});
    let older = alice.told("cost_by_service", older).await;
    assert_eq!(sums(list(&older, "totals")), whole);
    for more in [
        json!({}),
        json!({"granularity": "daily"}),
        json!({"granularity": "monthly", "group_by": "region"}),
        json!({"group_by": ["resource group", "Meter"]}),
        json!({"group_by": "tag:env", "measures": ["quantity", "usd"]}),
    ] {
        let split = alice.told("cost_query", month(more.clone())).await;
        let mut all = sums(list(&split, "rows").iter().chain(list(&split, "other")));
        if let Some(left) = split["more"]["amounts"].as_array() {
            for (currency, left) in sums(left) {
                *all.get_mut(&currency).unwrap() += left;
            }
        }
        assert_eq!(all, whole, "{more}");
        assert_eq!(sums(list(&split, "totals")), whole, "{more}");
        if more.get("granularity").is_some() {
            assert_eq!(sums(list(&split, "totals_by_date")), whole, "{more}");
        }
    }
    // A filter and its exclusion are the two halves of it.
    let (name, currency) = by_key(&services, "ServiceName").into_keys().next().unwrap();
    let with = alice.told("cost_query", month(json!({"filter": {"service": name}}))).await;
    let without = alice.told("cost_query", month(json!({"exclude": {"service": name}}))).await;
    let half = |data: &Value| sums(list(data, "totals")).get(&currency).copied().unwrap_or_default();
    assert!(!half(&with).is_zero());
    assert_eq!(half(&with) + half(&without), whole[&currency]);
}

#[tokio::test]
async fn what_one_scope_refuses_fails_nothing_else() {
    let stack = Stack::start().await;
    let bob = Asking::new(&stack, "bob").await;
    let both = json!({"scopes": [DEV_SUBSCRIPTION, PROD_SUBSCRIPTION], "period": "last_month"});
    let told = bob.ask("cost_query", both).await;
    assert!(!told.is_tool_error(), "{}", told.text);
    assert_eq!(told.data()["scopes"], json!([format!("/subscriptions/{DEV_SUBSCRIPTION}")]));
    let partial = list(told.data(), "partial");
    assert_eq!((partial.len(), &partial[0]["code"]), (1, &json!("no_access")), "{}", told.text);
    assert!(told.readable().starts_with("2 subscriptions, of which 1 answered, "), "{}", told.readable());
    assert!(told.readable().contains("Not in it: "), "{}", told.readable());
    let alone = bob.ask("cost_query", json!({"scopes": PROD_SUBSCRIPTION})).await;
    assert!(alone.is_tool_error());
    assert_eq!(
        (&alone.data()["code"], &alone.data()["azure"]["code"]),
        (&json!("no_access"), &json!("RBACAccessDenied"))
    );
    // So it is with a name that the person does not see. Where no scope answers, it is the error, with what there is to choose.
    for tool in ["cost_query", "cost_compare", "list_dimensions"] {
        let told = bob.told(tool, json!({"scopes": [DEV_SUBSCRIPTION, "Contoso Nope"]})).await;
        assert_eq!(told["scopes"], json!([format!("/subscriptions/{DEV_SUBSCRIPTION}")]));
        let partial = list(&told, "partial");
        let named = (partial.len(), &partial[0]["scope"], &partial[0]["code"]);
        assert_eq!(named, (1, &json!("Contoso Nope"), &json!("subscription_not_found")), "{told}");
        let none = bob.ask(tool, json!({"scopes": [PROD_SUBSCRIPTION, "Contoso Nope"]})).await;
        assert!(none.is_tool_error(), "{}", none.text);
        assert_eq!(none.data()["code"], "subscription_not_found");
        assert_ne!(none.data()["subscriptions"], Value::Null);
        assert!(none.readable().contains("The others: subscription "), "{}", none.readable());
    }
    // A claims challenge goes over HTTP, whatever the other scopes say.
    let dave =
        stack.caller.call(&stack.token("dave"), "cost_query", json!({"scopes": DEV_SUBSCRIPTION})).await;
    assert_eq!(dave.status, 403, "{}", dave.text);
}

#[tokio::test]
async fn scopes_within_scopes_are_counted_once() {
    let stack = Stack::start().await;
    let frank = Asking::new(&stack, "frank").await;
    let asked = |scopes: Value| json!({"scopes": scopes, "period": "2026-10"});
    let factory = format!("/subscriptions/{FACTORY_SUBSCRIPTION}");
    let alone = frank.told("cost_query", asked(json!([factory]))).await;
    let groups =
        frank.told("list_dimensions", json!({"scopes": [factory], "dimension": "resource group"})).await;
    let group = format!("{factory}/resourceGroups/{}", list(&groups, "values")[0].as_str().unwrap());
    let by_name = format!("contoso factory/resourceGroups/{}", list(&groups, "values")[0].as_str().unwrap());
    let by_name = frank.told("cost_query", asked(json!([by_name]))).await;
    assert_eq!(by_name["scopes"], json!([group]));
    let with_group = frank.told("cost_query", asked(json!([group, factory]))).await;
    assert_eq!((&with_group["totals"], &with_group["scopes"]), (&alone["totals"], &json!([factory])));
    assert!(
        with_group["notes"][0].as_str().unwrap().starts_with("Counted once: resource group"),
        "{with_group}"
    );
    let management = "/providers/Microsoft.Management/managementGroups/contoso-factory";
    let in_group = frank.told("cost_query", asked(json!([management]))).await;
    let beside = frank.told("cost_query", asked(json!([factory, management]))).await;
    assert_eq!((&beside["totals"], &beside["scopes"]), (&in_group["totals"], &json!([management])));
    // Azure leaves out of the group what is bought under a Customer Agreement: it is named, and is no part of the group.
    let all = "/providers/Microsoft.Management/managementGroups/contoso";
    let left_out = |data: &Value| -> Vec<String> {
        let of = list(data, "partial").iter().filter(|part| part["code"] == "left_out_by_azure");
        of.map(|part| part["scope"].as_str().unwrap().to_owned()).collect()
    };
    let [prod, dev, retail] =
        [PROD_SUBSCRIPTION, DEV_SUBSCRIPTION, RETAIL_SUBSCRIPTION].map(|id| format!("/subscriptions/{id}"));
    let told = frank.ask("cost_query", asked(json!([all]))).await;
    let named = "Not in it: Contoso Prod, Contoso Dev, Contoso Retail (left_out_by_azure).";
    assert!(told.readable().contains(named), "{}", told.readable());
    let group = told.data().clone();
    assert_eq!(left_out(&group), [prod.clone(), dev.clone(), retail.clone()]);
    let beside = frank.told("cost_query", asked(json!([all, prod]))).await;
    assert_eq!((list(&beside, "scopes").len(), left_out(&beside)), (2, vec![dev, retail]), "{beside}");
}

#[tokio::test]
async fn a_kept_answer_says_too_what_a_management_group_leaves_out() {
    let stack = Stack::builder().gateway(&["--cost-cache-seconds=14400"]).start().await;
    let frank = Asking::new(&stack, "frank").await;
    let all = "/providers/Microsoft.Management/managementGroups/contoso";
    let asked = json!({"scopes": all, "period": "2026-10"});
    let told = [frank.told("cost_query", asked.clone()).await, frank.told("cost_query", asked).await];
    assert_eq!(told.each_ref().map(|told| told["azure"]["cached"] == true), [false, true]);
    assert_eq!(list(&told[0], "partial").len(), 3);
    assert!(told[1]["notes"].to_string().contains("bought under a Customer Agreement"), "{}", told[1]);
}

#[tokio::test]
async fn what_drove_a_difference_adds_up() {
    let stack = Stack::start().await;
    let alice = Asking::new(&stack, "alice").await;
    for by in ["service", "resource", "tag:env"] {
        let asked = json!({"scopes": ["Contoso Prod"], "period": "2026-10", "group_by": by, "top": 3});
        let told = alice.told("cost_compare", asked).await;
        assert_eq!(told["baseline"], json!({"from": "2026-09-01", "to": "2026-09-30"}));
        for currency in list(&told, "currencies") {
            let drivers = list(currency, "drivers");
            for figure in ["before", "after", "change"] {
                let sum: Decimal = drivers.iter().map(|driver| amount(&driver[figure])).sum();
                assert_eq!(
                    sum + amount(&currency["rest"][figure]),
                    amount(&currency[figure]),
                    "{by}: {currency}"
                );
            }
            for driver in drivers {
                let effects =
                    ["usage_effect", "rate_effect", "other_effect"].map(|effect| amount(&driver[effect]));
                assert_eq!(effects.iter().sum::<Decimal>(), amount(&driver["change"]), "{driver}");
            }
        }
    }
}

#[tokio::test]
async fn what_an_agreement_has_is_listed_and_what_it_has_not_is_corrected() {
    let stack = Stack::start().await;
    let frank = Asking::new(&stack, "frank").await;
    let names = |data: &Value| -> Vec<String> {
        list(data, "dimensions").iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let customer = frank.told("list_dimensions", json!({"scopes": ["Contoso Prod"]})).await;
    let enterprise = frank.told("list_dimensions", json!({"scopes": ["Contoso Factory"]})).await;
    let has = |data: &Value, name: &str| names(data).iter().any(|one| one == name);
    assert!(has(&customer, "InvoiceSectionName") && !has(&customer, "DepartmentName"), "{customer}");
    assert!(has(&enterprise, "DepartmentName") && !has(&enterprise, "InvoiceSectionName"), "{enterprise}");
    assert!(list(&customer, "tag_keys").iter().any(|key| key == "env"), "{customer}");
    let wrong = frank
        .ask("cost_query", json!({"scopes": ["Contoso Factory"], "group_by": "invoice section name"}))
        .await;
    assert!(wrong.is_tool_error(), "{}", wrong.text);
    assert!(
        wrong.readable().contains("has no 'InvoiceSectionName'; the nearest are '"),
        "{}",
        wrong.readable()
    );
    let none =
        frank.ask("list_dimensions", json!({"scopes": ["Contoso Prod"], "dimension": "department"})).await;
    assert!(none.readable().contains("has no 'DepartmentName'; the nearest are '"), "{}", none.readable());
    let wide = json!({"scopes": ["managementGroups/contoso"], "group_by": "resource"});
    let refused = frank.ask("cost_query", wide).await;
    assert!(
        refused.readable().contains("at subscriptions and resource groups only"),
        "{}",
        refused.readable()
    );
}

#[tokio::test]
async fn emptiness_explains_itself() {
    let stack = Stack::start().await;
    let alice = Asking::new(&stack, "alice").await;
    let of_prod = |more: Value| {
        let mut asked = json!({"scopes": ["Contoso Prod"], "period": "2026-10"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let service =
        alice.told("list_dimensions", json!({"scopes": ["Contoso Prod"], "dimension": "service"})).await;
    let service = list(&service, "values")[0].as_str().unwrap().to_owned();
    let misspelt = format!("{service}x");
    let none = alice.told("cost_query", of_prod(json!({"filter": {"service": misspelt}}))).await;
    assert_eq!(
        (&none["empty"]["reason"], &none["empty"]["nearest"][0]),
        (&json!("no_such_value"), &json!(service)),
        "{none}"
    );
    let narrow = alice
        .told("cost_query", of_prod(json!({"filter": {"service": service}, "exclude": {"service": service}})))
        .await;
    assert_eq!(narrow["empty"]["reason"], "filter_too_narrow", "{narrow}");
}

#[tokio::test]
async fn wrong_words_are_corrected_before_anybody_is_asked() {
    let stack = Stack::start().await;
    let alice = Asking::new(&stack, "alice").await;
    for (tool, arguments, expected) in [
        ("cost_query", json!({"groupby": "servce"}), "the nearest are 'ServiceName'"),
        ("cost_query", json!({"scpes": ["x"]}), "the nearest are 'scopes'"),
        ("cost_query", json!({"period": "last_mnth"}), "the nearest are 'last_month'"),
        ("cost_query", json!({"scopes": ["/subscriptions/x"]}), "is no scope"),
        ("cost_compare", json!({"baseline": "lst_month"}), "the nearest are 'last_month'"),
        ("cost_compare", json!({"group_by": ["service", "region"]}), "has 2 entries and may have 1"),
        ("list_dimensions", json!({"dimension": "regon"}), "'ResourceLocation'"),
    ] {
        let answer = alice.ask(tool, arguments.clone()).await;
        assert!(answer.is_tool_error(), "{arguments}: {}", answer.text);
        assert!(answer.readable().contains(expected), "{arguments}: {}", answer.readable());
    }
    assert_eq!(stack.emulator.counts().exchanges, 0);
    let unknown = alice.ask("cost_query", json!({"scopes": ["Contoso Prd"]})).await;
    assert_eq!(unknown.data()["code"], "subscription_not_found");
    assert_eq!(unknown.data()["subscriptions"][0]["name"], "Contoso Prod", "the nearest is the first");
}
