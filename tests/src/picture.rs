//! The picture of alice and bob, who ask the same question: drawn from what the stack answered each of them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Caller;

/// What both ask.
pub const QUESTION: &str = "What did Contoso Prod cost in October 2026, by service?";
/// Who asks, and what Azure knows of them.
pub const PEOPLE: [(&str, &str); 2] =
    [("alice", "a role on Contoso Prod"), ("bob", "no role on Contoso Prod")];

const WIDTH: usize = 920;
const PANEL: usize = 440;
const LINE: usize = 19;
/// Letters in a line of a panel.
const COLUMNS: usize = 52;
/// Rows of a table that are drawn; what is left out is counted.
const ROWS: usize = 6;
const TOP: usize = 118;

/// What a person's assistant asks for `QUESTION`, and the answer, as it is for people.
pub async fn ask(caller: &Caller, token: &str) -> String {
    let answer = caller.call(token, "cost_by_service", arguments()).await;
    answer.readable().to_owned()
}

fn arguments() -> Value {
    json!({"subscription": "Contoso Prod", "from": "2026-10-01", "to": "2026-10-31"})
}

/// The picture, as SVG. Its colours follow the reader's.
pub fn draw(answers: [&str; 2]) -> String {
    let panels = answers.map(lines);
    let longest = panels.iter().map(Vec::len).max().unwrap_or(0);
    let height = TOP + longest * LINE + 24;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"Alice and bob ask the same question. Alice gets costs, and bob is told which role he \
         needs.\">\n{STYLE}\n<text class=\"question\" x=\"{}\" y=\"30\" text-anchor=\"middle\">{}</text>\n",
        WIDTH / 2,
        escape(QUESTION)
    );
    for (at, ((person, role), lines)) in PEOPLE.iter().zip(&panels).enumerate() {
        let left = 10 + at * (PANEL + 20);
        let _ = write!(
            svg,
            "<rect class=\"panel\" x=\"{left}\" y=\"48\" width=\"{PANEL}\" height=\"{}\" rx=\"8\"/>\n\
             <text class=\"name\" x=\"{}\" y=\"76\">{person}</text>\n\
             <text class=\"role\" x=\"{}\" y=\"76\" text-anchor=\"end\">{role}</text>\n",
            height - 58,
            left + 16,
            left + PANEL - 16
        );
        for (number, line) in lines.iter().enumerate() {
            let y = TOP + number * LINE;
            let _ = writeln!(
                svg,
                "<text class=\"answer\" x=\"{}\" y=\"{y}\" xml:space=\"preserve\">{}</text>",
                left + 16,
                escape(line)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

const STYLE: &str = "<style>
  text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13px; fill: #1f2328 }
  .question { font-family: system-ui, sans-serif; font-size: 16px; font-weight: 600 }
  .name { font-family: system-ui, sans-serif; font-size: 15px; font-weight: 600 }
  .role { font-family: system-ui, sans-serif; fill: #59636e }
  .panel { fill: #f6f8fa; stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .role { fill: #9198a1 } .panel { fill: #151b23; stroke: #3d444d }
  }
</style>";

/// An answer in lines that fit into a panel. Rows of a table stand in columns, and only the first of them.
fn lines(answer: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut shown, mut left_out) = (0, 0);
    for line in answer.lines() {
        match cells(line) {
            Some(cells) if cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':'))) => {}
            Some(_) if shown > ROWS => left_out += 1,
            Some(cells) => {
                shown += 1;
                lines.push(row(&cells));
            }
            None => {
                count(&mut lines, &mut left_out);
                lines.extend(wrap(line));
            }
        }
    }
    count(&mut lines, &mut left_out);
    lines
}

fn count(lines: &mut Vec<String>, left_out: &mut usize) {
    if *left_out > 0 {
        lines.push(format!("… and {left_out} more"));
        *left_out = 0;
    }
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// The first column to the left, the others to the right.
fn row(cells: &[&str]) -> String {
    let (first, rest) = cells.split_first().unwrap_or((&"", &[]));
    let numbers: String = rest.iter().fold(String::new(), |mut text, cell| {
        let _ = write!(text, " {cell:>14}");
        text
    });
    let room = COLUMNS.saturating_sub(numbers.chars().count());
    let name: String = first.chars().take(room).collect();
    format!("{name:<room$}{numbers}")
}

fn wrap(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        // Ids are others each time.
        let word = if is_id(word) { "…" } else { word };
        let last = lines.last_mut().map_or(0, |last| last.chars().count());
        if last > 0 && last + 1 + word.chars().count() > COLUMNS {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

fn is_id(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
