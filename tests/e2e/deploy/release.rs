//! A rendered release as data: its objects, and what a pod of it is started with.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::json;

/// The objects that one file of values renders to.
pub(super) struct Release(Vec<Value>);

impl Release {
    pub(super) fn of(values: &str) -> Self {
        Self(json("chart.py", &["render", values]).as_array().unwrap().clone())
    }

    /// Objects of a kind.
    pub(super) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |one| one["kind"] == kind)
    }

    /// The object of a kind whose name, or name of a Secret, is this.
    pub(super) fn named(&self, kind: &str, name: &str) -> Option<&Value> {
        let is = |value: &Value| value.as_str() == Some(name);
        self.0.iter().find(|one| {
            one["kind"] == kind && (is(&one["metadata"]["name"]) || is(&one["spec"]["secretName"]))
        })
    }

    /// The pods of a component: all that a Deployment says of them.
    pub(super) fn pod(&self, component: &str) -> Pod<'_> {
        let label = "app.kubernetes.io/component";
        let deployment = self.all("Deployment").find(|one| one["metadata"]["labels"][label] == component);
        Pod { deployment: deployment.unwrap() }
    }

    /// The names that cert-manager puts into the certificate of this file's Secret, if it is one of its own.
    pub(super) fn names_of(&self, path: &str) -> Option<Vec<String>> {
        let secret = Path::new(path).parent()?.file_name()?.to_str()?;
        let names = self.named("Certificate", secret)?["spec"]["dnsNames"].as_array()?;
        Some(names.iter().map(|name| format!("dns:{}", name.as_str().unwrap())).collect())
    }

    /// The text of a ConfigMap's file.
    pub(super) fn text_of(&self, path: &str) -> String {
        let path = Path::new(path);
        let name = |path: Option<&Path>| path.and_then(Path::file_name).unwrap().to_str().unwrap().to_owned();
        let map = self.named("ConfigMap", &name(path.parent())).unwrap();
        map["data"][name(Some(path))].as_str().unwrap().to_owned()
    }
}

pub(super) struct Pod<'a> {
    deployment: &'a Value,
}

impl Pod<'_> {
    pub(super) fn namespace(&self) -> &str {
        self.deployment["metadata"]["namespace"].as_str().unwrap()
    }

    pub(super) fn account(&self) -> &str {
        self.deployment["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap()
    }

    /// Whether the webhook of workload identity acts on it.
    pub(super) fn has_workload_identity(&self) -> bool {
        self.deployment["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    }

    fn container(&self) -> &Value {
        &self.deployment["spec"]["template"]["spec"]["containers"][0]
    }

    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = self.container()["env"].as_array().unwrap();
        all.iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect()
    }

    /// Ports by name.
    pub(super) fn ports(&self) -> BTreeMap<String, u16> {
        let port = |one: &Value| u16::try_from(one["containerPort"].as_u64().unwrap()).unwrap();
        let all = self.container()["ports"].as_array().unwrap();
        all.iter().map(|one| (one["name"].as_str().unwrap().to_owned(), port(one))).collect()
    }

    /// Port, by name, and path of each probe; the one of readiness last.
    pub(super) fn probes(&self) -> [(&str, &str); 3] {
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|kind| {
            let asked = &self.container()[kind]["httpGet"];
            (asked["port"].as_str().unwrap(), asked["path"].as_str().unwrap())
        })
    }
}
