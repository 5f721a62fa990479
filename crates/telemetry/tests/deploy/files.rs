//! The files of the repository that are made here, and the pages that go with them.

use std::path::PathBuf;
use std::{env, fs};

/// Holds a file of `deploy` to what it should be, or writes it.
pub(crate) fn golden(file: &str, fresh: &str) {
    let path = root().join("deploy").join(file);
    if env::var_os("REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, fresh).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(path).unwrap_or_default() == fresh,
        "deploy/{file} is not what the tables make: run `REGENERATE=1 cargo test -p telemetry --test deploy`"
    );
}

/// A page of the repository.
pub(crate) fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
