//! The inputs that are kept of fuzzing: each is survived again whenever the tests run.

use std::fs;
use std::path::{Path, PathBuf};

/// The kept inputs of a fuzz target (`tests/fuzz/corpus/<target>`), each with its file, in the order of their names.
pub fn kept_inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "nothing is kept in {}", folder.display());
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}
