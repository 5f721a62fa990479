//! The crate graph of the design, held against the real one.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on, of ours.
const GRAPH: &[(&str, &[&str])] = &[
    ("cost", &[]),
    ("e2e", &["emulator", "gateway", "identity", "proto", "telemetry", "token-broker"]),
    ("emulator", &[]),
    ("gateway", &["cost", "identity", "proto", "telemetry", "watched"]),
    ("identity", &[]),
    ("proto", &[]),
    ("telemetry", &[]),
    ("token-broker", &["identity", "proto", "telemetry", "watched"]),
    ("watched", &["telemetry"]),
];

#[test]
fn crates_depend_on_what_the_design_allows() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let ours: Vec<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let found: BTreeMap<_, Vec<_>> = metadata
        .packages
        .iter()
        .map(|package| {
            let mut on: Vec<_> = package
                .dependencies
                .iter()
                .filter(|dependency| {
                    dependency.kind == DependencyKind::Normal && ours.contains(&dependency.name)
                })
                .map(|dependency| dependency.name.clone())
                .collect();
            on.sort();
            (package.name.to_string(), on)
        })
        .collect();
    let designed: BTreeMap<_, Vec<_>> = GRAPH
        .iter()
        .map(|(name, on)| ((*name).to_owned(), on.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(found, designed);
}

#[test]
fn nothing_in_the_product_knows_the_emulator() {
    let root = MetadataCommand::new().no_deps().exec().unwrap().workspace_root;
    for name in ["cost", "gateway", "identity", "proto", "telemetry", "token-broker", "watched"] {
        for file in sources(root.join("crates").join(name).join("src").as_std_path()) {
            let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
            for word in ["emulator", "contoso.onmicrosoft", "_emulator"] {
                assert!(!text.contains(word), "{} says `{word}`", file.display());
            }
        }
    }
}

fn sources(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            false => {}
        }
    }
    files
}
