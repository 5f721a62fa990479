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

type Names = BTreeSet<String>;

fn of_help(command: &Command) -> Names {
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

/// The environment of a component's pods, with any of the files of values.
fn rendered(objects: &Value, component: &str) -> BTreeMap<String, Names> {
    let mut names = BTreeMap::new();
    for (values, objects) in objects.as_object().unwrap() {
        let deployments = objects.as_array().unwrap().iter().filter(|one| one["kind"] == "Deployment");
        let pods = deployments.map(|one| &one["spec"]["template"]["spec"]["containers"][0]);
        let pod = pods.into_iter().find(|pod| pod["name"] == component).unwrap();
        let variables = pod["env"].as_array().unwrap().iter();
        let found = variables.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        names.insert(values.clone(), found);
    }
    names
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
        reachable.extend(rendered.values().flatten().cloned());
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
