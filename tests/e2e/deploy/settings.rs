//! The chart's environment names are those of `--help`, and each of those can be set by the chart.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Command, CommandFactory as _};
use serde_json::Value;

use super::json;

/// Settings that the chart does not let anybody set, each with the reason.
const NOT_OF_THE_CHART: &[(&str, &str)] = &[
    ("AZURE_FEDERATED_TOKEN_FILE", "the webhook of workload identity sets it"),
    ("BROKER_SOCKET_MODE", "gateway and broker are in different pods, and share no socket"),
    ("IDENTITY_ENDPOINT", "of App Service and Container Apps"),
    ("IDENTITY_HEADER", "of App Service and Container Apps, and a secret"),
];
/// Names that the services read without a setting: OpenTelemetry's SDK, and the HTTP client.
const READ_BY_LIBRARIES: &[&str] = &[
    "HTTPS_PROXY",
    "NO_PROXY",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

pub(super) type Names = BTreeSet<String>;

/// The environment names of a service's settings.
pub(super) fn of_help(command: &Command) -> Names {
    command.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned())).collect()
}

/// What the values may name.
fn of_schema(schema: &Value, component: &str) -> Names {
    let properties = &schema["properties"];
    let own = &properties[component]["properties"];
    [&properties["settings"], &properties["files"], &own["settings"], &own["files"]]
        .into_iter()
        .flat_map(|part| part["properties"].as_object().expect("a closed list of names").keys().cloned())
        .collect()
}

/// The environment of a component's pods, by file of values.
fn rendered(objects: &Value, component: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |objects: &Value| {
        let deployments = objects.as_array().unwrap().iter().filter(|one| one["kind"] == "Deployment");
        let mut pods = deployments.map(|one| &one["spec"]["template"]["spec"]["containers"][0]);
        let pod = pods.find(|pod| pod["name"] == component).unwrap();
        pod["env"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect()
    };
    objects.as_object().unwrap().iter().map(|(values, objects)| (values.clone(), of(objects))).collect()
}

#[test]
fn each_setting_of_help_can_be_set_by_the_chart_and_no_other() {
    let chart = json("chart.py", &["dump"]);
    let libraries: Names = READ_BY_LIBRARIES.iter().map(ToString::to_string).collect();
    let mut known = Names::new();
    for (component, command) in
        [("gateway", gateway::config::Args::command()), ("broker", token_broker::Args::command())]
    {
        let help = of_help(&command);
        assert!(help.len() > 40, "{help:?}");
        let rendered = rendered(&chart["objects"], component);
        let mut reachable = of_schema(&chart["schema"], component);
        reachable.extend(rendered.values().flat_map(BTreeMap::keys).cloned());
        let invented: Vec<_> =
            reachable.difference(&help).filter(|name| !libraries.contains(*name)).collect();
        assert_eq!(invented, [""; 0], "{component}: no such setting");
        let left_out: Vec<_> = help.difference(&reachable).map(String::as_str).collect();
        let excused: Vec<_> =
            NOT_OF_THE_CHART.iter().map(|(name, _)| *name).filter(|name| help.contains(*name)).collect();
        assert_eq!(left_out, excused, "{component}: what the chart cannot set, and what is listed as such");
        known.extend(help);
    }
    assert!(libraries.is_disjoint(&known), "a library's name that is a setting as well");
    assert!(
        NOT_OF_THE_CHART.iter().all(|(name, _)| known.contains(*name)),
        "a name that is no setting any more"
    );
}

/// Files that are read at the start, and are not here.
const READ_AT_START: [&str; 6] = [
    "AUDIT_KEY_FILE",
    "EXTRA_CA_FILE",
    "GATEWAY_POLICY_FILE",
    "GATEWAY_SIGN_IN_FILE",
    "GATEWAY_USER_KEY_FILE",
    "BROKER_RESOURCES_FILE",
];

#[test]
fn what_each_file_of_values_sets_both_services_take() {
    let chart = json("chart.py", &["dump"]);
    for (component, service) in [("gateway", "gateway"), ("broker", "token-broker")] {
        for (values, mut environment) in rendered(&chart["objects"], component) {
            for name in READ_AT_START {
                environment.remove(name);
            }
            // As the webhook does it.
            let named = ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_MANAGED_IDENTITY_CLIENT_ID"];
            if component == "broker" && named.iter().all(|name| !environment.contains_key(*name)) {
                environment.insert("AZURE_FEDERATED_TOKEN_FILE".to_owned(), "/run/token".to_owned());
            }
            let pairs: Vec<_> =
                environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let told = crate::settings::told(service, &pairs);
            assert!(told.contains("\nConfig {"), "{values}: {service}: {told}");
        }
    }
}
