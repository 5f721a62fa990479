//! The command line of the doctor: every setting of the gateway, none of them required, none of them able to stop it.

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory};
use telemetry::command_line::{without_empty_flags, without_empty_variables};

use self::line::Line;
use super::{Request, settings};
use crate::config::Args;

mod line;

/// The flag that a token is announced by.
const TOKEN_STDIN: &str = "token-stdin";

/// The flag that names an MCP client.
const CLIENT: &str = "client";

const LONG_HELP: &str = "\
Looks at everything that is set wrong the first time, from the outside in: settings, files, policy, hosts and clock, the
tenant's metadata and keys, audiences, the protected resource metadata as a client sees it, the token broker and its
preflight. Takes the settings of the gateway, as flags or environment. Changes nothing.

With --token-stdin it explains one access token, read from standard input: each check with what is expected and what was
found, which tools the token can call, and whether it can be exchanged. The token is never printed:

  az account get-access-token --scope https://mcp.contoso.com/mcp/cost.read | gateway doctor --token-stdin

With --client NAME it says what to register for that MCP client, what the client does with scopes and refusals, and whether
the redirect URI is registered on the right platform, as far as the broker's preflight sees it. A wrong name lists all.";

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  something is missing or wrong: the lines marked `missing` say what, and how to mend it
  2  nothing is missing, but something could not be told: the lines marked `unknown` say why

JSON (--json): version, tool, checked_at, result (ok, missing, unknown), exit_code, counts, and checks, each with name,
subject, result, detail, fix (empty where nothing is to be done) and url (or null).";

/// Reads the command line and the environment.
///
/// # Errors
/// Only help and version, which are to be printed.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Request, clap::Error> {
    let (matches, mistakes) = Line::read(without_empty_flags(&Args::command(), arguments))?;
    let mut given = settings::read(&matches);
    given.findings.splice(0..0, mistakes);
    let on = |name| matches.get_flag(name);
    let client = settings::raw(&matches, CLIENT).map(|name| name.to_string_lossy().into_owned());
    Ok(Request { given, json: on("json"), token_stdin: on(TOKEN_STDIN), client })
}

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    without_empty_variables(Args::command())
        .name("gateway doctor")
        .about("Say what is wrong with this installation")
        .long_about(LONG_HELP)
        .override_usage("gateway doctor [OPTIONS]")
        .help_template("{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}")
        .next_help_heading(None::<&str>)
        .after_help(EXIT_CODES)
        .mut_args(loosened)
        .arg(Arg::new(CLIENT).long(CLIENT).value_name("NAME").value_parser(ValueParser::os_string()).help(
            "Say what to register for an MCP client (claude, chatgpt, cursor, …), and whether it is registered",
        ))
        .arg(flag("json", "Print one JSON document in place of the table").display_order(0))
        .arg(flag(TOKEN_STDIN, "Explain one access token, read from standard input").display_order(0))
}

/// The same setting, with its value taken as it stands: whether it can be used is looked at one by one.
fn loosened(argument: Arg) -> Arg {
    let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
    let argument = argument.required(false).value_parser(ValueParser::os_string());
    if !is_switch {
        return argument;
    }
    argument.action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true")
}
