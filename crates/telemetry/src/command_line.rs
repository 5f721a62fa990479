//! How both services read their settings: one that is empty is one that is not set.
//!
//! Compose files, charts and systemd units pass what nobody set as an empty text, in a variable or behind a flag.

use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Parser};

/// Reads the command line and the environment. Where settings are missing, `next` says what leads on.
///
/// # Errors
/// What clap has to say: a mistake, help, or the version.
pub fn try_parse<A: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    next: &str,
) -> Result<A, clap::Error> {
    let mut command = without_empty_variables(A::command());
    let arguments = without_empty_flags(&A::command(), arguments);
    let mut matches = command
        .try_get_matches_from_mut(arguments)
        .map_err(|error| by_their_names(&error, A::command(), next).unwrap_or(error))?;
    A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// An error about required settings that are not set, with the names by which a unit file, a chart or a shell sets them:
/// clap knows flags alone.
fn by_their_names(error: &clap::Error, mut command: Command, next: &str) -> Option<clap::Error> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return None;
    }
    let is_missing = |long: &str| missing.iter().any(|usage| usage.split(' ').next() == Some(long));
    let line = |argument: &Arg| {
        let long = format!("--{}", argument.get_long()?);
        let (name, help) = (argument.get_env()?.to_str()?, argument.get_help()?);
        is_missing(&long).then(|| format!("\n  {name} (or {long}): {help}"))
    };
    let lines: String = command.get_arguments().filter_map(line).collect();
    Some(command.error(error.kind(), format!("settings are missing from the environment:{lines}\n\n{next}")))
}

/// The same command, which takes an empty variable for one that is not set.
pub fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|argument: Arg| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(Resettable::Reset),
        _ => argument,
    })
}

/// The same arguments without the settings of `command` that have an empty value: `--name=`, or `--name` and nothing.
pub fn without_empty_flags(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let is_setting = |text: &OsStr| {
        let long = text.to_str().and_then(|text| text.strip_prefix("--"));
        let mut settings = command.get_arguments().filter(|argument| argument.get_env().is_some());
        long.is_some_and(|long| settings.any(|argument| argument.get_long() == Some(long)))
    };
    let mut kept: Vec<OsString> = Vec::new();
    for argument in arguments {
        let name = argument.to_str().and_then(|text| text.strip_suffix('=')).map(OsStr::new);
        if name.is_some_and(is_setting) {
            continue;
        }
        if argument.is_empty() && kept.last().is_some_and(|flag| is_setting(flag)) {
            kept.pop();
            continue;
        }
        kept.push(argument);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_setting_that_is_empty_is_left_out() {
        let setting = Arg::new("policy-file").long("policy-file").env("GATEWAY_POLICY_FILE");
        let command = Command::new("x").arg(setting).arg(Arg::new("json").long("json"));
        let kept = |arguments: &[&str]| {
            let kept = without_empty_flags(&command, arguments.iter().map(OsString::from));
            kept.into_iter().map(|argument| argument.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(kept(&["x", "--policy-file=", "y"]), ["x", "y"]);
        assert_eq!(kept(&["x", "--policy-file", "", "y"]), ["x", "y"]);
        for whole in
            [&["x", "--policy-file=a"][..], &["x", "--policy-file", "a"], &["x", "--json=", "", "=", "--="]]
        {
            assert_eq!(kept(whole), whole);
        }
    }
}
