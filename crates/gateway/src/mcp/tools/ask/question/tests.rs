use jiff::civil::date;
use serde_json::json;

use super::*;

const TODAY: Date = date(2026, 11, 27);

fn read(arguments: &Value) -> Result<QueryInput, String> {
    serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())
}

/// What is understood, in one line.
fn understood(arguments: &Value) -> String {
    let input = read(arguments).unwrap_or_else(|said| panic!("{arguments}: {said}"));
    let days = input.when.days(TODAY).unwrap_or_else(|failure| panic!("{arguments}: {}", failure.code()));
    let by: Vec<_> = input.group_by.iter().map(dimension::title).collect();
    let conditions = |all: &[Condition]| {
        all.iter()
            .map(|one| format!("{}={}", dimension::title(&one.by), one.values.join("|")))
            .collect::<Vec<_>>()
            .join("&")
    };
    let measures =
        [(input.measures.quantity, "q"), (input.measures.unit_price, "p"), (input.measures.usd, "$")];
    let measures: String = measures.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
    format!(
        "{} {} {:?} [{}] {} !{} {} {measures} {}",
        input.scopes.join(","),
        days.period,
        input.granularity,
        by.join(","),
        conditions(&input.filter),
        conditions(&input.exclude),
        words::metric_word(input.metric),
        input.top
    )
}

/// Forty ways to miss the form that are understood.
#[test]
fn near_misses_are_accepted() {
    let plain = understood(&json!({}));
    assert_eq!(plain, " 2026-11-01 to 2026-11-27 None []  ! actual  20");
    for (members, same) in [
        (
            json!([{"scopes": null, "period": null, "top": null, "filter": null}, {"period": "mtd"}, {"period": "MTD"}, {"period": "this month"}, {"period": ["month_to_date"]}, {"Period": "thisMonth"}, {"granularity": "None"}, {"group_by": []}, {"group_by": "none"}, {"metric": "ActualCost"}, {"measures": "cost"}, {"top": "20"}, {"top": 20.0}, {"limit": 20}, {"filter": {}}, {"filter": "{}"}, {"exclude": []}, {"skip": "0"}]),
            json!({}),
        ),
        (
            json!([{"scope": "Contoso Prod"}, {"subscription": ["Contoso Prod"]}, {"scopes": "[\"Contoso Prod\"]"}, {"Scopes": "Contoso Prod"}]),
            json!({"scopes": ["Contoso Prod"]}),
        ),
        (
            json!([{"period": "october"}, {"period": "Oct 2026"}, {"period": "2026/10"}, {"timeframe": "LastMonth"}, {"from": "2026-10-01T00:00:00Z", "to": "2026-10-31T23:59:59Z"}, {"start_date": "2026-10-01", "end_date": "2026-10-31"}, {"period": "custom", "from": "2026-10", "to": "2026-10"}, {"period": {"from": "2026-10-01", "to": "2026-10-31"}}, {"period": "2026-10-01 to 2026-10-31"}]),
            json!({"period": "last_month"}),
        ),
        (
            json!([{"group_by": "service"}, {"groupBy": ["Service"]}, {"group_by": "[\"SERVICENAME\"]"}, {"grouping": "services"}]),
            json!({"group_by": ["ServiceName"]}),
        ),
        (
            json!([{"group_by": "service, region"}, {"group_by": ["service", "location"]}]),
            json!({"group_by": ["ServiceName", "ResourceLocation"]}),
        ),
        (
            json!([{"filter": "{\"service\": \"Storage\"}"}, {"filters": [{"service": ["Storage"]}]}, {"where": "service = Storage"}]),
            json!({"filter": {"ServiceName": ["Storage"]}}),
        ),
        (
            json!([{"measures": "quantity, unit price"}, {"measures": ["UnitPrice"]}]),
            json!({"measures": ["cost", "quantity", "unit_price"]}),
        ),
        (json!([{"granularity": "Day"}, {"interval": "daily"}]), json!({"granularity": "daily"})),
    ] {
        for near in members.as_array().unwrap() {
            assert_eq!(understood(near), understood(&same), "{near}");
        }
    }
}

/// Forty arguments that are wrong, each answered with what is right.
#[test]
fn wrong_arguments_are_corrected_in_words() {
    for (arguments, expected) in [
        (json!({"scops": []}), "no 'scops'; the nearest are 'scopes'"),
        (json!({"perod": "x"}), "the nearest are 'period'"),
        (json!({"granlarity": "daily"}), "the nearest are 'granularity'"),
        (json!({"sort": "desc"}), "there is no 'sort'"),
        (json!({"metrc": "actual"}), "the nearest are 'metric'"),
        (json!({"skipgroup": 1}), "the nearest are 'skip_groups'"),
        (json!({"currency": "EUR"}), "there is no 'currency'"),
        (json!({"scopes": ["a"], "scope": ["b"]}), "'scopes' is given twice"),
        (json!({"scopes": [["a"]]}), "'scopes' is a list of texts"),
        (json!({"scopes": {"id": "x"}}), "'scopes' is a list of texts"),
        (json!({"scopes": vec!["x"; 21]}), "'scopes' has 21 entries and may have 20"),
        (json!({"period": ["last_month", "2026"]}), "'period' is one text, not 2"),
        (json!({"period": "last_month", "from": "2026-10-01"}), "either 'period' or 'from' and 'to'"),
        (json!({"period": {"from": "2026-10-01"}}), "'period' as an object has 'from' and 'to'"),
        (json!({"period": {"begin": "2026-10-01"}}), "there is no 'begin'"),
        (json!({"granularity": "weekly"}), "'granularity' is not 'weekly'; it is one of"),
        (json!({"granularity": "hourly"}), "'granularity' is not 'hourly'; it is one of"),
        (json!({"granularity": "mnthly"}), "one of 'monthly', "),
        (json!({"group_by": ["service", "region", "meter"]}), "'group_by' has 3 entries and may have 2"),
        (json!({"group_by": ["service", "ServiceName"]}), "'group_by' names ServiceName twice"),
        (json!({"group_by": ["tag:Env", "tag:env"]}), "'group_by' names tag:Env twice"),
        (json!({"group_by": "servce"}), "no dimension 'servce'; the nearest are 'ServiceName'"),
        (json!({"group_by": "day"}), "\"granularity\": \"daily\""),
        (json!({"group_by": "tag"}), "tag:KEY"),
        (json!({"group_by": ["tag:"]}), "list_dimensions lists the keys"),
        (json!({"group_by": 7}), "no dimension '7'"),
        (json!({"filter": "Storage"}), "'filter' is an object of lists"),
        (json!({"filter": {"service": []}}), "has no values"),
        (json!({"filter": {"regon": ["westeurope"]}}), "in 'filter', there is no dimension 'regon'"),
        (json!({"filter": {"service": {"not": "x"}}}), "the values of 'service' are texts"),
        (
            json!({"exclude": {"metr": ["x"]}}),
            "in 'exclude', there is no dimension 'metr'; the nearest are 'Meter'",
        ),
        (json!({"exclude": 3}), "'exclude' is an object of lists"),
        (json!({"metric": "net"}), "'metric' is not 'net'; it is one of"),
        (json!({"metric": "amortzed"}), "one of 'amortized', 'actual'"),
        (json!({"measures": ["cost", "qty"]}), "'measures' is not 'qty'; it is one of"),
        (json!({"measures": "unit_prise"}), "one of 'unit_price'"),
        (json!({"top": 0}), "'top' is a whole number from 1 to 100, not '0'"),
        (json!({"top": 101}), "not '101'"),
        (json!({"top": "many"}), "not 'many'"),
        (json!({"top": -1}), "not '-1'"),
        (json!({"top": 2.5}), "not '2.5'"),
        (json!({"skip": [1]}), "'skip' is a whole number"),
    ] {
        let said = read(&arguments).err().unwrap_or_else(|| panic!("{arguments} is accepted"));
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}

#[test]
fn a_wrong_day_is_corrected_in_words() {
    for (arguments, expected) in [
        (json!({"from": "2026-02-30"}), "is not a day; write it as 2026-11-01"),
        (json!({"to": "tomorow"}), "'tomorow"),
        (json!({"period": "last_mnth"}), "'last_mnth' is no period; the nearest are 'last_month'"),
        (json!({"period": "2027"}), "in the future: today is 2026-11-27"),
        (json!({"from": "2026-12-01"}), "in the future"),
        (json!({"from": "2026-10-09", "to": "2026-10-01"}), "ends before that, on 2026-10-01"),
        (json!({"period": "2020"}), "the earliest day Azure answers here is 2023-10-27"),
    ] {
        let input = read(&arguments).unwrap();
        let Err(Failure::Tool(error)) = input.when.days(TODAY) else { panic!("{arguments} is accepted") };
        let said = error.into_result().content[0].as_text().unwrap().text.clone();
        assert!(
            said.starts_with("invalid_period: ") && said.replace(['`', '\\'], "'").contains(expected),
            "{said}"
        );
    }
}

#[test]
fn a_forecast_is_asked_for_by_a_word_or_a_last_day() {
    let read = |arguments: &Value| -> Result<String, String> {
        let input: ForecastInput =
            serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())?;
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        let horizon = input.horizon(now).map_err(|failure| match failure {
            Failure::Tool(error) => error.detail().to_owned(),
            other => other.code().into_owned(),
        })?;
        Ok(format!("{} {} {:?} {:?}", horizon.from(), horizon.to(), horizon.by(), input.metric))
    };
    for (arguments, expected) in [
        (json!({}), "2026-11-01 2026-11-30 Daily Actual"),
        (json!({"period": null, "metric": "AmortizedCost"}), "2026-11-01 2026-11-30 Daily Amortized"),
        (json!({"when": "next month"}), "2026-12-01 2026-12-31 Daily Actual"),
        (json!({"period": "this_quarter"}), "2026-10-01 2026-12-31 Monthly Actual"),
        (json!({"period": "this_quarter", "grain": "day"}), "2026-10-01 2026-12-31 Daily Actual"),
        (json!({"period": {"from": "2026-11-20", "to": "2026-12-05"}}), "2026-11-20 2026-12-05 Daily Actual"),
        (json!({"end_date": "2026-12-05T00:00:00Z"}), "2026-11-01 2026-12-05 Monthly Actual"),
    ] {
        assert_eq!(read(&arguments).as_deref(), Ok(expected), "{arguments}");
    }
    for (arguments, expected) in [
        (json!({"period": "this_month", "to": "2026-12-01"}), "either 'period' or 'to'"),
        (json!({"to": "2026-11-26"}), "cost_query tells what it cost"),
        (json!({"to": "soon"}), "is not a day"),
        (json!({"period": "last_month"}), "is over on 2026-10-31"),
        (json!({"group_by": "service"}), "there is no 'group_by'"),
    ] {
        let said = read(&arguments).unwrap_err();
        assert!(said.contains(expected), "{arguments}: {said}");
    }
}
