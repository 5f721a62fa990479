//! The Parquet file as others read it: pyarrow and DuckDB, in an environment of their own.

use std::process::Command;

use cost::Format;
use serde_json::{Value, json};
use wiremock::MockServer;

use super::{export, file, plan, ready};
use crate::support::{always, client_with, ok};

const READERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/readers");

const CSV: &str = "\u{feff}Date,Quantity,CostInBillingCurrency,Tags,benefitId\r\n\
    10/31/2026,1E-05,-12.5,\"\"\"a\"\": \"\"é, x\"\"\",\r\n\
    2026-11-01,99999999999999.999999999999999999999999,0,,b\r\n\
    ,,5.80645161290323E-09,\"two\r\nlines\",\r\n";

/// What a reader makes of a number with all 24 places.
fn number(whole: &str, fraction: &str) -> String {
    format!("{whole}.{fraction:0<24}")
}

#[tokio::test]
async fn pyarrow_and_duckdb_read_every_value_as_it_was() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&ready(&[file(&storage, "1", CSV).await]))).await;
    let (_, parquet, _) = export(&client_with(&azure, &[&storage]), &plan(Format::Parquet)).await.unwrap();
    let found = read(&parquet);
    let rows = json!([
        ["2026-10-31", number("0", "00001"), number("-12", "5"), "\"a\": \"é, x\"", null],
        ["2026-11-01", number("99999999999999", "999999999999999999999999"), number("0", ""), null, "b"],
        [null, null, number("0", "00000000580645161290323"), "two\r\nlines", null],
    ]);
    for reader in ["pyarrow", "duckdb"] {
        let names = json!(["Date", "Quantity", "CostInBillingCurrency", "Tags", "benefitId"]);
        assert_eq!(found[reader]["names"], names, "{reader}");
        assert_eq!(found[reader]["rows"], rows, "{reader}");
    }
    let decimal = "decimal128(38, 24)";
    assert_eq!(found["pyarrow"]["types"], json!(["date32[day]", decimal, decimal, "string", "string"]));
    let decimal = "DECIMAL(38,24)";
    assert_eq!(found["duckdb"]["types"], json!(["DATE", decimal, decimal, "VARCHAR", "VARCHAR"]));
}

fn read(parquet: &[u8]) -> Value {
    let folder = std::env::temp_dir().join(format!("cost-readers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("export.parquet");
    std::fs::write(&path, parquet).unwrap();
    let python = format!("{READERS}/.venv/bin/python");
    let done = Command::new(&python).arg(format!("{READERS}/read.py")).arg(&path).output();
    let Ok(done) = done else { panic!("pyarrow and DuckDB are missing: tests/setup.sh readers") };
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}
