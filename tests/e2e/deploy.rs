//! What lies in `deploy/` is held to the code, and to the platforms' own words.

use std::process::Command;

use serde_json::Value;

mod apps;
mod azure;
mod bicep;
mod chart;
mod container;
mod operators;
mod pods;
mod release;
mod settings;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/.venv/bin/python");

/// Runs a script of `tests/deploy`. What it printed, and whether it found all to be right.
pub(crate) fn run(script: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(PYTHON);
    let output = command.arg(format!("{FOLDER}/{script}")).args(arguments).output();
    let output =
        output.unwrap_or_else(|error| panic!("{PYTHON}: {error}: tests/setup.sh deploy (make setup)"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.is_empty(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn json(script: &str, arguments: &[&str]) -> Value {
    let (right, said) = run(script, arguments);
    assert!(right, "{script} {arguments:?}");
    serde_json::from_str(&said).unwrap()
}
