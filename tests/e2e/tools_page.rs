//! The questions of docs/tools.md, asked: each answer begins as the page says.

use std::path::Path;

use e2e::Stack;
use serde_json::Value;

/// A question of the page: who asks, the tool, the arguments, and what the answer says.
struct Asked {
    line: usize,
    tool: String,
    arguments: Value,
    answer: String,
}

/// The pairs of a fence `json tool` and the fence `text` below it.
fn questions(page: &str) -> Vec<Asked> {
    let mut fences = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(head)) => open = Some((index + 1, head.to_owned(), String::new())),
            (Some(_), Some(_)) => fences.extend(open.take()),
            (Some((_, _, text)), None) => text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    let pairs = fences.windows(2).filter_map(|pair| {
        let [(line, head, arguments), (_, next, answer)] = pair else { return None };
        let tool = head.strip_prefix("json ").filter(|_| next == "text")?;
        let arguments =
            serde_json::from_str(arguments).unwrap_or_else(|error| panic!("line {line}: {error}"));
        Some(Asked { line: *line, tool: tool.to_owned(), arguments, answer: answer.clone() })
    });
    pairs.collect()
}

/// Whether a text has these lines in this order; `…` is anything in a line.
fn says(text: &str, lines: &str) -> Result<(), String> {
    let mut rest = text.lines();
    for wanted in lines.lines().filter(|line| !line.trim().is_empty()) {
        let parts: Vec<&str> = wanted.split('…').collect();
        let is = |line: &str| {
            let mut at = 0;
            let found = parts.iter().all(|part| match line[at..].find(part) {
                Some(place) => {
                    at += place + part.len();
                    true
                }
                None => false,
            });
            found && line.starts_with(parts[0]) && (wanted.ends_with('…') || at == line.len())
        };
        if !rest.any(is) {
            return Err(wanted.to_owned());
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_questions_of_the_page_have_the_answers_of_the_page() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tools.md");
    let asked = questions(&std::fs::read_to_string(file).unwrap());
    assert!(asked.len() > 7, "{} questions", asked.len());
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let mut wrong = Vec::new();
    for Asked { line, tool, arguments, answer } in asked {
        let told = stack.caller.call(&token, &tool, arguments).await;
        if let Err(missing) = says(told.readable(), &answer) {
            wrong.push(format!("line {line} does not say {missing:?}:\n{}\n", told.readable()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_are_told_apart() {
    let text = "Total: 12.50 EUR.\n\n| Storage | 7.00 EUR |";
    assert_eq!(says(text, "Total: … EUR.\n| Storage | …"), Ok(()));
    assert_eq!(says(text, "| Storage | …\nTotal: …"), Err("Total: …".to_owned()));
    assert_eq!(says(text, "Total: 12.50"), Err("Total: 12.50".to_owned()));
}
