//! What `--help` says, to the letter: operators read it, and search it.

use std::process::Command;

/// What `emulator [command] --help` prints, without a setting of this machine in it.
fn help(command: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_emulator"));
    let output = program.args(command).arg("--help").env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_says_what_it_said() {
    insta::assert_snapshot!("help", help(&[]));
}
