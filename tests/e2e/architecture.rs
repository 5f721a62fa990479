//! The structure of the design, held against the real one: which crate depends on which, and which module may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

use self::modules::Mention;

mod modules;

/// What each crate may depend on, of ours.
const GRAPH: &[(&str, &[&str])] = &[
    ("audit", &["telemetry"]),
    ("cost", &[]),
    (
        "e2e",
        &[
            "audit",
            "cost",
            "emulator",
            "gateway",
            "identity",
            "telemetry",
            "testkit",
            "token-broker",
            "token-broker-proto",
        ],
    ),
    ("emulator", &[]),
    ("gateway", &["audit", "cost", "identity", "telemetry", "token-broker-proto", "watched"]),
    ("identity", &[]),
    ("telemetry", &[]),
    ("testkit", &[]),
    ("token-broker", &["audit", "identity", "telemetry", "token-broker-proto", "watched"]),
    ("token-broker-proto", &[]),
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

/// Our own code is looked at by a lint of clippy's, which reads the same promise.
#[test]
fn no_dependency_wants_a_newer_rust_than_is_promised() {
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--offline".to_owned(), "--locked".to_owned(), platform];
    let metadata = MetadataCommand::new().other_options(options).exec().unwrap();
    let ours = metadata.packages.iter().find(|package| package.name.as_str() == "gateway").unwrap();
    let promised = ours.rust_version.as_ref().expect("a promise");
    assert!(metadata.packages.len() > 200, "{}", metadata.packages.len());
    for package in &metadata.packages {
        if let Some(wanted) = &package.rust_version {
            assert!(wanted <= promised, "{} {} wants Rust {wanted}", package.name, package.version);
        }
    }
}

#[test]
fn the_test_kit_is_in_no_product() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in metadata.packages.iter().filter(|package| package.name.as_str() != "e2e") {
        for on in package.dependencies.iter().filter(|on| on.name == "testkit") {
            assert_eq!(on.kind, DependencyKind::Development, "{}", package.name);
        }
    }
}

#[test]
fn nothing_in_the_product_knows_the_emulator() {
    let root = MetadataCommand::new().no_deps().exec().unwrap().workspace_root;
    for name in ["audit", "cost", "gateway", "identity", "proto", "telemetry", "token-broker", "watched"] {
        for file in sources(root.join("crates").join(name).join("src").as_std_path()) {
            let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
            for word in ["emulator", "contoso.onmicrosoft", "_emulator"] {
                assert!(!text.contains(word), "{} says `{word}`", file.display());
            }
        }
    }
}

/// What modules at a crate's root must not know: each row is a sentence of such a module's head. A whole module, or a part of
/// one: `a` or `a::b`. `*` is every other module of the crate.
const MUST_NOT_KNOW: &[(&str, &str, &[&str])] = &[
    // What is cached or paused is the same whoever exchanges it.
    ("token-broker", "cache", &["entra", "exchange", "consumers", "grpc", "credential"]),
    ("token-broker", "flights", &["*"]),
    ("token-broker", "throttle", &["entra", "exchange", "consumers", "grpc", "credential", "cache"]),
    ("token-broker", "background", &["*"]),
    // Who connects is not what they may do.
    ("token-broker", "connections", &["consumers::registry", "exchange", "grpc"]),
    ("token-broker", "consumers", &["grpc", "exchange", "entra"]),
    ("token-broker", "entra", &["consumers", "cache", "grpc", "exchange"]),
    ("token-broker", "credential", &["entra", "exchange", "cache", "grpc", "consumers"]),
    ("gateway", "listen", &["mcp", "guard", "policy", "refusal", "rpc"]),
    ("gateway", "front", &["mcp", "guard", "policy"]),
    ("gateway", "policy", &["mcp", "guard", "refusal"]),
    ("gateway", "sign_in", &["mcp", "guard", "broker", "rpc", "caller", "server", "config", "doctor"]),
    ("identity", "proved", &["validate"]),
];

/// Modules that only these may know, so that each can be taken away and leave the rest as it is.
const KNOWN_TO: &[(&str, &str, &[&str])] = &[("gateway", "sign_in", &["config", "doctor", "server"])];

/// The modules that may know `Config`: they make the parts and hand each its own.
const MAKES_THE_PARTS: &[(&str, &[&str])] =
    &[("gateway", &["doctor", "server"]), ("token-broker", &["broker", "server"])];

/// What the modules of each crate name of each other.
fn mentions() -> BTreeMap<String, BTreeSet<Mention>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let crates = metadata.packages.iter().filter(|package| package.name.as_str() != "e2e");
    let folder = |manifest: &Path| modules::mentions(manifest.parent().unwrap());
    crates.map(|package| (package.name.to_string(), folder(package.manifest_path.as_std_path()))).collect()
}

#[test]
fn no_modules_know_each_other_in_a_ring() {
    for (name, mentions) in mentions() {
        let rings = modules::rings(&mentions);
        assert!(rings.is_empty(), "{name}: {rings:#?}");
    }
}

#[test]
fn modules_know_nothing_of_what_their_heads_say_they_must_not() {
    let of_crates = mentions();
    for (name, module, forbidden) in MUST_NOT_KNOW {
        let mentions = &of_crates[*name];
        assert!(
            mentions.iter().any(|mention| is_in(&mention.from, module) || is_in(&mention.to, module)),
            "{module}"
        );
        for mention in mentions.iter().filter(|mention| is_in(&mention.from, module)) {
            let known = forbidden.iter().find(|other| **other == "*" || is_in(&mention.to, other));
            assert_eq!(known, None, "{name}: {} names {}", mention.from, mention.to);
        }
    }
}

#[test]
fn only_who_makes_the_parts_knows_all_settings() {
    let of_crates = mentions();
    for (name, makers) in MAKES_THE_PARTS {
        for mention in of_crates[*name].iter().filter(|mention| is_in(&mention.to, "config")) {
            let from = &mention.from;
            assert!(makers.iter().any(|maker| is_in(from, maker)), "{name}: {from} names {}", mention.to);
        }
    }
}

#[test]
fn what_can_be_taken_away_is_known_to_few() {
    let of_crates = mentions();
    for (name, module, few) in KNOWN_TO {
        let of_module: Vec<_> =
            of_crates[*name].iter().filter(|mention| is_in(&mention.to, module)).collect();
        assert!(!of_module.is_empty(), "{module}");
        for mention in of_module {
            assert!(few.iter().any(|known| is_in(&mention.from, known)), "{}: {}", mention.from, mention.to);
        }
    }
}

/// Lines of code of the sign-in facade that strangers' requests reach: all but its tests and what reads its file at start.
#[test]
fn the_facade_is_little_enough_to_be_read_at_once() {
    const MOST: usize = 600;
    let root = MetadataCommand::new().no_deps().exec().unwrap().workspace_root;
    let src = root.join("crates/gateway/src").into_std_path_buf();
    let mut files = sources(&src.join("sign_in"));
    files.push(src.join("sign_in.rs"));
    let is_apart = |file: &Path| {
        let parts = file.strip_prefix(&src).unwrap().with_extension("");
        parts.iter().any(|part| part == "tests" || part == "settings")
    };
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines = |file: &PathBuf| std::fs::read_to_string(file).unwrap().lines().filter(code).count();
    let all: usize = files.iter().filter(|file| !is_apart(file)).map(lines).sum();
    assert!((MOST / 2..=MOST).contains(&all), "{all} lines");
}

#[test]
fn every_file_speaks_one_dialect() {
    let root = MetadataCommand::new().no_deps().exec().unwrap().workspace_root;
    let folders = ["crates", "tests/src", "tests/e2e"].map(|folder| root.join(folder).into_std_path_buf());
    let files: Vec<_> = folders.iter().flat_map(|folder| sources(folder)).collect();
    assert!(files.len() > 300, "{}", files.len());
    let generated = |file: &Path| file.components().any(|part| part.as_os_str() == "gen");
    for file in files.iter().filter(|file| !generated(file)) {
        assert_eq!(modules::foreign_to_the_dialect(file), [""; 0], "{}", file.display());
    }
}

/// Whether a path is that module, or something in it.
fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn rings_and_names_are_found_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let src = folder.path().join("src");
    std::fs::create_dir_all(src.join("one")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(src.join(name), text).unwrap();
    write("lib.rs", "mod one; mod two; mod three; pub use two::Thing;");
    write("one.rs", "fn f() { crate::three::g(); } #[cfg(test)] mod tests { use crate::two::Hidden; }");
    write("one/inner.rs", "use super::super::two::{self, Deep};");
    write("two.rs", "fn f() { log!(x = crate::one::Said, y); }");
    write("three.rs", "use crate::{Thing as Other};");
    let found = modules::mentions(folder.path());
    let found: Vec<_> = found.iter().map(|m| (m.from.as_str(), m.to.as_str())).collect();
    let expected = [
        ("one", "three::g"),
        ("one::inner", "two"),
        ("one::inner", "two::Deep"),
        ("three", "two::Thing"),
        ("two", "one::Said"),
    ];
    assert_eq!(found, expected);
    let rings = modules::rings(&modules::mentions(folder.path()));
    assert_eq!((rings.len(), rings[0].len()), (1, 5), "one knows three, three two, two one: {rings:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
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
