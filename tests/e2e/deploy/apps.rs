//! What the Bicep deploys, as data: its resources, and what each container app is started with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What was deployed.
pub(super) struct Deployment(Value);

/// One container app.
pub(super) struct App<'a> {
    deployment: &'a Deployment,
    resource: &'a Value,
}

impl Deployment {
    pub(super) fn new(told: Value) -> Self {
        Self(told)
    }

    /// Resources of a type that were made.
    pub(super) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = self.0["resources"].as_array().unwrap().iter();
        all.filter(move |one| one["type"] == kind && one["existing"] == false).map(|one| &one["body"])
    }

    pub(super) fn app(&self, container: &str) -> App<'_> {
        let is = |app: &&Value| app["properties"]["template"]["containers"][0]["name"] == container;
        App { deployment: self, resource: self.all("Microsoft.App/containerApps").find(is).unwrap() }
    }

    /// What a secret of the vault holds.
    fn in_vault(&self, name: &str) -> &str {
        let secret = self.all("Microsoft.KeyVault/vaults/secrets").find(|one| one["name"] == name);
        secret
            .and_then(|one| one["properties"]["value"].as_str())
            .unwrap_or_else(|| panic!("no {name} in the vault"))
    }

    /// The secrets of the vault that a principal may read.
    pub(super) fn readable_by<'a>(&'a self, principal: &'a str) -> BTreeSet<&'a str> {
        let assignments = self.all("Microsoft.Authorization/roleAssignments");
        let of_it = assignments.filter(|one| one["properties"]["principalId"] == principal);
        of_it.map(|one| one["scope"].as_str().unwrap()).collect()
    }
}

impl App<'_> {
    fn container(&self) -> &Value {
        &self.resource["properties"]["template"]["containers"][0]
    }

    pub(super) fn name(&self) -> &str {
        self.resource["name"].as_str().unwrap()
    }

    pub(super) fn configuration(&self) -> &Value {
        &self.resource["properties"]["configuration"]
    }

    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let all = self.container()["env"].as_array().unwrap().iter();
        all.map(|one| (text(&one["name"]), text(&one["value"]))).collect()
    }

    /// Path and content of each file.
    pub(super) fn files(&self) -> BTreeMap<String, String> {
        let one = |of: &Value, name: &str| -> Value {
            of.as_array().unwrap().iter().find(|one| one[name] == "files").unwrap().clone()
        };
        let mount = text(&one(&self.container()["volumeMounts"], "volumeName")["mountPath"]);
        let volume = &one(&self.resource["properties"]["template"]["volumes"], "name")["secrets"];
        let secrets = self.configuration()["secrets"].as_array().unwrap();
        let file = |one: &Value| {
            let secret = secrets.iter().find(|secret| secret["name"] == one["secretRef"]).unwrap();
            let content = match secret["keyVaultUrl"].as_str() {
                Some(url) => self.deployment.in_vault(url.rsplit('/').next().unwrap()).to_owned(),
                None => text(&secret["value"]),
            };
            (format!("{mount}/{}", text(&one["path"])), content)
        };
        volume.as_array().unwrap().iter().map(file).collect()
    }

    /// The names of the vault's secrets that it is given.
    pub(super) fn secrets_of_vault(&self) -> BTreeSet<&str> {
        let secrets = self.configuration()["secrets"].as_array().unwrap().iter();
        secrets.filter_map(|one| one["keyVaultUrl"].as_str()?.rsplit('/').next()).collect()
    }

    /// Port and path of each probe.
    pub(super) fn probes(&self) -> Vec<(u64, String)> {
        let all = self.container()["probes"].as_array().unwrap().iter();
        all.map(|one| (one["httpGet"]["port"].as_u64().unwrap(), text(&one["httpGet"]["path"]))).collect()
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text is wanted: {value}")).to_owned()
}
