//! A page as a reader walks it: its command blocks in order, and what it says they show.
//!
//! What stands behind the language of a fence is for this test; whoever renders the page shows only the language.

use std::fmt;

/// Reasons not to run a block, besides a sentence of its own. Each stands somewhere, or the test fails.
pub(super) const REASONS: [&str; 6] = [
    "needs a browser",
    "needs a cluster",
    "needs a container engine",
    "needs your own tenant",
    "builds for minutes",
    "is what runs this test",
];

/// Languages of blocks that are no commands.
const OTHERS: [&str; 8] = ["text", "toml", "json", "mermaid", "yaml", "python", "nginx", "caddyfile"];

/// A command block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The line on which it begins.
    pub(super) line: usize,
    pub(super) commands: String,
    /// Why it is not run.
    pub(super) not_run: Option<String>,
    /// In which of the reader's terminals; the first, where nothing is said.
    pub(super) terminal: u32,
    /// It runs on, and is ready when it has shown this.
    pub(super) until: Option<String>,
    /// What the page says that it shows.
    pub(super) shown: Vec<String>,
}

/// What is wrong about a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// The command blocks of a page.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, Fault> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let fault = |what: String| Fault { line: at + 1, what };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
        let attributes = attributes(rest).map_err(fault)?;
        match language {
            "sh" => {
                let block =
                    Block { line: at + 1, terminal: 1, commands: body.join("\n"), ..Block::default() };
                blocks.push(block.with(attributes).map_err(fault)?);
            }
            "text" if attributes == [("shown".to_owned(), String::new())] => {
                let shows =
                    blocks.last_mut().filter(|block| block.not_run.is_none() && block.shown.is_empty());
                let block = shows.ok_or_else(|| fault("nothing was run that could show this".to_owned()))?;
                block.shown = body.into_iter().map(str::to_owned).collect();
            }
            // `tools_page` asks these.
            "json" if is_a_call(rest) => {}
            _ if !OTHERS.contains(&language) => return Err(fault(format!("what is {language:?}?"))),
            _ if !attributes.is_empty() => return Err(fault(format!("{rest} says nothing here"))),
            _ => {}
        }
    }
    Ok(blocks)
}

impl Block {
    fn with(mut self, attributes: Vec<(String, String)>) -> Result<Self, String> {
        for (name, value) in attributes {
            match name.as_str() {
                "not-run" if is_reason(&value) => self.not_run = Some(value),
                "not-run" => return Err(format!("{value:?} is neither one of {REASONS:?} nor a sentence")),
                "terminal" => self.terminal = value.parse().map_err(|_| format!("no terminal {value:?}"))?,
                "until" if !value.is_empty() => self.until = Some(value),
                _ => return Err(format!("a command block has no {name}={value:?}")),
            }
        }
        if self.not_run.is_some() && (self.until.is_some() || self.terminal != 1) {
            return Err("what is not run needs no other attribute".to_owned());
        }
        Ok(self)
    }
}

/// A tool's name.
fn is_a_call(text: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_lowercase() || character == '_';
    ["cost_", "list_"].iter().any(|word| text.starts_with(word)) && text.chars().all(is_plain)
}

fn is_reason(text: &str) -> bool {
    let sentence = text.ends_with('.') && text.starts_with(char::is_uppercase) && text.split(' ').count() > 3;
    REASONS.contains(&text) || sentence
}

/// `name` and `name="value"`, separated by spaces.
fn attributes(mut text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    while !text.trim_start().is_empty() {
        text = text.trim_start();
        let name = text.split(['=', ' ']).next().unwrap_or_default();
        text = &text[name.len()..];
        let value = match text.strip_prefix("=\"") {
            Some(rest) => {
                let (value, rest) = rest.split_once('"').ok_or_else(|| format!("{name} does not end"))?;
                text = rest;
                value
            }
            None => "",
        };
        found.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
}

/// The first line of `shown` that `output` does not have, each after the one before. `…` is anything within a line, and a
/// line of `...` any lines. How wide a column is, and how far a line stands in, says nothing.
pub(super) fn missing<'a>(shown: &'a [String], output: &str) -> Option<&'a str> {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = output.lines().map(squeeze);
    let wanted = shown.iter().filter(|line| !matches!(line.trim(), "..." | ""));
    wanted.map(String::as_str).find(|wanted| !lines.any(|line| is_like(&squeeze(wanted), &line)))
}

fn is_like(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut open = false;
    for part in parts {
        open = true;
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || open && wanted.ends_with('…')
}

#[cfg(test)]
mod tests {
    use super::{blocks, missing};

    #[test]
    fn a_page_that_hides_a_block_is_a_fault() {
        for (page, what) in [
            ("```console\nls\n```", "what is \"console\"?"),
            ("```sh not-run\nls\n```", "neither one of"),
            ("```sh not-run=\"later\"\nls\n```", "neither one of"),
            ("```sh skip=\"yes\"\nls\n```", "has no skip"),
            ("```sh not-run=\"needs a browser\" until=\"x\"\nls\n```", "needs no other"),
            ("```text shown\nx\n```", "nothing was run"),
            ("```sh not-run=\"needs a browser\"\nls\n```\n```text shown\nx\n```", "nothing was run"),
            ("```toml until=\"x\"\n```", "says nothing here"),
        ] {
            let fault = blocks(page).unwrap_err();
            assert!(fault.what.contains(what), "{page}: {fault}");
        }
        let page = "```sh terminal=\"2\" until=\"is ready\"\nserve\n```\n\nYou should see:\n\n```text shown\nready\n```";
        let block = &blocks(page).unwrap()[0];
        assert_eq!((block.line, block.terminal, block.until.as_deref()), (1, 2, Some("is ready")));
        assert_eq!(block.shown, ["ready"]);
    }

    #[test]
    fn what_is_shown_is_looked_for_in_order() {
        let shown = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        let output = "first 1 of 2\nsecond\nthird\n";
        assert_eq!(missing(&shown(&["first … of 2", "...", "  third"]), output), None);
        assert_eq!(missing(&shown(&["third", "second"]), output), Some("second"));
        assert_eq!(missing(&shown(&["first"]), output), Some("first"), "a line is a whole line");
        assert_eq!(missing(&shown(&["first …"]), output), None);
    }
}
