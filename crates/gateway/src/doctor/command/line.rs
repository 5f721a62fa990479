//! The command line, argument by argument: what clap stops at is left out and named, and all that stands behind it counts.
//!
//! Nothing of an argument is repeated but the name of a flag: what was typed in the wrong place may be a secret.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use telemetry::report::Finding;

use super::{TOKEN_STDIN, command};

/// The longest name of an unknown flag that is repeated.
const MAX_NAME: usize = 40;
/// What to do about a token where everybody can read it.
const PIPE_IT: &str =
    "Pipe the token into standard input: a command line is seen by others and kept in the shell's history.";
const SEE_HELP: &str = "Correct or leave out that flag; `gateway doctor --help` lists all.";

/// As much of the command line as clap takes.
pub(super) struct Line {
    arguments: Vec<OsString>,
    kept: Vec<OsString>,
    /// The place of a flag that is the last of those kept and has no value yet.
    waiting: Option<usize>,
    /// The place of an unknown flag: a word behind it is its value, and no mistake of its own.
    unknown: Option<usize>,
    mistakes: Vec<Finding>,
}

impl Line {
    /// What clap makes of the arguments, and a finding for each that it cannot take.
    ///
    /// # Errors
    /// Only help and version, which are to be printed.
    pub(super) fn read(arguments: Vec<OsString>) -> Result<(ArgMatches, Vec<Finding>), clap::Error> {
        let kept = vec![OsString::from("gateway doctor")];
        let mut line = Self { arguments, kept, waiting: None, unknown: None, mistakes: Vec::new() };
        for place in 0..line.arguments.len() {
            line.take(place)?;
        }
        if let Some(flag) = line.waiting.take() {
            line.leave_out_last();
            line.mistakes.push(line.no_value(flag));
        }
        Ok((line.matches()?, line.mistakes))
    }

    /// Keeps one more argument if clap takes it behind those kept so far.
    fn take(&mut self, place: usize) -> Result<(), clap::Error> {
        if self.arguments[place] == "--" {
            let detail = format!("{} ends the flags, so that none behind it would count", self.named(place));
            self.mistakes.push(finding(detail, "Leave it out."));
            return Ok(());
        }
        self.kept.push(self.arguments[place].clone());
        let Err(error) = self.matches() else {
            self.waiting = None;
            return Ok(());
        };
        match (error.kind(), self.waiting.take()) {
            _ if !error.use_stderr() => return Err(error),
            // No value is judged here, so that this is one that is not there; it may come next.
            (ErrorKind::InvalidValue, None) => self.waiting = Some(place),
            (ErrorKind::InvalidValue, Some(flag)) => {
                self.leave_out_last();
                self.leave_out_last();
                self.mistakes.push(self.no_value(flag));
                return self.take(place);
            }
            (kind, waiting) => {
                self.leave_out_last();
                self.waiting = waiting;
                let mistake = self.mistake(kind, place, &error);
                self.mistakes.extend(mistake);
            }
        }
        Ok(())
    }

    fn matches(&self) -> Result<ArgMatches, clap::Error> {
        command().try_get_matches_from(&self.kept)
    }

    fn leave_out_last(&mut self) {
        self.kept.pop();
    }

    fn no_value(&self, place: usize) -> Finding {
        finding(format!("{} has no value", self.named(place)), SEE_HELP)
    }

    /// What is wrong with an argument, by the kind of clap's error and never in its words, which repeat the argument.
    fn mistake(&mut self, kind: ErrorKind, place: usize, error: &clap::Error) -> Option<Finding> {
        let named = self.named(place);
        Some(match kind {
            ErrorKind::TooManyValues if self.is(place, TOKEN_STDIN) => {
                finding(format!("{named} takes no value"), PIPE_IT)
            }
            ErrorKind::TooManyValues => finding(format!("{named} takes no value"), SEE_HELP),
            ErrorKind::ArgumentConflict => {
                finding(format!("{named} is given twice; the first one counts"), SEE_HELP)
            }
            ErrorKind::UnknownArgument if self.is_flag(place) => {
                self.unknown = (!self.has_value(place)).then_some(place);
                let fix = alike(error)
                    .map(|flag| format!("Write {flag} if that is meant; `gateway doctor --help` lists all."));
                finding(format!("{named} is not a flag"), fix.as_deref().unwrap_or(SEE_HELP))
            }
            ErrorKind::UnknownArgument if self.unknown.is_some_and(|flag| flag + 1 == place) => return None,
            ErrorKind::UnknownArgument => {
                let before = place.checked_sub(1).is_some_and(|before| self.is(before, TOKEN_STDIN));
                let fix = if before {
                    PIPE_IT
                } else {
                    "Leave it out, or write the flag that it belongs to before it."
                };
                finding(format!("{named} is a word that belongs to no flag"), fix)
            }
            _ => finding(format!("{named} cannot be used"), SEE_HELP),
        })
    }

    /// An argument by its name if it is a flag with one, else by its place, counted from 1.
    fn named(&self, place: usize) -> String {
        match self.flag(place) {
            Some(name) if is_known(name) || is_plain(name) => format!("--{name}"),
            _ => format!("argument {} behind `doctor`", place + 1),
        }
    }

    /// The name of a flag, without dashes and value.
    fn flag(&self, place: usize) -> Option<&str> {
        let text = self.arguments[place].to_str()?.strip_prefix("--")?;
        Some(text.split_once('=').map_or(text, |(name, _)| name))
    }

    fn is(&self, place: usize, name: &str) -> bool {
        self.flag(place) == Some(name)
    }

    fn is_flag(&self, place: usize) -> bool {
        self.arguments[place].as_encoded_bytes().starts_with(b"-")
    }

    fn has_value(&self, place: usize) -> bool {
        self.arguments[place].as_encoded_bytes().contains(&b'=')
    }
}

fn finding(detail: String, fix: &str) -> Finding {
    Finding::missing("settings", "the command line", detail, fix)
}

/// The flag there is whose name is most like that of one there is not.
fn alike(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::SuggestedArg)? {
        ContextValue::String(flag) if is_known(flag.strip_prefix("--")?) => Some(flag.clone()),
        _ => None,
    }
}

fn is_known(name: &str) -> bool {
    command().get_arguments().any(|argument| argument.get_long() == Some(name))
}

/// Whether this looks like the name of a flag, and not like something that happens to begin with dashes.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The details of the mistakes, and the names of the settings that count.
    fn read(arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        let (matches, mistakes) = Line::read(arguments.iter().map(OsString::from).collect()).unwrap();
        let given = |id: &&clap::Id| {
            matches.value_source(id.as_str()) == Some(clap::parser::ValueSource::CommandLine)
        };
        let ids = matches.ids().filter(given).map(ToString::to_string).collect();
        (mistakes.into_iter().map(|mistake| mistake.detail).collect(), ids)
    }

    #[test]
    fn each_mistake_is_named_and_what_stands_behind_it_counts() {
        const GUID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
        for (arguments, mistakes, ids) in [
            (&["--client-id", GUID, "--json"][..], &[][..], &["client_id", "json"][..]),
            (
                &["--tenat-id=x", "--client-id=y", "--json"],
                &["--tenat-id is not a flag"],
                &["client_id", "json"],
            ),
            (&["--tenat-id", "x", "--json"], &["--tenat-id is not a flag"], &["json"]),
            (
                &["--tenat-id", "x", "y", "--json"],
                &["--tenat-id is not a flag", "argument 3 behind `doctor` is a word that belongs to no flag"],
                &["json"],
            ),
            (&["--json=x", "--client-id=y"], &["--json takes no value"], &["client_id"]),
            (&["--client-id", "--json"], &["--client-id has no value"], &["json"]),
            (&["--json", "--client-id"], &["--client-id has no value"], &["json"]),
            (
                &["--client-id", "--tenant-id", "--json"],
                &["--client-id has no value", "--tenant-id has no value"],
                &["json"],
            ),
            (
                &["--client-id=a", "--client-id=b", "--json"],
                &["--client-id is given twice; the first one counts"],
                &["client_id", "json"],
            ),
            (&["-x", "--json"], &["argument 1 behind `doctor` is not a flag"], &["json"]),
            (
                &["--", "--json"],
                &["argument 1 behind `doctor` ends the flags, so that none behind it would count"],
                &["json"],
            ),
            (&["--accept-v1-tokens", "--json"], &[], &["accept_v1_tokens", "json"]),
        ] {
            let (found, mut given) = read(arguments);
            given.sort_unstable();
            assert_eq!((found, given), (owned(mistakes), owned(ids)), "{arguments:?}");
        }
    }

    #[test]
    fn nothing_is_repeated_but_names_of_flags() {
        for argument in [
            "eyJhbGciOi.eyJpc3Mi.c2ln",
            "--token-stdin=eyJhbGciOi.eyJpc3Mi.c2ln",
            "--eyJhbGciOi.eyJpc3Mi.c2ln",
            "--token=eyJhbGciOi",
            "-eyJhbGciOi",
            "-e=eyJhbGciOi",
            "--=eyJhbGciOi",
        ] {
            for arguments in [&["--token-stdin", argument][..], &[argument], &["--client-id", "x", argument]]
            {
                let (_, mistakes) = Line::read(arguments.iter().map(OsString::from).collect()).unwrap();
                assert_eq!(mistakes.len(), 1, "{arguments:?}");
                assert!(!format!("{mistakes:?}").contains("eyJ"), "{mistakes:?}");
            }
        }
    }

    #[test]
    fn a_token_on_the_command_line_is_to_be_piped_in() {
        for arguments in [&["--token-stdin", "a.b.c"][..], &["--token-stdin=a.b.c"]] {
            let (_, mistakes) = Line::read(arguments.iter().map(OsString::from).collect()).unwrap();
            assert_eq!(mistakes[0].fix, PIPE_IT);
        }
    }

    #[test]
    fn a_flag_that_is_alike_is_named() {
        let (_, mistakes) = Line::read(vec!["--tenat-id=x".into()]).unwrap();
        assert!(mistakes[0].fix.starts_with("Write --tenant-id if"), "{mistakes:?}");
    }

    #[test]
    fn help_is_shown_whatever_else_is_wrong() {
        let error = Line::read(vec!["--tenat-id=x".into(), "--help".into()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp);
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }
}
