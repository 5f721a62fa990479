//! The settings, each judged by itself with the gateway's own parsers, so that one that is wrong hides no other.
//!
//! A value is never repeated: what was pasted into the wrong place may be a secret. Its place is named instead.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use telemetry::report::Finding;

use super::words::sentence;
use crate::config::{Args, conflicts};

const NAME: &str = "settings";

/// What stands in for a required setting that has no usable value, so that the rest can be looked at.
const STAND_INS: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000000"),
    ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000000"),
    ("GATEWAY_PUBLIC_URL", "https://not-set.invalid/mcp"),
];

/// The settings as far as they can be used.
#[derive(Debug)]
pub(super) struct Given {
    /// The settings; where one is unusable, its default or a stand-in.
    pub(super) args: Args,
    /// The environment names of those that are.
    pub(super) unusable: BTreeSet<String>,
    /// What is wrong with them.
    pub(super) findings: Vec<Finding>,
}

/// Judges every setting that the command line and the environment give.
pub(super) fn read(matches: &ArgMatches) -> Given {
    let mut findings = Vec::new();
    let mut unusable = BTreeSet::new();
    let mut usable = vec![OsString::from("gateway")];
    let mut given_by = GivenBy::default();
    for setting in settings() {
        let value = raw(matches, &setting.id);
        let source = matches.value_source(&setting.id);
        let given = source.is_some_and(|source| source != ValueSource::DefaultValue);
        match value.filter(|_| given) {
            None if !setting.required => {}
            None => {
                unusable.insert(setting.env.clone());
                findings.push(setting.not_set());
            }
            Some(value) => match setting.judge(&value) {
                Ok(flags) => {
                    given_by.count(source);
                    usable.extend(flags);
                }
                Err(why) => {
                    unusable.insert(setting.env.clone());
                    findings.push(setting.wrong(source, &value, &why));
                }
            },
        }
    }
    if given_by.is_empty() {
        findings.insert(0, nothing_set());
    }
    for (env, stand_in) in STAND_INS.iter().filter(|(env, _)| unusable.contains(*env)) {
        let long = settings().into_iter().find(|setting| setting.env == *env).map(|setting| setting.long);
        usable.push(format!("--{}={stand_in}", long.unwrap_or_default()).into());
    }
    let mut args = assemble(&usable);
    findings.extend(odd_hosts(&mut args, &mut unusable));
    findings.extend(conflicts(&args).map(|conflict| {
        let (why, fix) = told(&conflict.to_string());
        Finding::missing(NAME, "settings that go together", why, fix)
    }));
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, given_by.told(), "each has a usable value, and they fit together"));
    }
    Given { args, unusable, findings }
}

/// The value of a setting as it was given, joined again where it is a list.
pub(super) fn raw(matches: &ArgMatches, id: &str) -> Option<OsString> {
    let values: Vec<_> = matches.get_raw(id)?.collect();
    Some(values.join(OsStr::new(",")))
}

/// One setting of the gateway.
struct Setting {
    id: String,
    env: String,
    long: String,
    help: String,
    required: bool,
    is_switch: bool,
}

impl Setting {
    fn of(argument: &Arg) -> Option<Self> {
        Some(Self {
            id: argument.get_id().to_string(),
            env: argument.get_env()?.to_str()?.to_owned(),
            long: argument.get_long()?.to_owned(),
            help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
            required: argument.is_required_set(),
            is_switch: matches!(argument.get_action(), ArgAction::SetTrue),
        })
    }

    /// The flags that give this value to the gateway, or why the gateway would not take it.
    fn judge(&self, value: &OsStr) -> Result<Vec<OsString>, String> {
        if self.is_switch {
            return match value.to_str() {
                Some("true") => Ok(vec![format!("--{}", self.long).into()]),
                Some("false") => Ok(Vec::new()),
                _ => Err("it is either true or false".to_owned()),
            };
        }
        let mut flag = OsString::from(format!("--{}=", self.long));
        flag.push(value);
        match alone().try_get_matches_from([OsStr::new("gateway"), &flag]) {
            Ok(_) => Ok(vec![flag]),
            Err(error) => Err(reason(&error)),
        }
    }

    fn not_set(&self) -> Finding {
        let help = self.help.trim_end_matches('.');
        let fix = format!("Set {} in the environment or give --{}: {help}.", self.env, self.long);
        Finding::missing(NAME, &self.env, "it is required and not set", fix)
    }

    fn wrong(&self, source: Option<ValueSource>, value: &OsStr, why: &str) -> Finding {
        let place = place(source);
        let (quoted, blank) = (is_quoted(value), is_padded(value));
        let fix = match self.help.trim_end_matches('.') {
            _ if quoted => format!("Take the quotes away: in {place} they are part of the value."),
            _ if blank => "Take the blanks around the value away.".to_owned(),
            help => format!("Correct {} in {place}: {help}.", self.env),
        };
        Finding::missing(NAME, &self.env, format!("the value given by {place} cannot be used: {why}"), fix)
    }
}

/// Every setting there is.
fn settings() -> Vec<Setting> {
    Args::command().get_arguments().filter_map(Setting::of).collect()
}

/// The gateway's own command with nothing required and deaf to the environment: it judges what it is handed.
fn alone() -> Command {
    Args::command().mut_args(|argument| argument.required(false).env(clap::builder::Resettable::Reset))
}

#[expect(clippy::expect_used, reason = "every flag was judged alone, and what is required has a stand-in")]
fn assemble(flags: &[OsString]) -> Args {
    let matches = alone().try_get_matches_from(flags).expect("usable flags are usable together");
    Args::from_arg_matches(&matches).expect("what is required is there")
}

/// Why clap takes a value for none, without the value.
fn reason(error: &clap::Error) -> String {
    use clap::error::{ContextKind, ContextValue};
    if let Some(source) = std::error::Error::source(error) {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!("it is one of {}", valid.join(", ")),
        _ => "it is of another form".to_owned(),
    }
}

/// Overrides of hosts that are not an https origin; each is set aside, so that the others can be looked at.
fn odd_hosts(args: &mut Args, unusable: &mut BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let original = args.cloud.clone();
    for env in ["AZURE_AUTHORITY_HOST", "AZURE_ARM_ENDPOINT", "AZURE_GRAPH_ENDPOINT"] {
        let mut only = original.clone();
        let mut rest = args.cloud.clone();
        for (name, slot, kept) in [
            ("AZURE_AUTHORITY_HOST", &mut only.authority_host, &mut rest.authority_host),
            ("AZURE_ARM_ENDPOINT", &mut only.arm_endpoint, &mut rest.arm_endpoint),
            ("AZURE_GRAPH_ENDPOINT", &mut only.graph_endpoint, &mut rest.graph_endpoint),
        ] {
            if name == env { *kept = None } else { *slot = None }
        }
        if let Err(error) = only.endpoints() {
            let (why, fix) = told(&error.to_string());
            findings.push(Finding::missing(NAME, env, why, fix));
            unusable.insert(env.to_owned());
            args.cloud = rest;
        }
    }
    findings
}

/// The texts of the configuration's errors say what is wrong and, behind a colon, what to do.
fn told(text: &str) -> (String, String) {
    match text.rsplit_once(": ") {
        Some((why, fix)) => (why.to_owned(), sentence(fix)),
        None => (text.to_owned(), "Set it as docs/settings.md says.".to_owned()),
    }
}

fn nothing_set() -> Finding {
    let folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
    Finding::missing(
        NAME,
        "the environment",
        format!("not one setting is given, by flag or environment; the working directory is {folder}"),
        "Run doctor with the settings that the gateway has, for example `set -a; . ./env; set +a` for a file.",
    )
}

fn place(source: Option<ValueSource>) -> &'static str {
    match source {
        Some(ValueSource::CommandLine) => "the command line",
        _ => "the environment",
    }
}

fn is_quoted(value: &OsStr) -> bool {
    let text = value.to_string_lossy();
    text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

fn is_padded(value: &OsStr) -> bool {
    let text = value.to_string_lossy();
    text.trim() != text
}

/// Where values came from.
#[derive(Default)]
struct GivenBy {
    flags: usize,
    environment: usize,
}

impl GivenBy {
    fn count(&mut self, source: Option<ValueSource>) {
        match source {
            Some(ValueSource::CommandLine) => self.flags += 1,
            _ => self.environment += 1,
        }
    }

    fn is_empty(&self) -> bool {
        self.flags + self.environment == 0
    }

    fn told(&self) -> String {
        format!("{} by flags, {} by the environment, the rest by default", self.flags, self.environment)
    }
}
