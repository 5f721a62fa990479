//! Benefits, recommendations and lots: the specification's examples, the traps in them, and lists that go on.

use cost::{BenefitDay, CommitmentKind, ListPages, Listing, Page, Paged, Scope};
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{always, client, in_turn, november, ok, prod_scope, refusal, requests, status, token};

const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/100";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/1234:5678_2019-05-31";
const PROFILE: &str =
    "/providers/Microsoft.Billing/billingAccounts/1234:5678_2019-05-31/billingProfiles/2468";
const SECTION: &str = "/providers/Microsoft.Billing/billingAccounts/1234:5678_2019-05-31/billingProfiles/2468/invoiceSections/1";

fn scope(path: &str) -> Scope {
    path.parse().unwrap()
}

fn body(example: &str) -> Value {
    serde_json::from_str::<Value>(example).unwrap()["responses"]["200"]["body"].take()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

async fn all<T: Send>(pages: Option<ListPages<T>>) -> Listing<T> {
    let mut pages = pages.unwrap();
    while !matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)) {}
    pages.whole()
}

/// What was asked for, path and parameters.
async fn asked(azure: &MockServer) -> (String, Vec<String>) {
    let seen = requests(azure).await;
    let pairs = seen[0].url.query_pairs().map(|(name, value)| format!("{name}={value}"));
    (seen[0].url.path().to_owned(), pairs.collect())
}

#[tokio::test]
async fn savings_plans_are_read_as_the_specification_shows_them() {
    for example in [
        include_str!("../data/2026-06-01.SavingsPlan-BillingAccount.json"),
        include_str!("../data/2026-06-01.SavingsPlan-SavingsPlanOrderId-Daily.json"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, ok(&body(example))).await;
        let listed = all(client(&azure).savings_plan_pages(&scope(ENROLMENT), november())).await;
        let BenefitDay { kind, sku, date: day, used, hours, .. } = &listed.items[0];
        assert_eq!((listed.unread, listed.pages), (0, 1));
        assert_eq!(
            (*kind, sku.as_deref()),
            (Some(CommitmentKind::SavingsPlan), Some("Compute_Savings_Plan"))
        );
        assert_eq!((*day, *hours), (Some(date(2022, 10, 16)), None));
        assert_eq!(*used, ["0.9", "0.8", "1"].map(decimal));
        let (path, parameters) = asked(&azure).await;
        assert_eq!(
            path,
            format!("{ENROLMENT}/providers/Microsoft.CostManagement/benefitUtilizationSummaries")
        );
        assert_eq!(
            parameters,
            [
                "api-version=2025-03-01",
                "filter=properties/usageDate ge 2026-11-01 and properties/usageDate le 2026-11-21",
                "grainParameter=Daily"
            ]
        );
    }
}

#[tokio::test]
async fn reservations_are_read_with_their_hours_and_whatever_offset_their_days_have() {
    let example =
        include_str!("../data/2024-08-01.consumption.ReservationSummariesMonthlyWithBillingAccountId.json");
    for (path, parameters) in [
        (
            ENROLMENT,
            &["$filter=properties/usageDate ge 2026-11-01 AND properties/usageDate le 2026-11-21"][..],
        ),
        (PROFILE, &["startDate=2026-11-01", "endDate=2026-11-21"]),
    ] {
        let azure = MockServer::start().await;
        always(&azure, ok(&body(example))).await;
        let listed = all(client(&azure).reservation_pages(&scope(path), november())).await;
        let [one] = &listed.items[..] else { panic!("{listed:?}") };
        assert_eq!((one.kind, one.date), (Some(CommitmentKind::Reservation), Some(date(2018, 9, 1))));
        assert_eq!(one.hours, Some(["720", "0"].map(decimal)));
        let none = "00000000-0000-0000-0000-000000000000";
        assert_eq!(
            one.id,
            format!("/providers/Microsoft.Capacity/reservationOrders/{none}/reservations/{none}")
        );
        assert_eq!(&asked(&azure).await.1[2..], parameters);
    }
}

#[tokio::test]
async fn a_recommendation_has_its_kind_above_its_properties() {
    let azure = MockServer::start().await;
    always(&azure, ok(&body(include_str!("../data/2026-06-01.BenefitRecommendationsByBillingAccount.json"))))
        .await;
    let listed = all(client(&azure).recommendation_pages(&prod_scope())).await;
    let [one] = &listed.items[..] else { panic!("{listed:?}") };
    assert_eq!(
        (one.kind.as_str(), one.term.as_deref(), one.currency.as_str()),
        ("SavingsPlan", Some("P1Y"), "USD")
    );
    assert_eq!((one.commitment, one.saving), (decimal("0.164"), decimal("21.424")));
    assert_eq!((one.saving_share, one.coverage), (Some(decimal("0.09815")), Some(decimal("0.54609"))));
    let filter = "$filter=properties/lookBackPeriod eq 'Last60Days' AND properties/term eq 'P1Y'";
    assert_eq!(asked(&azure).await.1[1..], [filter]);
}

#[tokio::test]
async fn a_lot_is_read_although_one_of_its_members_begins_with_a_capital() {
    let azure = MockServer::start().await;
    always(
        &azure,
        ok(&body(include_str!("../data/2024-08-01.consumption.LotsListByBillingAccount-Primary.json"))),
    )
    .await;
    let listed = all(client(&azure).lot_pages(&scope(ACCOUNT))).await;
    let [lot] = &listed.items[..] else { panic!("{listed:?}") };
    assert!(lot.is_commitment() && lot.organization.as_deref() == Some("Primary"));
    assert_eq!((lot.original.amount, lot.expires), (decimal("5000"), Some(date(2019, 11, 1))));
    assert_eq!(lot.balance.unwrap().to_string(), "60.9 USD");
    assert_eq!(asked(&azure).await.1[1..], ["$filter=source eq 'ConsumptionCommitment'"]);
    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    assert!(all(client(&azure).lot_pages(&scope(PROFILE))).await.items.is_empty());
    assert_eq!(asked(&azure).await.1.len(), 1, "a profile's credits are not filtered");
}

#[tokio::test]
async fn each_list_is_asked_where_it_is() {
    let azure = MockServer::start().await;
    let client = client(&azure);
    let group = "/providers/Microsoft.Management/managementGroups/g";
    for (path, expected) in [
        (ENROLMENT, [true, true, true, true]),
        (ACCOUNT, [false, false, false, true]),
        (PROFILE, [true, true, true, true]),
        (SECTION, [false, false, false, false]),
        (&prod_scope().to_string(), [false, false, true, false]),
        (group, [false, false, false, false]),
    ] {
        let scope = scope(path);
        let has = [
            client.savings_plan_pages(&scope, november()).is_some(),
            client.reservation_pages(&scope, november()).is_some(),
            client.recommendation_pages(&scope).is_some(),
            client.lot_pages(&scope).is_some(),
        ];
        assert_eq!(has, expected, "{path}");
    }
}

/// Members of other types, null, missing: what has no figure is counted, and costs nothing else.
#[tokio::test]
async fn an_entry_that_cannot_be_read_costs_no_other() {
    let azure = MockServer::start().await;
    let plan = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/p";
    let used =
        |percent: Value| json!({"properties": {"benefitId": plan, "avgUtilizationPercentage": percent}});
    let included = json!({"kind": "IncludedQuantity", "properties": {
        "benefitId": "/x/y", "utilizationPercentage": "45.5", "usageDate": 7, "armSkuName": ["odd"]}});
    let value = json!([used(json!(50)), null, {}, {"properties": 7}, used(json!("n/a")), included]);
    always(&azure, ok(&json!({"value": value, "nextLink": ""}))).await;
    let listed = all(client(&azure).savings_plan_pages(&scope(ENROLMENT), november())).await;
    let figures: Vec<_> = listed.items.iter().map(|day| (day.kind, day.used[0].to_string())).collect();
    let expected = [(Some(CommitmentKind::SavingsPlan), "0.5".to_owned()), (None, "0.455".to_owned())];
    assert_eq!((figures.as_slice(), listed.unread), (&expected[..], 4));
}

#[tokio::test]
async fn a_list_goes_on_at_azure_alone_and_says_when_it_does_not() {
    let page = |next: &str| ok(&json!({"value": [], "nextLink": next}));
    let azure = MockServer::start().await;
    let next = format!("{}/more?page=2", azure.uri());
    in_turn(&azure, [page(&next), refusal(429, "429").insert_header("retry-after", "3"), page("")]).await;
    let mut pages = client(&azure).lot_pages(&scope(ENROLMENT)).unwrap();
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::More(_)));
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::NotNow { .. }));
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)));
    assert_eq!(pages.whole().pages, 2);

    for (next, code) in [(None, "answer_incomplete"), (Some("https://evil.example/x"), "untrusted_link")] {
        let azure = MockServer::start().await;
        let again = format!("{}/again", azure.uri());
        always(&azure, page(next.unwrap_or(&again))).await;
        let mut pages = client(&azure).lot_pages(&scope(ENROLMENT)).unwrap();
        let mut outcome = pages.next_page(&token()).await;
        while let Ok(Page::More(_)) = outcome {
            outcome = pages.next_page(&token()).await;
        }
        assert_eq!(outcome.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_refusal_of_either_provider_is_one_of_access() {
    for (http, code, expected) in [
        (401, "401", "no_access"),
        (400, "BillingAccessDenied", "no_access"),
        (403, "AuthorizationFailed", "no_access"),
        (404, "NotFound", "not_found"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, refusal(http, code)).await;
        let mut pages = client(&azure).lot_pages(&scope(ENROLMENT)).unwrap();
        let error = pages.next_page(&token()).await.unwrap_err();
        assert_eq!(error.code(), expected, "{code}");
    }
}
