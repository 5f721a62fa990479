//! Objects that other operators read, held to types and schemas that are made from those operators' own sources.

use std::process::Command;

use serde_json::{Value, json};

use super::json;

/// What must be noticed: the kind, where in it something is changed, to what, and a word of what is then said.
const TAMPERED: [(&str, &str, &str, &str); 7] = [
    ("Certificate", "/spec/usages/0", "digital sign", "usages/0"),
    ("Certificate", "/spec/renewBfore", "720h", "renewBfore"),
    ("Issuer", "/spec/selfsigned", "yes", "selfsigned"),
    ("ServiceMonitor", "/spec/endpoints/0/tlsConfig/server", "x", "'\"server\"' does not exist"),
    ("ServiceMonitor", "/spec/endpoints/0/interval", "soon", "endpoints/0/interval"),
    ("PrometheusRule", "/spec/groups/0/rules/0/fro", "5m", "'\"fro\"' does not exist"),
    ("PrometheusRule", "/kind", "PrometheusRules", "nobody knows a PrometheusRules"),
];

#[test]
fn what_operators_read_is_what_they_take() {
    let objects = json("chart.py", &["operators"]);
    let objects = objects.as_array().unwrap();
    for (kind, ..) in TAMPERED {
        assert!(objects.iter().any(|one| one["kind"] == kind), "no file of values makes a {kind}");
    }
    let (right, said) = held(objects);
    assert!(right, "{said}");

    let (right, said) = held(&TAMPERED.map(|change| tampered(objects, change)));
    assert!(!right, "{said}");
    for (kind, path, _, word) in TAMPERED {
        assert!(said.contains(word), "{kind}: {path} is not noticed: {said}");
    }
}

/// An object of the kind with one thing changed, or one more.
fn tampered(objects: &[Value], (kind, path, value, _): (&str, &str, &str, &str)) -> Value {
    let mut one = objects.iter().find(|one| one["kind"] == kind).unwrap().clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = one.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(index) => parent[index] = json!(value),
        Err(_) => parent[name] = json!(value),
    }
    one
}

/// Whether the operators would take these, and what is wrong otherwise.
fn held(objects: &[Value]) -> (bool, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, objects).unwrap();
    let mut check = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run"));
    let output = check.arg("operators.mjs").arg(file.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(said[0].contains("objects, "), "{}: tests/setup.sh clients (make setup)", said[1]);
    (output.status.success(), said.concat())
}
