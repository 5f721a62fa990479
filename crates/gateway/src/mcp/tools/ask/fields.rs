//! The members of the tools' arguments: their names, what else they are called, and their schemas. The schemas show the plain
//! form; more is understood.

use cost::Format;
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

/// A member of a tool's arguments.
pub(in crate::mcp::tools) struct Field {
    pub(in crate::mcp::tools) name: &'static str,
    /// What assistants call it too.
    pub(super) also: &'static [&'static str],
    schema: fn() -> Value,
}

/// The schema of an object of these members; none of them must be given. Those that `known` has too are said to be as there.
pub(in crate::mcp::tools) fn object(fields: &[Field], known: Option<(&str, &[Field])>) -> Schema {
    let member = |field: &Field| {
        let mut schema = (field.schema)();
        if let Some((tool, known)) = known
            && known.iter().any(|known| known.name == field.name && (known.schema)() == schema)
        {
            schema["description"] = format!("As in {tool}.").into();
        }
        (field.name.to_owned(), schema)
    };
    let members: Map<String, Value> = fields.iter().map(member).collect();
    json_schema!({"type": "object", "properties": members, "additionalProperties": false})
}

fn texts(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn one_of(words: &[&str], description: &str) -> Value {
    json!({"type": "string", "enum": words, "description": description})
}

fn number(least: usize, most: usize, description: &str) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most, "description": description})
}

fn conditions(description: &str) -> Value {
    json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}, "description": description})
}

/// The most scopes of one question.
pub(in crate::mcp::tools) const MOST_SCOPES: usize = 20;
/// The most days that are judged, and how many are where nobody says.
pub(in crate::mcp::tools) const MOST_JUDGED: usize = 60;
pub(super) const JUDGED: usize = 30;
/// The most groups of each currency.
pub(in crate::mcp::tools) const MOST_TOP: usize = 100;
/// How many groups of each currency there are, where nobody says.
pub(in crate::mcp::tools) const TOP: usize = 20;
/// The most that can be skipped: more than any answer has.
pub(super) const MOST_SKIP: usize = 10_000_000;

pub(in crate::mcp::tools) const SCOPES: Field = Field {
    name: "scopes",
    also: &["scope", "subscription", "subscriptions", "subscription_id", "subscription_ids"],
    schema: || {
        let mut schema = texts(
            "1 to 20 of: a subscription's id or name, /subscriptions/ID/resourceGroups/NAME, the path of a management group or \
             billing scope. Left out: all enabled subscriptions you see, up to 20.",
        );
        schema["maxItems"] = json!(MOST_SCOPES);
        schema
    },
};

pub(in crate::mcp::tools) const SCOPE: Field = Field {
    name: "scope",
    also: &["scopes", "subscription", "subscriptions", "subscription_id"],
    schema: || {
        text(
            "One of: a subscription's id or name, /subscriptions/ID/resourceGroups/NAME, the path of an enrolment or billing profile.",
        )
    },
};

pub(in crate::mcp::tools) const FORMAT: Field = Field {
    name: "format",
    also: &["file_format", "output", "output_format", "file_type"],
    schema: || {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        one_of(&names, "Default csv: Azure's file as it is. focus: FOCUS 1.2.")
    },
};

pub(in crate::mcp::tools) const COLUMNS: Field = Field {
    name: "columns",
    also: &["column", "fields", "select"],
    schema: || texts("Only these of the file's columns."),
};

pub(in crate::mcp::tools) const SPREADSHEET_SAFE: Field = Field {
    name: "spreadsheet_safe",
    also: &["excel_safe", "escape_formulas", "safe"],
    schema: || json!({"type": "boolean", "description": "Of csv: cells that a spreadsheet would run as a formula get an apostrophe. Default false."}),
};

pub(in crate::mcp::tools) const EXPORT_ID: Field = Field {
    name: "export_id",
    also: &["id", "export"],
    schema: || text("Of an export that was begun, and nothing else: how far it is, then the file."),
};

const PERIODS: &[&str] =
    &["time_period", "timeframe", "time_frame", "time_range", "date_range", "when", "month"];

pub(in crate::mcp::tools) const PERIOD: Field = Field {
    name: "period",
    also: PERIODS,
    schema: || {
        text(
            "month_to_date (default), last_month, last_7_days, last_30_days, last_3_months, year_to_date, 2026-10, 2026-Q3 or \
             2026; an open one ends today. Or from and to.",
        )
    },
};

pub(in crate::mcp::tools) const COMMITTED_PERIOD: Field = Field {
    name: "period",
    also: PERIODS,
    schema: || text("As in cost_query. Default: the last 30 complete days."),
};

pub(in crate::mcp::tools) const FROM: Field = Field {
    name: "from",
    also: &["start", "start_date", "from_date", "since"],
    schema: || text("First day (UTC), as 2026-10-01, instead of period."),
};

pub(in crate::mcp::tools) const TO: Field = Field {
    name: "to",
    also: &["end", "end_date", "to_date", "until"],
    schema: || text("Last day, included. Left out: today."),
};

pub(in crate::mcp::tools) const AHEAD: Field = Field {
    name: "period",
    also: PERIOD.also,
    schema: || {
        text("this_month (default), next_month, this_quarter, next_quarter, this_year, 2026-12. Or to.")
    },
};

pub(in crate::mcp::tools) const AHEAD_TO: Field = Field {
    name: "to",
    also: &["end", "end_date", "to_date", "until"],
    schema: || text("Last day (UTC), at most a year ahead; from this month's first day."),
};

pub(in crate::mcp::tools) const AHEAD_GRANULARITY: Field = Field {
    name: "granularity",
    also: &["interval", "resolution", "grain"],
    schema: || one_of(&["daily", "monthly"], "Default: daily up to a month, else monthly."),
};

pub(in crate::mcp::tools) const BASELINE: Field = Field {
    name: "baseline",
    also: &["baseline_period", "compare_to", "compare_with", "before", "against", "previous"],
    schema: || {
        text(
            "The period before, as a word of period or FROM..TO. Left out: for a whole month, quarter or year the one before; for \
             an open one its complete days against as many first days of the one before; else as many days just before.",
        )
    },
};

pub(in crate::mcp::tools) const GRANULARITY: Field = Field {
    name: "granularity",
    also: &["interval", "resolution", "grain"],
    schema: || one_of(&["none", "daily", "monthly"], "Split in time. Default none."),
};

const GROUPS: &[&str] =
    &["group", "grouping", "groupings", "group_bys", "by", "dimensions", "split_by", "breakdown"];

pub(in crate::mcp::tools) const GROUP_BY: Field = Field {
    name: "group_by",
    also: GROUPS,
    schema: || {
        let mut schema = texts(
            "Up to 2 of Azure's dimensions (ServiceName, ResourceGroupName, ResourceLocation, ResourceId, Meter, SubscriptionId, \
             …; service, region and the like are understood) or tag:KEY. ResourceId: only at subscriptions and resource groups.",
        );
        schema["maxItems"] = json!(2);
        schema
    },
};

pub(in crate::mcp::tools) const COMPARE_BY: Field = Field {
    name: "group_by",
    also: GROUPS,
    schema: || text("What the drivers are: a dimension or tag:KEY, as in cost_query. Default ServiceName."),
};

pub(in crate::mcp::tools) const FILTER: Field = Field {
    name: "filter",
    also: &["filters", "include", "where", "only"],
    schema: || {
        conditions(
            "{dimension or tag:KEY: [values]}: all must hold, any value matches. \"\" is the value of what has none.",
        )
    },
};

pub(in crate::mcp::tools) const EXCLUDE: Field = Field {
    name: "exclude",
    also: &["excludes", "exclusions", "not", "without", "except"],
    schema: || conditions("The same form: what matches any entry is left out."),
};

pub(in crate::mcp::tools) const METRIC: Field = Field {
    name: "metric",
    also: &["cost_type", "type", "kind"],
    schema: || {
        one_of(
            &["actual", "amortized"],
            "actual (default): as invoiced. amortized: reservations and savings plans spread over their term.",
        )
    },
};

pub(in crate::mcp::tools) const AMORTIZED_FIRST: Field = Field {
    name: "metric",
    also: METRIC.also,
    schema: || one_of(&["amortized", "actual"], "Default amortized: what was bought is no spike."),
};

pub(in crate::mcp::tools) const DAYS: Field = Field {
    name: "days",
    also: &["last_days", "window", "window_days", "lookback", "lookback_days", "number_of_days"],
    schema: || number(1, MOST_JUDGED, "How many days are judged, up to the last complete one. Default 30."),
};

pub(in crate::mcp::tools) const SENSITIVITY: Field = Field {
    name: "sensitivity",
    also: &["level", "threshold"],
    schema: || one_of(&["low", "normal", "high"], "Default normal: one false event in ten months at most."),
};

pub(in crate::mcp::tools) const MEASURES: Field = Field {
    name: "measures",
    also: &["measure", "metrics", "columns", "values"],
    schema: || {
        json!({
            "type": "array",
            "items": {"type": "string", "enum": ["cost", "quantity", "unit_price", "usd"]},
            "description": "Beside cost. quantity and unit_price: of one meter, so group by Meter. usd: Microsoft's own conversion.",
        })
    },
};

pub(in crate::mcp::tools) const TOP_FIELD: Field = Field {
    name: "top",
    also: &["limit", "top_n", "n", "max", "count", "max_results"],
    schema: || {
        number(
            1,
            MOST_TOP,
            "How many groups of each currency, the largest first. Default 20. The rest is in other.",
        )
    },
};

pub(in crate::mcp::tools) const SKIP: Field = Field {
    name: "skip",
    also: &["offset"],
    schema: || number(0, MOST_SKIP, "Rows to leave out at the start: from more of the answer before."),
};

pub(in crate::mcp::tools) const SKIP_GROUPS: Field = Field {
    name: "skip_groups",
    also: &["group_offset"],
    schema: || number(0, MOST_SKIP, "Groups of each currency to leave out at the start: from more_groups."),
};

pub(in crate::mcp::tools) const DIMENSION: Field = Field {
    name: "dimension",
    also: &["dimensions", "name", "category", "group_by"],
    schema: || text("The dimension whose values are wanted. Left out: all dimensions and the tags' keys."),
};

pub(in crate::mcp::tools) const LIVE: Field = Field {
    name: "live",
    also: &["fresh", "live_spend", "with_live", "now", "current", "refresh"],
    schema: || {
        json!({
            "type": "boolean",
            "description": "Ask also what was spent by now, by each budget's filter: 1 query unit a budget and month, 12 at most. Default false.",
        })
    },
};

pub(in crate::mcp::tools) const SEARCH: Field = Field {
    name: "search",
    also: &["query", "contains", "q", "filter"],
    schema: || text("Only values (or dimensions and tag keys) that hold this."),
};
