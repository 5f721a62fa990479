//! Many callers at once: every answer is its caller's own, and nothing waits on anything slow.

use std::sync::Arc;

use emulator::{Config, TokenSpec};
use serde_json::{Value, json};

use crate::harness::Stand;

const PEOPLE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once_get_their_own_costs() {
    let stand = Arc::new(Stand::with(Config { extra_people: PEOPLE, ..Config::default() }).await);
    let calls: Vec<_> = (1..=PEOPLE)
        .map(|number| {
            let stand = Arc::clone(&stand);
            tokio::spawn(async move { own_groups(&stand, number).await })
        })
        .collect();
    for (at, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), [format!("rg-person-{:04}", at + 1)]);
    }
    assert_eq!(stand.emulator.counts().exchanges, PEOPLE as u64);
}

/// Exchanges and queries as one person, grouped by resource group.
async fn own_groups(stand: &Stand, number: usize) -> Vec<String> {
    let assertion = stand.mint(&TokenSpec::for_person(format!("person-{number:04}")));
    let (status, body) = stand.exchange(&assertion, &[]).await;
    assert_eq!(status, 200, "{body}");
    let token = body["access_token"].as_str().unwrap();
    let path = format!(
        "/subscriptions/20000000-0000-4000-8000-{number:012}/providers/Microsoft.CostManagement/query?api-version=2025-03-01"
    );
    let query = json!({
        "type": "ActualCost", "timeframe": "TheLastMonth",
        "dataset": {
            "granularity": "None", "aggregation": {"a": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": "ResourceGroupName"}],
        },
    });
    let answer: Value = stand.arm_post(token, &path, &query).await.json().await.unwrap();
    let rows = answer["properties"]["rows"].as_array().unwrap();
    rows.iter().map(|row| row[1].as_str().unwrap().to_owned()).collect()
}
