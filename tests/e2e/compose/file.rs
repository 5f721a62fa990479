//! What `deploy/compose.yaml` and `deploy/Dockerfile` say, as they are read here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(super) const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

/// A file of YAML, aliases and merge keys resolved.
pub(super) fn yaml(file: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(DEPLOY).join(file)).unwrap();
    let mut value: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    serde_json::to_value(value).unwrap()
}

/// A service of the compose file.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) environment: BTreeMap<String, String>,
    /// Where a volume or a file lies, and where the service sees it.
    pub(super) mounts: Vec<Mount>,
    /// Where it may write what goes with it.
    pub(super) tmpfs: Vec<String>,
    /// Program and arguments, where the file names them.
    pub(super) command: Vec<String>,
    /// The probe's program and arguments.
    pub(super) healthcheck: Vec<String>,
    /// The target of the Dockerfile, if the image is ours.
    pub(super) target: Option<String>,
    pub(super) user: String,
    pub(super) read_only: bool,
}

pub(super) struct Mount {
    pub(super) source: String,
    pub(super) target: PathBuf,
    pub(super) read_only: bool,
}

pub(super) fn services() -> Vec<Service> {
    let file = yaml("compose.yaml");
    let services = file["services"].as_object().unwrap();
    services.iter().map(|(name, service)| Service::read(name, service)).collect()
}

impl Service {
    fn read(name: &str, service: &Value) -> Self {
        let environment = service["environment"].as_object().into_iter().flatten();
        let mut healthcheck = words(&service["healthcheck"]["test"]);
        if !healthcheck.is_empty() {
            assert_eq!(healthcheck.remove(0), "CMD", "{name}: there is no shell in the image");
        }
        Self {
            name: name.to_owned(),
            environment: environment.map(|(name, value)| (name.clone(), text(value))).collect(),
            mounts: words(&service["volumes"]).iter().map(|line| Mount::read(line)).collect(),
            tmpfs: words(&service["tmpfs"])
                .iter()
                .filter_map(|line| line.split(':').next().map(str::to_owned))
                .collect(),
            command: [words(&service["entrypoint"]), words(&service["command"])].concat(),
            healthcheck,
            target: service["build"]["target"].as_str().map(str::to_owned),
            user: text(&service["user"]),
            read_only: service["read_only"] == true,
        }
    }
}

impl Mount {
    fn read(line: &str) -> Self {
        let mut parts = line.split(':');
        let (source, target) = (parts.next().unwrap(), parts.next().unwrap());
        Self { source: source.to_owned(), target: target.into(), read_only: parts.next() == Some("ro") }
    }
}

/// What a stage of the Dockerfile ends with, those that it is built on included.
pub(super) struct Image {
    pub(super) entrypoint: String,
    pub(super) user: String,
    /// Ports that it says it listens at.
    pub(super) exposed: Vec<u16>,
}

impl Image {
    pub(super) fn of(target: &str) -> Self {
        let text = std::fs::read_to_string(Path::new(DEPLOY).join("Dockerfile")).unwrap();
        let stages: Vec<_> = text.split("\nFROM ").skip(1).collect();
        let named = |name: &str| {
            stages.iter().find(|stage| stage.lines().next().unwrap().ends_with(&format!(" AS {name}")))
        };
        let stage = named(target).unwrap_or_else(|| panic!("the Dockerfile has no target {target}"));
        let base = named(stage.split(' ').next().unwrap());
        let word = |of: &str, key: &str| {
            of.lines()
                .find_map(|line| line.strip_prefix(key))
                .map(|rest| rest.trim_matches(['[', ']', '"', ' ']).to_owned())
        };
        let exposed = word(stage, "EXPOSE").unwrap_or_default();
        Self {
            entrypoint: word(stage, "ENTRYPOINT").unwrap(),
            user: word(stage, "USER").or_else(|| word(base?, "USER")).unwrap(),
            exposed: exposed.split_whitespace().map(|port| port.parse().unwrap()).collect(),
        }
    }
}

/// A list of texts, in which compose writes `$$` for `$`.
fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|word| text(word).replace("$$", "$")).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
