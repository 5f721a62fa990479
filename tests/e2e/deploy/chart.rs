//! The chart by itself: Helm's linter, Kubernetes' schemas, and what must agree between its objects.

use super::run;

#[test]
fn each_file_of_values_renders_what_kubernetes_takes_and_what_agrees_with_itself() {
    let (right, said) = run("chart.py", &["check"]);
    assert!(right, "{said}");
    assert!(said.starts_with("12 files of values"), "{said}");
}

#[test]
fn the_page_has_the_least_that_must_be_said() {
    let values = include_str!("../../deploy/values/workload-identity.yaml");
    let (_, values) = values.split_once('\n').unwrap();
    let page = include_str!("../../../docs/install-aks.md");
    assert!(
        page.contains(&format!("```yaml\n{values}```\n")),
        "docs/install-aks.md has other values than {values}"
    );
}
