//! What `--help` says, to the letter: operators read it, and search it.

use std::process::Command;

use clap::CommandFactory as _;

/// What `token-broker [command] --help` prints, without a setting of this machine in it.
fn help(command: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_token-broker"));
    let output = program.args(command).arg("--help").env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn settings_that_are_missing_are_named_as_the_environment_names_them() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_token-broker"));
    let output =
        program.env_clear().env("AZURE_TENANT_ID", "aaaabbbb-0000-cccc-1111-dddd2222eeee").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("nothing_set", String::from_utf8(output.stderr).unwrap());
}

#[test]
fn every_setting_stands_in_a_group() {
    for argument in
        token_broker::Args::command().get_arguments().filter(|argument| argument.get_env().is_some())
    {
        assert!(argument.get_help_heading().is_some(), "{}", argument.get_id());
    }
}

#[test]
fn help_says_what_it_said() {
    insta::assert_snapshot!("help", help(&[]));
    insta::assert_snapshot!("help_preflight", help(&["preflight"]));
    insta::assert_snapshot!("help_probe", help(&["probe"]));
    insta::assert_snapshot!("help_purge", help(&["purge"]));
}
