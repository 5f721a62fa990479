//! Checkpoints as they come back: from the service's log, or from a collector that keeps the log records it was sent.

use serde_json::{Map, Value, json};
use telemetry::names::AUDIT_CHECKPOINT;

use super::Checkpoint;

/// The checkpoints of one line: of a JSON log, of a log in words, or of log records as JSON (OTLP, "JSON Protobuf Encoding").
pub(super) fn line(line: &str) -> Vec<Checkpoint> {
    if let Ok(checkpoint) = serde_json::from_str(line) {
        return vec![checkpoint];
    }
    if !line.contains(AUDIT_CHECKPOINT) {
        return Vec::new();
    }
    match serde_json::from_str::<Value>(line) {
        Ok(sent) => log_records(&sent).filter_map(of_log_record).collect(),
        Err(_) => of_words(line).into_iter().collect(),
    }
}

fn of_words(line: &str) -> Option<Checkpoint> {
    let word = |name: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::trim)
    };
    Some(Checkpoint {
        chain: word("chain")?.parse().ok()?,
        seq: word("seq")?.parse().ok()?,
        head: word("head")?.to_owned(),
        time: word("time")?.parse().ok()?,
        signature: word("signature").map(str::to_owned),
    })
}

fn log_records(sent: &Value) -> impl Iterator<Item = &Value> {
    members(sent, "resourceLogs")
        .flat_map(|resource| members(resource, "scopeLogs"))
        .flat_map(|scope| members(scope, "logRecords"))
}

fn members<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of[name].as_array().into_iter().flatten()
}

fn of_log_record(record: &Value) -> Option<Checkpoint> {
    let attribute = |pair: &Value| {
        let value = &pair["value"];
        // A number of 64 bits is a text there.
        let number = value["intValue"].as_str().and_then(|text| text.parse::<u64>().ok());
        let value =
            number.map_or_else(|| value.as_object()?.values().next().cloned(), |it| Some(json!(it)))?;
        Some((pair["key"].as_str()?.to_owned(), value))
    };
    let members: Map<_, _> = members(record, "attributes").filter_map(attribute).collect();
    serde_json::from_value(members.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_kept_is_read() {
        let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
        let record = |seq: Value| {
            json!({"body": {"stringValue": "audit checkpoint"}, "attributes": [
                attribute("chain", json!({"stringValue": "00000000-0000-0000-0000-000000000007"})),
                attribute("seq", seq),
                attribute("head", json!({"stringValue": "ab"})),
                attribute("time", json!({"stringValue": "1970-01-01T00:00:00Z"})),
            ]})
        };
        let sent = json!({"resourceLogs": [{"scopeLogs": [
            {"scope": {"name": AUDIT_CHECKPOINT}, "logRecords": [record(json!({"intValue": "3"}))]},
            {"logRecords": [record(json!({"intValue": 4})), {"body": {}}]},
        ]}]});
        let seqs: Vec<_> = line(&sent.to_string()).into_iter().map(|it| it.seq).collect();
        assert_eq!(seqs, [3, 4]);
    }
}
