//! The arguments of `cost_export`: an order, or the id of one.

use cost::{Format, Metric, folded, nearest, quoted};
use serde_json::{Map, Value};

use super::{Asked, QueryInput, When};
use crate::mcp::tools::ask::arguments::Arguments;
use crate::mcp::tools::ask::fields::{
    COLUMNS, EXPORT_ID, FORMAT, FROM, Field, METRIC, PERIOD, SCOPE, SPREADSHEET_SAFE, TO,
};
use crate::mcp::tools::ask::words;

/// What `cost_export` is asked.
pub(in crate::mcp) enum ExportInput {
    /// To begin.
    Order(ExportOrder),
    /// How far it is, by its id.
    Of(String),
}

/// An export that is to be begun.
pub(in crate::mcp) struct ExportOrder {
    /// The scope as it is written.
    pub(in crate::mcp::tools) scope: String,
    pub(in crate::mcp::tools) when: When,
    pub(in crate::mcp::tools) metric: Metric,
    pub(in crate::mcp::tools) format: Format,
    pub(in crate::mcp::tools) columns: Option<Vec<String>>,
    pub(in crate::mcp::tools) spreadsheet_safe: bool,
}

impl Asked for ExportInput {
    const NAME: &'static str = "CostExport";
    const FIELDS: &'static [Field] =
        &[SCOPE, PERIOD, FROM, TO, METRIC, FORMAT, COLUMNS, SPREADSHEET_SAFE, EXPORT_ID];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, _given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        // Who asks how far it is may repeat what was asked for: the id says it all.
        if let Some(id) = a.text("export_id")? {
            return Ok(Self::Of(id.trim().to_owned()));
        }
        let scope = a.text("scope")?.ok_or(
            "'scope' is missing: the id or name of a subscription, as list_subscriptions gives them; or give the 'export_id' of \
             an export that was begun",
        )?;
        let columns = a.word_list("columns")?;
        Ok(Self::Order(ExportOrder {
            scope,
            when: When::read(a)?,
            metric: words::metric(a.text("metric")?.as_deref())?,
            format: format(a.text("format")?.as_deref())?,
            columns: (!columns.is_empty()).then_some(columns),
            spreadsheet_safe: a.truth("spreadsheet_safe")?,
        }))
    }
}

/// A format by its name, however it is written: `CSV.GZ`, `focus`, `Parquet`.
fn format(word: Option<&str>) -> Result<Format, String> {
    const SYNONYMS: &[(&str, Format)] = &[
        ("gz", Format::CsvGz),
        ("gzip", Format::CsvGz),
        ("csvgzip", Format::CsvGz),
        ("ndjson", Format::Jsonl),
        ("jsonlines", Format::Jsonl),
        ("json", Format::Jsonl),
        ("focus", Format::FocusCsv),
        ("csvfocus", Format::FocusCsv),
        ("parquetfocus", Format::FocusParquet),
    ];
    let Some(word) = word else { return Ok(Format::Csv) };
    let asked: String = folded(word).chars().filter(|character| character.is_alphanumeric()).collect();
    let by_name = Format::ALL.into_iter().find(|format| format.name().replace('.', "") == asked);
    let synonym = || SYNONYMS.iter().find(|(also, _)| *also == asked).map(|(_, format)| *format);
    by_name.or_else(synonym).ok_or_else(|| {
        let names = Format::ALL.iter().map(|format| format.name());
        format!(
            "'{word:.40}' is no format; the nearest are {}",
            quoted(nearest(word, names, Format::ALL.len()))
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(arguments: Value) -> Result<ExportInput, String> {
        serde_json::from_value(arguments).map_err(|error| error.to_string())
    }

    fn order(arguments: Value) -> ExportOrder {
        match read(arguments) {
            Ok(ExportInput::Order(order)) => order,
            _ => panic!("no order"),
        }
    }

    #[test]
    fn a_scope_is_enough() {
        for name in ["scope", "subscription", "Subscription_Id", "scopes"] {
            let order = order(json!({name: "Contoso Dev"}));
            assert_eq!(
                (order.scope.as_str(), order.format, order.metric),
                ("Contoso Dev", Format::Csv, Metric::Actual)
            );
            assert!(order.columns.is_none() && !order.spreadsheet_safe && !order.when.is_given());
        }
        assert_eq!(order(json!({"scopes": ["Contoso Dev"]})).scope, "Contoso Dev");
    }

    #[test]
    fn formats_are_understood_as_they_are_written() {
        for (word, format) in [
            ("csv", Format::Csv),
            ("CSV.GZ", Format::CsvGz),
            ("csv_gz", Format::CsvGz),
            ("NDJSON", Format::Jsonl),
            ("Parquet", Format::Parquet),
            ("focus", Format::FocusCsv),
            ("focus-parquet", Format::FocusParquet),
        ] {
            assert_eq!(order(json!({"scope": "x", "format": word})).format, format, "{word}");
        }
        let said = read(json!({"scope": "x", "format": "xlsx"})).err().unwrap();
        assert!(said.contains("'xlsx' is no format") && said.contains("'focus.parquet'"), "{said}");
    }

    #[test]
    fn an_id_says_it_all_and_nothing_says_what_is_missing() {
        for arguments in
            [json!({"export_id": " ab-1 "}), json!({"id": "ab-1", "scope": "x", "format": "csv"})]
        {
            assert!(matches!(read(arguments), Ok(ExportInput::Of(id)) if id == "ab-1"));
        }
        let said = read(json!({})).err().unwrap();
        assert!(said.contains("'scope' is missing") && said.contains("'export_id'"), "{said}");
        let two = read(json!({"scopes": ["a", "b"]})).err().unwrap();
        assert!(two.contains("'scope' is one text, not 2"), "{two}");
    }

    #[test]
    fn columns_may_be_one_text() {
        let columns = |value: Value| order(json!({"scope": "x", "columns": value})).columns.unwrap();
        assert_eq!(columns(json!("date, costInBillingCurrency")), ["date", "costInBillingCurrency"]);
        assert_eq!(columns(json!(["date", "tags"])), ["date", "tags"]);
        assert!(order(json!({"scope": "x", "spreadsheet_safe": "yes"})).spreadsheet_safe);
    }
}
