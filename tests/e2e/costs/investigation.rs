//! What somebody asks who looks into a month: few query units, and none for what an answer already holds.

use e2e::Stack;
use emulator::RETAIL_SUBSCRIPTION;
use serde_json::{Value, json};

/// The units that the whole of it may take.
const MOST_UNITS: u64 = 8;

struct Investigator {
    stack: Stack,
    token: String,
    month: String,
    units: u64,
}

impl Investigator {
    async fn new() -> Self {
        let stack = Stack::builder().gateway(&["--cost-cache-seconds=14400"]).start().await;
        let token = stack.token("frank");
        // Of a month that is final nothing changes in between.
        let month = super::final_period();
        Self { stack, token, month, units: 0 }
    }

    fn queries(&self) -> u64 {
        let counts = self.stack.emulator.counts();
        counts.arm_by_operation.get("Microsoft.CostManagement/query").copied().unwrap_or_default()
    }

    /// Asks about the month. The units that the answer names are of queries that Azure was asked.
    async fn ask(&mut self, tool: &str, more: Value) -> Value {
        let mut question = json!({"scopes": [RETAIL_SUBSCRIPTION], "period": self.month});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let before = self.queries();
        let answer = self.stack.caller.call(&self.token, tool, question.clone()).await;
        assert!(answer.status == 200 && !answer.is_tool_error(), "{question}: {}", answer.text);
        let data = answer.data().clone();
        let units = data["azure"]["query_units"].as_u64().unwrap_or_else(|| panic!("{data}"));
        assert_eq!(data["azure"]["calls"], self.queries() - before, "{question}: {}", data["azure"]);
        self.units += units;
        data
    }
}

#[tokio::test]
async fn an_investigation_takes_few_query_units() {
    let mut person = Investigator::new().await;
    // The month, against the one before, one service, a tag, without something, the top five, day by day.
    let month = person.ask("cost_query", json!({"group_by": ["service"]})).await;
    let service = month["rows"][0]["keys"]["ServiceName"].clone();
    person.ask("cost_compare", json!({"group_by": ["service"]})).await;
    let filter = json!({"ServiceName": [service]});
    person.ask("cost_query", json!({"group_by": ["resource"], "filter": filter})).await;
    person.ask("cost_query", json!({"group_by": ["tag:team"]})).await;
    person.ask("cost_query", json!({"group_by": ["service"], "exclude": {"ServiceName": [service]}})).await;
    person.ask("cost_query", json!({"group_by": ["service"], "top": 5})).await;
    person.ask("cost_query", json!({"group_by": ["service"], "granularity": "daily"})).await;
    assert!(person.units <= MOST_UNITS, "{} units", person.units);
}

#[tokio::test]
async fn what_an_answer_holds_is_asked_once() {
    let mut person = Investigator::new().await;
    let daily =
        person.ask("cost_query", json!({"group_by": ["service", "region"], "granularity": "daily"})).await;
    let asked = (person.units, person.queries());
    let row = daily["rows"][0]["keys"].clone();
    let (service, region) = (&row["ServiceName"], &row["ResourceLocation"]);
    let (first, tenth) = (format!("{}-01", person.month), format!("{}-10", person.month));
    for follow_up in [
        json!({"group_by": ["service"]}),
        json!({"granularity": "monthly"}),
        json!({"group_by": ["region"], "filter": {"ServiceName": [service]}}),
        json!({"group_by": ["service"], "exclude": {"ResourceLocation": [region]}}),
        json!({"group_by": ["service", "region"], "granularity": "daily", "top": 3}),
        json!({"group_by": ["region"], "period": null, "from": first, "to": tenth}),
    ] {
        let data = person.ask("cost_query", follow_up.clone()).await;
        assert_eq!((person.units, person.queries()), asked, "{follow_up}");
        assert_eq!(data["azure"]["cached"], true, "{follow_up}: {}", data["azure"]);
        assert!(!data["rows"].as_array().unwrap().is_empty(), "{follow_up}: {data}");
    }
}
