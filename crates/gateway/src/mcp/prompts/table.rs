//! The prompts there are. A further call is one line; whether it takes the arguments, and whether the tool is there, a test looks.

use super::{Argument, Kind, Prompt, Step, Units};

const SCOPE: Argument = Argument {
    name: "scope",
    kind: Kind::Scope,
    description: "A subscription's name or id, a resource group, a management group or a billing scope. Left out: all your subscriptions.",
    otherwise: "",
    is_required: false,
};

const fn period(otherwise: &'static str, description: &'static str) -> Argument {
    Argument { name: "period", kind: Kind::Period, description, otherwise, is_required: false }
}

const TAG: Argument = Argument {
    name: "tag",
    kind: Kind::TagKey,
    description: "The key of the tag that says who pays, such as team or cost-centre.",
    otherwise: "",
    is_required: true,
};

const fn query(arguments: &'static str, why: &'static str) -> Step {
    Step { tool: "cost_query", arguments, why, units: Units::Planned, is_extra: false }
}

const fn compare(arguments: &'static str, why: &'static str) -> Step {
    Step { tool: "cost_compare", arguments, why, units: Units::Planned, is_extra: false }
}

const fn needed(tool: &'static str, units: Units, arguments: &'static str, why: &'static str) -> Step {
    Step { tool, arguments, why, units, is_extra: false }
}

const fn extra(tool: &'static str, units: Units, arguments: &'static str, why: &'static str) -> Step {
    Step { tool, arguments, why, units, is_extra: true }
}

pub(super) const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "monthly_review",
        title: "Monthly review",
        description: "What a month cost, why it cost more or less than the one before, and what to look at.",
        arguments: &[
            SCOPE,
            period("last_month", "The month, such as 2026-10. Left out: the last whole one."),
        ],
        steps: &[
            query(
                r#"{"scopes": ["{scope}"], "period": "{period}", "granularity": "daily", "group_by": ["ServiceName"], "top": 10}"#,
                "What it cost, by service and day.",
            ),
            compare(
                r#"{"scopes": ["{scope}"], "period": "{period}", "group_by": "ServiceName", "top": 10}"#,
                "What changed against the month before, and what drove it.",
            ),
            extra(
                "cost_anomalies",
                Units::AtMost(8),
                r#"{"scopes": ["{scope}"], "days": 60}"#,
                "What was out of the ordinary.",
            ),
            extra("list_budgets", Units::AtMost(0), r#"{"scopes": ["{scope}"]}"#, "How the budgets stand."),
            extra(
                "cost_commitments",
                Units::ByPeriod(2),
                r#"{"scopes": ["{scope}"], "period": "{period}"}"#,
                "How far commitments were used.",
            ),
        ],
        then: "Write a review of at most one page: the sum of each currency and its change; the three largest drivers, each with what is \
               usage and what is price; what stands out by day; what to do next, by whom. Name what an answer leaves out or calls \
               incomplete.",
    },
    Prompt {
        name: "spike_investigation",
        title: "Why did it spike?",
        description: "Finds the days on which costs rose, and what caused it: service, resource, usage or price.",
        arguments: &[
            SCOPE,
            period("last_30_days", "Where to look, such as last_30_days. Left out: the last 30 days."),
        ],
        steps: &[
            extra(
                "cost_anomalies",
                Units::AtMost(6),
                r#"{"scopes": ["{scope}"], "days": 30}"#,
                "What was out of the ordinary, with its causes.",
            ),
            query(
                r#"{"scopes": ["{scope}"], "period": "{period}", "metric": "amortized", "granularity": "daily", "group_by": ["ServiceName"], "top": 10}"#,
                "Which service rose, and on which day.",
            ),
            compare(
                r#"{"scopes": ["{scope}"], "period": "{period}", "group_by": "ServiceName", "top": 5}"#,
                "What drove the change against as many days before. Where the days of the rise are known, ask for those alone with from and to.",
            ),
            compare(
                r#"{"scopes": ["{scope}"], "period": "{period}", "group_by": "ResourceGroupName", "top": 5}"#,
                "Where it is. For the resources themselves ask again by ResourceId, of one subscription, with \"filter\": {\"ServiceName\": [the service of the largest driver]}.",
            ),
        ],
        then: "Say on which days costs rose and by how much, which resource on which meter did it, whether more was used or it was dearer, and \
               whether it goes on. Days that are not complete yet are no drop. Where the figures do not tell the cause, say so.",
    },
    Prompt {
        name: "chargeback_by_tag",
        title: "Charge back by tag",
        description: "Who pays how much by the values of a tag, what nobody is charged for, and where that comes from.",
        arguments: &[
            TAG,
            SCOPE,
            period("last_month", "The month, such as 2026-10. Left out: the last whole one."),
        ],
        steps: &[
            query(
                r#"{"scopes": ["{scope}"], "period": "{period}", "metric": "amortized", "group_by": ["tag:{tag}"], "top": 100}"#,
                "What each value of the tag cost, commitments spread over their term; (untagged) is what has none.",
            ),
            query(
                r#"{"scopes": ["{scope}"], "period": "{period}", "metric": "amortized", "group_by": ["tag:{tag}", "ServiceName"], "top": 50}"#,
                "What that is made of.",
            ),
            query(
                r#"{"scopes": ["{scope}"], "period": "{period}", "metric": "amortized", "filter": {"tag:{tag}": [""]}, "group_by": ["ResourceGroupName"], "top": 20}"#,
                "Where the untagged costs are.",
            ),
        ],
        then: "Give a table for each currency: value of the tag, cost, share. Spelling that differs in case is one value. State the untagged part \
               with its share and the resource groups to tag first; do not spread it over the others unless you are asked to.",
    },
    Prompt {
        name: "budget_check",
        title: "Will we hold the budget?",
        description: "How each budget stands, what is left per day, and whether it will hold.",
        arguments: &[SCOPE],
        steps: &[
            needed(
                "list_budgets",
                Units::AtMost(12),
                r#"{"scopes": ["{scope}"], "live": true}"#,
                "Each budget with what is spent, by Azure and now.",
            ),
            extra(
                "cost_forecast",
                Units::AtMost(4),
                r#"{"scopes": ["{scope}"], "period": "this_month"}"#,
                "What the month will come to, with its range.",
            ),
        ],
        then: "Say of each budget, by its id where names are equal: amount, spent, what may be spent a day, on which day it is used up, and which \
               thresholds were crossed. Tell Azure's last evaluation from fresh figures by their age. Where a range of the forecast holds \
               the budget's amount, say that it is open.",
    },
    Prompt {
        name: "commitment_check",
        title: "Are the commitments used?",
        description: "Coverage, use and waste of reservations and savings plans.",
        arguments: &[
            SCOPE,
            period("last_month", "The month, such as 2026-10. Left out: the last whole one."),
        ],
        steps: &[needed(
            "cost_commitments",
            Units::ByPeriod(2),
            r#"{"scopes": ["{scope}"], "period": "{period}"}"#,
            "Coverage, use, what was paid and not used, by kind.",
        )],
        then: "Say for each currency how much of what can be covered is covered, how much of what was bought was used, and what the rest cost. \
               Name the commitments that expire or are little used. Where a role is missing, say which, and what it would show.",
    },
];
