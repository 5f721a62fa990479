//! Holds the checked-in code to the contract: regenerates it and compares.
//!
//! `REGENERATE=1 cargo test -p proto` writes it anew after a change of the `.proto` file.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::{env, fs};

const PROTO: &str = "token_broker/v1/token_broker.proto";
const FILES: [&str; 2] = ["token_broker.v1.rs", "token_broker.v1.fds.bin"];

#[test]
fn generated_code_is_current() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen");
    generate(fresh);

    if env::var_os("REGENERATE").is_some() {
        for file in FILES {
            fs::copy(fresh.join(file), checked_in.join(file)).unwrap();
        }
        return;
    }
    for file in FILES {
        let (fresh, checked_in) = (fs::read(fresh.join(file)), fs::read(checked_in.join(file)));
        assert!(
            fresh.unwrap() == checked_in.unwrap_or_default(),
            "src/gen/{file} differs from proto/{PROTO}: run `REGENERATE=1 cargo test -p proto`"
        );
    }
}

fn generate(out: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    // Reflection needs the imports; comments would only make the binary larger.
    let mut compiler = protox::Compiler::new([&root]).unwrap();
    let set = compiler.include_imports(true).open_file(root.join(PROTO)).unwrap();
    fs::write(out.join(FILES[1]), set.encode_file_descriptor_set()).unwrap();

    let commented = protox::compile([root.join(PROTO)], [&root]).unwrap();
    tonic_prost_build::configure()
        .out_dir(out)
        .skip_debug(["token_broker.v1.ExchangeRequest", "token_broker.v1.ExchangeResponse"])
        .compile_fds(commented)
        .unwrap();
}
