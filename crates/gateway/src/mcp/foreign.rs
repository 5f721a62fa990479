//! Text that people wrote, on its way into a text of ours: what is read there is its letters and nothing else.
//!
//! Names and tags in Azure, and messages that quote them, are chosen by whoever may create a resource, of other
//! directories too. In a text they can neither start a table cell, a link, an image or a line, nor say what is not seen.
//! In data they stand as they are: a program compares them.

use cost::{is_unseen, visible};

/// The most characters of a name: more than Azure allows for any that is shown here.
const NAME: usize = 100;
/// The most characters of a message.
const MESSAGE: usize = 600;
/// The most characters of anything in data. No name of Azure's comes near; one that does is not a name.
const DATA: usize = 1_000;

/// A name, for a text.
pub(super) fn name(text: &str) -> String {
    let name = markdown(&visible(text, NAME));
    if name.is_empty() { "(no name)".to_owned() } else { name }
}

/// A message, for a text.
pub(super) fn message(text: &str) -> String {
    markdown(&visible(text, MESSAGE))
}

/// A message that lists names, for a text: the list is cut at one of them, and says how many it leaves out.
pub(super) fn message_with(text: &str, names: &[String]) -> String {
    const LIST: &str = "valid values:";
    const REST: usize = 30;
    let whole = visible(text, usize::MAX);
    let Some((head, _)) = whole.split_once(LIST).filter(|_| whole.chars().count() > MESSAGE) else {
        return message(text);
    };
    let mut cut = format!("{} {LIST}", visible(head, MESSAGE / 2));
    let mut shown = 0;
    for name in names {
        let name = format!("{} '{}'", if shown == 0 { "" } else { "," }, visible(name, NAME));
        if cut.chars().count() + name.chars().count() + REST > MESSAGE {
            break;
        }
        cut.push_str(&name);
        shown += 1;
    }
    let left_out = names.len() - shown;
    markdown(&if left_out == 0 { cut } else { format!("{cut} and {left_out} more") })
}

/// A table of a file, for a text: letter by letter in a block that nothing in it can end, without what is not seen. Says
/// how many characters that were.
pub(super) fn block(language: &str, text: &str) -> (String, usize) {
    let keeps_shape = |character: char| matches!(character, '\n' | '\r' | '\t');
    let seen: String = text.chars().filter(|c| keeps_shape(*c) || !is_unseen(*c)).collect();
    let left_out = text.chars().count() - seen.chars().count();
    let longest = seen.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if seen.ends_with('\n') { "" } else { "\n" };
    (format!("{fence}{language}\n{seen}{end}{fence}"), left_out)
}

/// A text for data: as it is.
pub(super) fn exact(text: &str) -> String {
    match text.char_indices().nth(DATA) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Escapes what Markdown (CommonMark and GitHub's tables) acts on within a line. What acts at the start of a line only is
/// left as it is: nothing foreign stands there.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let acts = match character {
            '\\' | '`' | '*' | '[' | ']' | '>' | '|' | '~' | '$' => true,
            // Of a tag, a comment or an address; before a space it is "less than".
            '<' => !rest.as_str().starts_with(' '),
            // Between letters it is one of them, and many names have it.
            '_' => !(before.is_alphanumeric() && rest.clone().next().is_some_and(char::is_alphanumeric)),
            // Of an entity, which could be any character.
            '&' => rest.as_str().contains(';'),
            _ => false,
        };
        if acts {
            escaped.push('\\');
        }
        escaped.push(character);
        before = character;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_finds_nothing_to_act_on() {
        for (text, expected) in [
            ("rg_prod-1 (EU), R&D 50%", "rg_prod-1 (EU), R&D 50%"),
            (r"a\|b", r"a\\\|b"),
            (r"ends in \", r"ends in \\"),
            ("![x](https://evil.example/?q=1)", r"!\[x\](https://evil.example/?q=1)"),
            ("[x][y] <img src=x> `code`", r"\[x\]\[y\] \<img src=x\> \`code\`"),
            ("*a* _b_ __c__ ~~d~~ $e$", r"\*a\* \_b\_ \_\_c\_\_ \~\~d\~\~ \$e\$"),
            ("< 0.01 EUR <b>", r"< 0.01 EUR \<b\>"),
            ("&#x202e;&lt;", r"\&#x202e;\&lt;"),
            ("a\n# b\n| c", r"a # b \| c"),
        ] {
            assert_eq!(name(text), expected);
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn a_list_of_names_is_cut_at_a_name() {
        let names: Vec<_> = (0..80).map(|number| format!("Dimension{number}")).collect();
        let list =
            |names: &[String]| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
        let long = message_with(&format!("Invalid: 'X'; valid values: {},''.\r\n", list(&names)), &names);
        assert!(long.starts_with("Invalid: 'X'; valid values: 'Dimension0', 'Dimension1', "), "{long}");
        assert!(long.chars().count() <= MESSAGE, "{long}");
        let shown = long.matches("'Dimension").count();
        assert!(shown > 20 && long.ends_with(&format!("' and {} more", 80 - shown)), "{long}");
        let short = format!("valid values: {}.", list(&names[..3]));
        assert_eq!(message_with(&short, &names[..3]), short);
    }

    #[test]
    fn a_name_that_is_not_seen_is_said_to_be_none() {
        assert_eq!(name("\u{e0041}\u{200b} "), "(no name)");
    }

    #[test]
    fn lengths_are_bounded() {
        let long = "|".repeat(5_000);
        assert_eq!(name(&long), format!("{}…", r"\|".repeat(NAME - 1)));
        assert_eq!(message(&long), format!("{}…", r"\|".repeat(MESSAGE - 1)));
        assert_eq!(exact(&long), format!("{}…", "|".repeat(DATA)));
        assert_eq!(exact("a\u{202e}|\n"), "a\u{202e}|\n");
    }

    #[test]
    fn nothing_ends_a_block() {
        assert_eq!(block("csv", "a,b\n1,2"), ("```csv\na,b\n1,2\n```".to_owned(), 0));
        let (text, left_out) = block("csv", "a\n```\nb\u{e0041}\u{1b}[0m````\r\n");
        assert_eq!(text, "`````csv\na\n```\nb[0m````\r\n`````");
        assert_eq!(left_out, 2);
    }
}
