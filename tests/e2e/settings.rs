//! A setting that is empty, as a variable or as a flag, is one that is not set: compose files and charts pass what nobody
//! set as an empty text.
//!
//! A process reads its environment, and no test may change its own: this one starts itself again.

use std::process::Command;

use clap::CommandFactory as _;
use telemetry::command_line::try_parse;

/// Names the service whose settings a started copy of this program tells.
const TELL: &str = "TELL_THE_SETTINGS_OF";
/// A flag of that copy.
const FLAG: &str = "TELL_THEM_WITH_THE_FLAG";

/// What both services need to have settings that fit together.
const GIVEN: [(&str, &str); 4] = [
    ("AZURE_TENANT_ID", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
    ("AZURE_CLIENT_ID", "11112222-bbbb-3333-cccc-4444dddd5555"),
    ("GATEWAY_PUBLIC_URL", "https://mcp.contoso.com/mcp"),
    ("AZURE_CLIENT_CERTIFICATE_PATH", "/run/credential.pem"),
];

#[test]
fn an_empty_setting_is_as_unset_for_every_setting_of_both_services() {
    for (service, command) in
        [("gateway", gateway::config::Args::command()), ("token-broker", token_broker::Args::command())]
    {
        let named = |argument: &clap::Arg| {
            Some((argument.get_env()?.to_str()?.to_owned(), argument.get_long()?.to_owned()))
        };
        let settings: Vec<_> = command.get_arguments().filter_map(named).collect();
        assert!(settings.len() > 20, "{settings:?}");
        let right = told(service, &GIVEN);
        assert!(right.contains("Config"), "{right}");
        for (name, long) in settings {
            let others: Vec<_> = GIVEN.into_iter().filter(|(given, _)| *given != name).collect();
            let unset = if others.len() == GIVEN.len() { right.clone() } else { told(service, &others) };
            let empty = told(service, &[&others[..], &[(name.as_str(), "")]].concat());
            assert_eq!(empty, unset, "{service} with an empty {name}");
            let flag = format!("--{long}=");
            let empty = told(service, &[&others[..], &[(FLAG, flag.as_str())]].concat());
            assert_eq!(empty, unset, "{service} with {flag}");
        }
    }
}

/// What a service makes of exactly this environment.
pub(crate) fn told(service: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "settings::the_settings_in_force", "--nocapture"]);
    command.env_clear().env(TELL, service).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().skip_while(|line| *line != service).take_while(|line| *line != "end");
    lines.collect::<Vec<_>>().join("\n")
}

/// Started by the test above, and by nobody else.
#[test]
#[expect(clippy::disallowed_methods, reason = "what it tells of is not a setting of a service")]
fn the_settings_in_force() {
    let Ok(service) = std::env::var(TELL) else { return };
    let arguments =
        || [Some(service.clone()), std::env::var(FLAG).ok()].into_iter().flatten().map(Into::into);
    let settings = match service.as_str() {
        "gateway" => try_parse::<gateway::config::Args>(arguments(), gateway::config::NEXT)
            .map_err(|error| error.to_string())
            .and_then(|args| match gateway::config::Config::try_from(args) {
                Ok(config) => Ok(format!("{config:#?}")),
                Err(error) => Err(error.to_string()),
            }),
        _ => try_parse::<token_broker::Args>(arguments(), token_broker::NEXT)
            .map_err(|error| error.to_string())
            .and_then(|args| match token_broker::Config::try_from(args) {
                Ok(config) => Ok(format!("{config:#?}")),
                Err(error) => Err(error.to_string()),
            }),
    };
    println!("\n{service}\n{}\nend", settings.unwrap_or_else(|error| error));
}
