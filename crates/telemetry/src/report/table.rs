//! The table: one line for what was looked at, and below it, where something is to be done, what and how.

use std::fmt::Write;

use super::{Finding, Outcome, Report};

/// As wide as the longest result's name.
const RESULT_WIDTH: usize = 7;
const GAP: &str = "  ";

pub(super) fn render(report: &Report, colour: bool) -> String {
    let width = report.findings.iter().map(|finding| finding.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in &report.findings {
        line(&mut text, finding, width, colour);
    }
    let counts = [Outcome::Ok, Outcome::Missing, Outcome::Unknown].map(|outcome| {
        let count = format!("{} {}", report.count(outcome), outcome.as_str());
        if report.count(outcome) == 0 { count } else { painted(&count, outcome, colour) }
    });
    // Writing to a `String` cannot fail, here and below.
    let _ = writeln!(text, "\n{}: {}", report.tool, counts.join(", "));
    text
}

fn line(text: &mut String, finding: &Finding, width: usize, colour: bool) {
    let outcome = finding.outcome;
    let result = painted(&format!("{:<RESULT_WIDTH$}", outcome.as_str()), outcome, colour);
    let (name, subject, detail) = (plain(&finding.name), plain(&finding.subject), plain(&finding.detail));
    let _ = write!(text, "{result}{GAP}{name:<width$}{GAP}{subject}");
    let indent = " ".repeat(RESULT_WIDTH + GAP.len() + width + GAP.len());
    match (outcome, detail.is_empty()) {
        (_, true) => text.push('\n'),
        (Outcome::Ok, false) => {
            let _ = writeln!(text, ": {detail}");
        }
        (_, false) => {
            let _ = writeln!(text, "\n{indent}{detail}");
        }
    }
    if !finding.fix.is_empty() {
        let _ = writeln!(text, "{indent}fix: {}", plain(&finding.fix));
    }
    if let Some(url) = &finding.url {
        let _ = writeln!(text, "{indent}open: {}", plain(url));
    }
}

fn painted(text: &str, outcome: Outcome, colour: bool) -> String {
    let code = match outcome {
        Outcome::Ok => "32",
        Outcome::Unknown => "33",
        Outcome::Missing => "31",
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// One line that a terminal takes for text and for nothing else.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() || is_bidi(c) { ' ' } else { c };
    text.chars().map(visible).collect::<String>().trim().to_owned()
}

/// Characters that reorder what stands around them (Unicode UAX #9): a name could make another line of itself.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
