//! The chart by itself: Helm's linter, Kubernetes' schemas, and what must agree between its objects.

use super::run;

#[test]
fn each_file_of_values_renders_what_kubernetes_takes_and_what_agrees_with_itself() {
    let (right, said) = run("chart.py", &["check"]);
    assert!(right, "{said}");
    assert!(said.starts_with("12 files of values"), "{said}");
}
