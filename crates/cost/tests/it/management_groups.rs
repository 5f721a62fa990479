use serde_json::json;
use wiremock::MockServer;

use crate::support::{client, in_turn, ok, requests, token};

#[tokio::test]
async fn the_subscriptions_below_are_read_from_all_pages() {
    let azure = MockServer::start().await;
    let path = "/providers/Microsoft.Management/managementGroups";
    let subscription = |letter: char| format!("/subscriptions/10000000-0000-4000-8000-00000000000{letter}");
    // As in the example of Microsoft's page: groups and subscriptions side by side.
    let first = json!({
        "value": [
            {"id": format!("{path}/inner"), "type": "Microsoft.Management/managementGroups", "name": "inner"},
            {"id": subscription('1'), "type": "/subscriptions", "name": "x", "properties": {"displayName": "One"}},
            null
        ],
        "nextLink": format!("{}{path}/contoso/descendants?api-version=2020-05-01&$skiptoken=2", azure.uri())
    });
    let last = json!({"value": [{"id": subscription('2'), "type": "/subscriptions"}], "nextLink": ""});
    in_turn(&azure, [ok(&first), ok(&last)]).await;
    let found = client(&azure).subscriptions_below(&token(), &"contoso".parse().unwrap()).await.unwrap();
    let found: Vec<_> = found.iter().map(|id| format!("/subscriptions/{id}")).collect();
    assert_eq!(found, [subscription('1'), subscription('2')]);
    let seen = requests(&azure).await;
    assert_eq!(seen[0].url.path(), format!("{path}/contoso/descendants"));
    assert_eq!(seen[1].url.query(), Some("api-version=2020-05-01&$skiptoken=2"));
}
