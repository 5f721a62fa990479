//! Reservations, savings plans and commitments to consume: who may read what, and that every figure is that of the raw rows.

use std::collections::BTreeMap;

use emulator::{
    Config, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, Quotas,
    RETAIL_SUBSCRIPTION,
};
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::harness::Stand;

const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31";
const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";
const SECTION: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD/invoiceSections/EEEE-FFFF-GGG-HHH";
const UTILIZATION: &str = "Microsoft.CostManagement/benefitUtilizationSummaries";
const RECOMMENDATIONS: &str = "Microsoft.CostManagement/benefitRecommendations";
const SUMMARIES: &str = "Microsoft.Consumption/reservationSummaries";
const DETAILS: &str = "Microsoft.Consumption/reservationDetails";
const LOTS: &str = "Microsoft.Consumption/lots";
const EVENTS: &str = "Microsoft.Consumption/events";
const OCTOBER: (Date, Date) = (date(2026, 10, 1), date(2026, 10, 31));
const IN_OCTOBER: &str =
    "properties/usageDate%20ge%202026-10-01%20and%20properties/usageDate%20le%202026-10-31";

async fn asked(stand: &Stand, person: &str, scope: &str, list: &str, parameters: &str) -> (u16, Value) {
    let version = if list.starts_with("Microsoft.Consumption") { "2024-08-01" } else { "2025-03-01" };
    let token = stand.arm_token(person).await;
    let path = format!("{scope}/providers/{list}?api-version={version}{parameters}");
    let response = stand.arm_get(&token, &path).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

/// What frank, who has all roles, is told.
async fn listed(stand: &Stand, scope: &str, list: &str, parameters: &str) -> Vec<Value> {
    let (status, body) = asked(stand, "frank", scope, list, parameters).await;
    assert_eq!(status, 200, "{scope} {list} {parameters}: {body}");
    body["value"].as_array().unwrap().clone()
}

fn refused((status, body): (u16, Value)) -> (u16, String) {
    (status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

fn members(value: &Value) -> Vec<&str> {
    let members = value.as_object().unwrap_or_else(|| panic!("{value}"));
    let mut names: Vec<_> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// A vector's first entry.
fn example(text: &str) -> Value {
    let vector: Value = serde_json::from_str(text).unwrap();
    vector["responses"]["200"]["body"]["value"][0].clone()
}

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

fn figure(row: &Value, name: &str) -> f64 {
    row[name].as_str().unwrap_or_else(|| panic!("{name}: {row}")).parse().unwrap()
}

/// What was used and paid for, by the id of the benefit and by day.
fn of_rows(stand: &Stand, scope: &str, (from, to): (Date, Date)) -> BTreeMap<(String, String), (f64, f64)> {
    let mut found: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
    for row in stand.emulator.raw_rows(scope, from..=to, true).unwrap() {
        let id = row["benefitId"].as_str().unwrap();
        if id.is_empty() {
            continue;
        }
        let (used, whole) =
            found.entry((id.to_owned(), row["date"].as_str().unwrap().to_owned())).or_default();
        *whole += figure(&row, "cost");
        if row["chargeType"] == "Usage" {
            *used += figure(&row, "cost");
        }
    }
    found
}

fn near(found: &Value, expected: f64) {
    let off = (found.as_f64().unwrap_or_else(|| panic!("{found}")) - expected).abs();
    assert!(off < 1e-5, "{found}, not {expected}");
}

#[tokio::test]
async fn a_role_on_subscriptions_opens_no_billing_scope() {
    let stand = Stand::start().await;
    let filter = format!("&filter={IN_OCTOBER}");
    for (list, parameters, expected) in [
        (UTILIZATION, filter.as_str(), (400, "BillingAccessDenied")),
        (RECOMMENDATIONS, "", (400, "BillingAccessDenied")),
        (SUMMARIES, "&grain=monthly", (401, "401")),
        (DETAILS, "", (401, "401")),
        (LOTS, "", (401, "401")),
        (EVENTS, "", (401, "401")),
    ] {
        for scope in [ENROLMENT, PROFILE] {
            let told = refused(asked(&stand, "alice", scope, list, parameters).await);
            assert_eq!((told.0, told.1.as_str()), expected, "{list} {scope}");
        }
    }
    let (_, body) = asked(&stand, "alice", ENROLMENT, LOTS, "").await;
    assert_eq!(body["error"]["message"], "No claims present for the caller in the system");
    // What a subscription has is for its readers.
    assert_eq!(asked(&stand, "alice", &subscription(PROD_SUBSCRIPTION), RECOMMENDATIONS, "").await.0, 200);
    let bob = refused(asked(&stand, "bob", &subscription(PROD_SUBSCRIPTION), RECOMMENDATIONS, "").await);
    assert_eq!(bob, (401, "RBACAccessDenied".to_owned()));
}

/// As the role of somebody who reads an enrolment's costs, and not who uses its reservations.
#[tokio::test]
async fn a_role_that_reads_costs_need_not_read_benefits() {
    let stand = Stand::start().await;
    let benefits = format!("{ENROLMENT}/benefits");
    stand.emulator.take_azure_role("frank", None, &benefits).unwrap();
    let dimensions = "Microsoft.CostManagement/dimensions";
    assert_eq!(asked(&stand, "frank", ENROLMENT, dimensions, "").await.0, 200);
    for (list, expected) in [(UTILIZATION, 400), (RECOMMENDATIONS, 400), (SUMMARIES, 401), (LOTS, 401)] {
        assert_eq!(asked(&stand, "frank", ENROLMENT, list, "&grain=monthly").await.0, expected, "{list}");
    }
    assert_eq!(asked(&stand, "frank", PROFILE, LOTS, "").await.0, 200);
    stand.emulator.give_azure_role("frank", None, &benefits).unwrap();
    assert_eq!(asked(&stand, "frank", ENROLMENT, LOTS, "").await.0, 200);
}

#[tokio::test]
async fn each_list_is_where_the_specification_has_it() {
    let stand = Stand::start().await;
    let factory = subscription(FACTORY_SUBSCRIPTION);
    for (scope, list, expected) in [
        (factory.as_str(), UTILIZATION, (404, "NotFound")),
        (SECTION, UTILIZATION, (404, "NotFound")),
        (ACCOUNT, UTILIZATION, (400, "BadRequest")),
        (SECTION, RECOMMENDATIONS, (404, "NotFound")),
        (factory.as_str(), SUMMARIES, (404, "NotFound")),
        (ACCOUNT, SUMMARIES, (404, "NotFound")),
        (factory.as_str(), LOTS, (404, "NotFound")),
        (SECTION, EVENTS, (404, "NotFound")),
    ] {
        let told = refused(asked(&stand, "frank", scope, list, "&grain=monthly").await);
        assert_eq!((told.0, told.1.as_str()), expected, "{list} {scope}");
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let stand = Stand::start().await;
    for (scope, list, parameters, said) in [
        (ENROLMENT, UTILIZATION, "&filter=properties/usageDate%20gt%202026-10-01", "Invalid filter"),
        (ENROLMENT, UTILIZATION, "&filter=properties/region%20eq%20'x'", "Invalid filter"),
        (ENROLMENT, UTILIZATION, "&grainParameter=Hourly", "'Daily' and 'Monthly'"),
        (ENROLMENT, SUMMARIES, "", "Grain should be daily or monthly."),
        (ENROLMENT, SUMMARIES, "&grain=daily", "UsageDate should have beginning range value."),
        (
            PROFILE,
            SUMMARIES,
            "&grain=daily&startDate=2026-10-01",
            "UsageDate should have ending range value.",
        ),
        (ENROLMENT, DETAILS, "", "UsageDate should have beginning range value."),
        (PROFILE, EVENTS, "", "StartDate and EndDate should be provided."),
        (PROFILE, SUMMARIES, "&grain=monthly&reservationId=x", "ReservationOrderId should be provided"),
        (ENROLMENT, RECOMMENDATIONS, "&$filter=properties/term%20eq%20'P5Y'", "'P5Y' is no term"),
        (ENROLMENT, RECOMMENDATIONS, "&$expand=properties/all", "$expand"),
    ] {
        let (status, body) = asked(&stand, "frank", scope, list, parameters).await;
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(said), "{list} {parameters}: {body}");
    }
}

#[tokio::test]
async fn savings_plans_are_used_as_the_rows_say() {
    let stand = Stand::start().await;
    let vector = example(include_str!("../data/2026-06-01.SavingsPlan-BillingAccount.json"));
    for scope in [ENROLMENT, PROFILE] {
        let rows = of_rows(&stand, scope, OCTOBER);
        let plans = rows.iter().filter(|((id, _), _)| id.contains("billingbenefits"));
        let expected: BTreeMap<_, _> = plans
            .map(|((id, day), (used, whole))| ((id.clone(), day.clone()), 100.0 * used / whole))
            .collect();
        let daily =
            listed(&stand, scope, UTILIZATION, &format!("&filter={IN_OCTOBER}&grainParameter=Daily")).await;
        assert_eq!((daily.len(), expected.len()), (31, 31), "{scope}");
        for one in &daily {
            assert_eq!(members(one), members(&vector));
            let properties = &one["properties"];
            assert_eq!(members(properties), members(&vector["properties"]));
            let id = properties["benefitId"].as_str().unwrap().to_lowercase();
            let day = properties["usageDate"].as_str().unwrap()[..10].to_owned();
            for name in ["avg", "min", "max"] {
                near(
                    &properties[format!("{name}UtilizationPercentage")],
                    expected[&(id.clone(), day.clone())],
                );
            }
        }
        let monthly =
            listed(&stand, scope, UTILIZATION, &format!("&filter={IN_OCTOBER}&grainParameter=Monthly")).await;
        let [month] = &monthly[..] else { panic!("{monthly:?}") };
        let lowest = expected.values().copied().fold(f64::INFINITY, f64::min);
        near(&month["properties"]["minUtilizationPercentage"], lowest);
        let order = month["properties"]["benefitOrderId"].as_str().unwrap();
        let filter = format!("&$filter={IN_OCTOBER}&grainParameter=Monthly");
        let own = month["properties"]["benefitId"].as_str().unwrap();
        for path in [order, own] {
            let of_order = listed(&stand, path, UTILIZATION, &filter).await;
            assert_eq!(of_order.len(), 1, "{path}");
        }
        let none = refused(asked(&stand, "alice", order, UTILIZATION, &filter).await);
        assert_eq!(none, (403, "AuthorizationFailed".to_owned()));
    }
}

#[tokio::test]
async fn reservations_are_used_as_the_rows_say() {
    let stand = Stand::start().await;
    let vector = example(include_str!(
        "../data/2024-08-01.consumption.ReservationSummariesMonthlyWithBillingAccountId.json"
    ));
    for (scope, days) in [
        (ENROLMENT, format!("&$filter={IN_OCTOBER}")),
        (PROFILE, "&startDate=2026-10-01&endDate=2026-10-31".to_owned()),
    ] {
        let rows = of_rows(&stand, scope, OCTOBER);
        let daily = listed(&stand, scope, SUMMARIES, &format!("&grain=daily{days}")).await;
        let reserved = rows.iter().filter(|((id, _), _)| id.contains("microsoft.capacity"));
        assert_eq!(daily.len(), reserved.count(), "{scope}");
        for one in &daily {
            assert_eq!(members(one), members(&vector));
            let properties = &one["properties"];
            for member in members(&vector["properties"]) {
                assert!(properties.get(member).is_some(), "{member}");
            }
            let text = |name: &str| properties[name].as_str().unwrap();
            let day = text("usageDate").strip_suffix("T00:00:00-07:00").unwrap();
            let id = format!(
                "/providers/microsoft.capacity/reservationorders/{}/reservations/{}",
                text("reservationOrderId"),
                text("reservationId")
            );
            let (used, whole) = rows[&(id, day.to_owned())];
            near(&properties["avgUtilizationPercentage"], 100.0 * used / whole);
            near(&properties["reservedHours"], 24.0);
            near(&properties["usedHours"], 24.0 * used / whole);
        }
        let monthly = listed(&stand, scope, SUMMARIES, &format!("&grain=monthly{days}")).await;
        near(&monthly[0]["properties"]["reservedHours"], 24.0 * 31.0);
        // What each machine took of it.
        let details = listed(&stand, scope, DETAILS, &days).await;
        let hours = |list: &[Value]| -> f64 {
            list.iter().map(|one| one["properties"]["usedHours"].as_f64().unwrap()).sum()
        };
        assert!((hours(&details) - hours(&daily)).abs() < 1e-4 && details.len() > daily.len(), "{scope}");
        let order = daily[0]["properties"]["reservationOrderId"].as_str().unwrap();
        let path = format!("/providers/Microsoft.Capacity/reservationorders/{order}");
        assert_eq!(
            listed(&stand, &path, SUMMARIES, &format!("&grain=daily&$filter={IN_OCTOBER}")).await.len(),
            31
        );
        let none = refused(asked(&stand, "alice", &path, SUMMARIES, "&grain=monthly").await);
        assert_eq!(none, (403, "AuthorizationFailed".to_owned()));
    }
}

#[tokio::test]
async fn a_report_is_ordered_polled_and_fetched_by_its_link() {
    let stand = Stand::start().await;
    let token = stand.arm_token("frank").await;
    let order = json!({"kind": "Reservation", "grain": "Daily", "startDate": "2026-10-01T00:00:00Z",
                       "endDate": "2026-10-31T00:00:00Z"});
    let rows = of_rows(&stand, PROFILE, OCTOBER);
    let expected = rows.keys().filter(|(id, _)| id.contains("microsoft.capacity")).count();
    let days = "&startDate=2026-10-01&endDate=2026-10-31";
    for (report, parameters, vector, head) in [
        (
            "generateBenefitUtilizationSummariesReport",
            "",
            include_str!("../data/2026-06-01.GenerateBenefitUtilizationSummariesReportByBillingProfile.json"),
            "Kind,BenefitOrderId,",
        ),
        (
            "generateReservationDetailsReport",
            days,
            include_str!("../data/2026-06-01.GenerateReservationDetailsReportByBillingProfile.json"),
            "InstanceFlexibilityGroup,InstanceFlexibilityRatio,",
        ),
    ] {
        let vector: Value = serde_json::from_str(vector).unwrap();
        let (told, headers) = (&vector["responses"]["200"]["body"], &vector["responses"]["202"]["headers"]);
        let path = format!(
            "{PROFILE}/providers/Microsoft.CostManagement/{report}?api-version=2025-03-01{parameters}"
        );
        let alice = stand.arm_post(&stand.arm_token("alice").await, &path, &order).await;
        assert_eq!(alice.status(), 400);
        let accepted = stand.arm_post(&token, &path, &order).await;
        assert_eq!(accepted.status(), 202);
        let place = accepted.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(results(&place), results(headers["Location"].as_str().unwrap()));
        assert_eq!(headers["Retry-After"], "60");
        assert!(accepted.headers().contains_key("retry-after"));
        assert_eq!(stand.arm_get(&token, &place).await.status(), 202);
        assert_eq!(stand.arm_get(&stand.arm_token("alice").await, &place).await.status(), 404);
        let done: Value = stand.arm_get(&token, &place).await.json().await.unwrap();
        // One of the two says "Complete" where all others say "Completed", and has a second link.
        let status = told["status"].as_str().unwrap();
        assert_eq!((&done["status"], members(&done)), (&told["status"], members(told)), "{done}");
        assert_eq!(members(&done["properties"]), members(&told["properties"]), "{done}");
        assert!(done["properties"]["validUntil"].as_str().unwrap().ends_with('Z'), "{done}");
        let link = done["properties"]["reportUrl"].as_str().unwrap();
        let file = stand.http.get(link).send().await.unwrap().text().await.unwrap();
        assert!(file.starts_with(head), "{file}");
        let lines = file.lines().count() - 1;
        assert!(
            if status == "Complete" { lines == expected } else { lines > expected },
            "{lines}, {expected}"
        );
    }
    let path =
        format!("{PROFILE}/providers/Microsoft.CostManagement/generateBenefitUtilizationSummariesReport");
    let wrong = json!({"kind": "Other", "startDate": "2026-10-01", "endDate": "2026-10-31"});
    let refused = stand.arm_post(&token, &format!("{path}?api-version=2025-03-01"), &wrong).await;
    assert_eq!(refused.status(), 400);
}

/// The segment of an address that says whose results it leads to.
fn results(place: &str) -> Option<&str> {
    place.split('/').find(|segment| segment.ends_with("OperationResults"))
}

/// The specification has the kind, and no example of it.
#[tokio::test]
async fn included_quantities_are_benefits_with_a_figure_of_another_name() {
    let stand = Stand::start().await;
    let daily = format!("&filter={IN_OCTOBER}&grainParameter=Daily");
    let plans = listed(&stand, ENROLMENT, UTILIZATION, &daily).await;
    stand.emulator.faults().update(|faults| faults.included_quantities = true);
    let all = listed(&stand, ENROLMENT, UTILIZATION, &daily).await;
    let (included, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one["kind"] == "IncludedQuantity");
    assert_eq!(others, plans, "they stand beside the plans");
    let rows = stand.emulator.raw_rows(ENROLMENT, OCTOBER.0..=OCTOBER.1, false).unwrap();
    let free = rows.iter().filter(|row| row["meter"] == "Standard Data Transfer In");
    let mut used: BTreeMap<String, f64> = BTreeMap::new();
    for row in free {
        *used.entry(row["date"].as_str().unwrap().to_owned()).or_default() += figure(row, "quantity");
    }
    let largest = used.values().copied().fold(0.0, f64::max);
    assert!(largest > 0.0 && included.len() == used.len(), "{} of {}", included.len(), used.len());
    for one in &included {
        let properties = &one["properties"];
        assert_eq!(
            members(properties),
            [
                "armSkuName",
                "benefitId",
                "benefitOrderId",
                "benefitType",
                "usageDate",
                "utilizationPercentage"
            ]
        );
        let day = &properties["usageDate"].as_str().unwrap()[..10];
        near(&properties["utilizationPercentage"], 100.0 * used[day] / largest);
    }
    let monthly = format!("&filter={IN_OCTOBER}&grainParameter=Monthly");
    assert_eq!(listed(&stand, ENROLMENT, UTILIZATION, &monthly).await.len(), 2);
    // Who asks for one benefit gets that.
    let own = plans[0]["properties"]["benefitId"].as_str().unwrap();
    let one = format!("{daily}%20and%20properties/benefitId%20eq%20'{own}'");
    let one = one.replace("&grainParameter=Daily", "");
    assert_eq!(listed(&stand, ENROLMENT, UTILIZATION, &one).await.len(), plans.len());
}

#[tokio::test]
async fn a_recommendation_comes_of_what_was_paid_on_demand() {
    let stand = Stand::start().await;
    let vector = example(include_str!("../data/2026-06-01.BenefitRecommendationsByBillingAccount.json"));
    let lab = subscription(LAB_SUBSCRIPTION);
    let all = "&$filter=properties/lookBackPeriod%20eq%20'Last7Days'%20AND%20properties/term%20eq%20'P1Y'\
               &$expand=properties/usage,properties/allRecommendationDetails";
    for scope in [ENROLMENT, PROFILE, lab.as_str(), &subscription(RETAIL_SUBSCRIPTION)] {
        let found = listed(&stand, scope, RECOMMENDATIONS, all).await;
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!((members(one), &one["kind"]), (members(&vector), &vector["kind"]));
        let properties = &one["properties"];
        assert_eq!(members(properties), members(&vector["properties"]));
        // The last days of which everything is known.
        let rows = stand.emulator.raw_rows(scope, date(2026, 11, 12)..=date(2026, 11, 18), true).unwrap();
        let counts = |row: &&Value| {
            row["pricingModel"] == "OnDemand"
                && row["serviceFamily"] == "Compute"
                && row["chargeType"] == "Usage"
        };
        let expected: f64 = rows.iter().filter(counts).map(|row| figure(row, "cost")).sum();
        near(&properties["costWithoutBenefit"], expected);
        assert_eq!(properties["usage"]["charges"].as_array().unwrap().len(), 7 * 24);
        let levels = properties["allRecommendationDetails"]["value"].as_array().unwrap();
        assert!(levels.len() <= 10 && levels.contains(&properties["recommendationDetails"]), "{levels:?}");
        for level in levels {
            assert_eq!(members(level), members(&vector["properties"]["recommendationDetails"]));
            let of = |name: &str| level[name].as_f64().unwrap();
            near(&level["totalCost"], of("benefitCost") + of("overageCost"));
            near(
                &level["savingsAmount"],
                properties["costWithoutBenefit"].as_f64().unwrap() - of("totalCost"),
            );
        }
        let plain = &listed(&stand, scope, RECOMMENDATIONS, "").await[0]["properties"];
        assert_eq!((&plain["lookBackPeriod"], &plain["term"]), (&"Last60Days".into(), &"P3Y".into()));
        assert!(plain.get("usage").is_none() && plain.get("allRecommendationDetails").is_none());
    }
}

#[tokio::test]
async fn what_is_left_of_a_commitment_is_what_was_not_charged() {
    let stand = Stand::start().await;
    let vector =
        example(include_str!("../data/2024-08-01.consumption.LotsListByBillingAccount-Primary.json"));
    let macc = "&$filter=source%20eq%20'ConsumptionCommitment'";
    for (scope, parameters, source, currency) in [
        (ENROLMENT, macc, "ConsumptionCommitment", "CHF"),
        (ACCOUNT, macc, "ConsumptionCommitment", "EUR"),
        (PROFILE, "", "PromotionalCredit", "EUR"),
    ] {
        let lots = listed(&stand, scope, LOTS, parameters).await;
        let [lot] = &lots[..] else { panic!("{lots:?}") };
        let properties = &lot["properties"];
        assert_eq!((&properties["source"], &properties["status"]), (&source.into(), &"Active".into()));
        if source == "ConsumptionCommitment" {
            assert_eq!(members(properties), members(&vector["properties"]));
            assert_eq!(properties["OrganizationType"], "Primary");
        }
        let rows = stand.emulator.raw_rows(scope, date(2026, 7, 1)..=date(2026, 10, 31), false).unwrap();
        let counts = |row: &&Value| row["currency"] == currency && row["publisherType"] == "Azure";
        let taken: f64 = rows.iter().filter(counts).map(|row| figure(row, "cost")).sum();
        let amount = |name: &str| properties[name]["value"].as_f64().unwrap();
        near(&properties["closedBalance"]["value"], amount("originalAmount") - taken);
        let events = listed(&stand, scope, EVENTS, "&startDate=2026-10-01&endDate=2026-11-30").await;
        let kinds: Vec<_> =
            events.iter().map(|one| one["properties"]["eventType"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["SettledCharges", "PendingCharges"]);
        near(&events[0]["properties"]["closedBalance"]["value"], amount("closedBalance"));
    }
    assert!(listed(&stand, ENROLMENT, LOTS, "&$filter=status%20eq%20'Expired'").await.is_empty());
}

#[tokio::test]
async fn long_lists_come_in_pages_and_the_older_provider_throttles_in_its_own_words() {
    let quotas = Quotas { consumption_per_minute: Some(2), ..Quotas::default() };
    let today = Some(date(2026, 11, 20));
    let stand = Stand::with(Config { today, quotas, max_page_rows: 20, ..Config::default() }).await;
    let token = stand.arm_token("frank").await;
    let mut path =
        format!("{ENROLMENT}/providers/{SUMMARIES}?api-version=2024-08-01&grain=daily&$filter={IN_OCTOBER}");
    let mut found = 0;
    for expected in [20, 11] {
        let body: Value = stand.arm_get(&token, &path).await.json().await.unwrap();
        assert_eq!(body["value"].as_array().unwrap().len(), expected);
        found += expected;
        path = body["nextLink"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((found, path.as_str()), (31, ""));
    let path = format!("{ENROLMENT}/providers/{LOTS}?api-version=2024-08-01");
    let refused = stand.arm_get(&token, &path).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("x-ms-ratelimit-microsoft.consumption-retry-after"));
}

#[tokio::test]
async fn where_the_unused_part_is_charged_is_a_switch() {
    let today = Some(date(2026, 11, 20));
    for above in [false, true] {
        let stand = Stand::with(Config { today, unused_at_billing_scopes: above, ..Config::default() }).await;
        let unused = |scope: &str| {
            let rows = stand.emulator.raw_rows(scope, OCTOBER.0..=OCTOBER.1, true).unwrap();
            rows.iter().any(|row| row["chargeType"].as_str().unwrap().starts_with("Unused"))
        };
        assert_eq!(unused(&subscription(FACTORY_SUBSCRIPTION)), !above);
        assert!(unused(ENROLMENT) && !unused(&subscription(DEV_SUBSCRIPTION)));
    }
}
