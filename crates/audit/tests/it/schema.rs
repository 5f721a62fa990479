//! Every record is as docs/audit.schema.json says, by a validator that is not ours.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use audit::{Call, Outcome, WhenFull};
use serde_json::{Value, json};

use crate::support::{Running, call, kinds, life, pipe, read_in_the_background, records, until};

/// Says of each line on standard input whether the schema takes it.
const VALIDATOR: &str = "
import json, sys, jsonschema
validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1])))
validator.check_schema(validator.schema)
print(json.dumps([validator.is_valid(json.loads(line)) for line in sys.stdin]))
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn valid(records: &[Value]) -> Vec<bool> {
    let python = root().join("tests/clients/.venv/bin/python");
    let mut command = Command::new(&python);
    command.arg("-c").arg(VALIDATOR).arg(root().join("docs/audit.schema.json"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run tests/setup.sh clients", python.display()));
    let mut asked = child.stdin.take().unwrap();
    for record in records {
        writeln!(asked, "{record}").unwrap();
    }
    drop(asked);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file with each kind of record, and with members as long as they can be.
async fn all_kinds(folder: &Path) -> Vec<Value> {
    let path = folder.join("audit.jsonl");
    life(&path, 300).await;
    let running = Running::at(&path, WhenFull::Continue).await.unwrap();
    let long = "ä\"\\".repeat(1000);
    let longest = call(1).tool(&long).resource(&long).of_consumer(&long).trace(Some(&long));
    let decided = running.audit.decide(longest.clone()).await.unwrap();
    decided.end(Outcome::new(&long).requests(vec![long.as_str(); 20]));
    running.audit.refused(longest, &long);
    running.audit.refused(Call::new("preflight"), "x");
    running.audit.counted("resource", Some("reports"));
    running.audit.close().await;
    let mut all = records(&path);
    all.extend(a_gap(folder).await);
    all
}

/// What stands there after records were lost.
async fn a_gap(folder: &Path) -> Vec<Value> {
    let path = pipe(folder);
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let running = Running::at(&path, WhenFull::Continue).await.unwrap();
    for number in 0..5000 {
        running.audit.refused(call(number), "rate_limited");
    }
    until("records are lost", || running.lost() > 0).await;
    let copy = folder.join("copy.jsonl");
    let reading = read_in_the_background(reader);
    running.audit.close().await;
    std::fs::write(&copy, reading.join().unwrap()).unwrap();
    records(&copy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_as_the_schema_says_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let records = all_kinds(folder.path()).await;
    for kind in ["start", "decision", "outcome", "refusal", "summary", "gap", "end"] {
        assert!(records.iter().any(|record| record["kind"] == kind), "{kind}");
    }
    let verdicts = valid(&records);
    let wrong: Vec<_> = records.iter().zip(verdicts).filter(|(_, valid)| !valid).collect();
    assert_eq!(wrong, []);

    let decision = records.iter().find(|record| record["kind"] == "decision").unwrap();
    let with = |member: &str, value: Value| {
        let mut changed = decision.clone();
        changed[member] = value;
        changed
    };
    let wrong = [
        with("name", json!("Alice")),
        with("oid", json!("alice@contoso.com")),
        with("token", json!("eyJ")),
        with("operation", json!("tools/list")),
        with("call", json!(-1)),
        with("v", json!(2)),
        with("kind", json!("end")),
        with("hash", json!("00")),
        with("code", json!("ok")),
        with("tool", json!("x".repeat(300))),
    ];
    assert_eq!(valid(&wrong), [false; 10]);
}

#[tokio::test]
async fn the_page_lists_every_kind_and_every_member() {
    let page = std::fs::read_to_string(root().join("docs/audit.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for record in all_kinds(folder.path()).await {
        for member in record.as_object().unwrap().keys().filter(|member| !member.starts_with("after_")) {
            assert!(page.contains(&format!("`{member}`")), "{member}");
        }
    }
    for kind in kinds(&folder.path().join("audit.jsonl")) {
        assert!(page.contains(&format!("| `{kind}` |")), "{kind}");
    }
}
