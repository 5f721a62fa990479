//! Text that people wrote: names, tags, messages. What of it a reader sees, and no more than that.
//!
//! Characters that are not seen can turn the direction of reading, forge a line of a log, or carry a second text that
//! an assistant reads and a person does not (tag characters, variation selectors). They are for the data, not for the
//! eye, and a text is for the eye.

/// Characters without a shape of their own: Unicode's format characters (`Cf`), its separators of lines and
/// paragraphs (`Zl`, `Zp`), and its `Default_Ignorable_Code_Point`: fillers, variation selectors and what is kept free for
/// more of them. Sorted. Control characters are told by `char` itself.
const UNSEEN: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// The text on one line, as a reader sees it: what is not seen left out, white space of any kind and length as one space,
/// at most `most` characters. The last of them is an ellipsis where something was cut.
pub fn visible(text: &str, most: usize) -> String {
    let mut seen = String::new();
    let mut length = 0;
    let mut space = false;
    for character in text.chars() {
        if character.is_whitespace() {
            space = length > 0;
            continue;
        }
        if is_unseen(character) {
            continue;
        }
        for character in space.then_some(' ').into_iter().chain([character]) {
            if length == most {
                seen.pop();
                seen.push('…');
                return seen;
            }
            seen.push(character);
            length += 1;
        }
        space = false;
    }
    seen
}

/// Whether a character has no shape of its own: control and format characters, fillers, selectors. Ends of lines and tabs
/// are among them.
pub fn is_unseen(character: char) -> bool {
    let among = |&(first, last): &(char, char)| {
        if last < character {
            std::cmp::Ordering::Less
        } else if first > character {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    };
    character.is_control() || UNSEEN.binary_search_by(among).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_seen_is_left_out() {
        for (text, expected) in [
            ("Contoso Prod", "Contoso Prod"),
            ("Größe 日本語 e\u{301} 😀", "Größe 日本語 e\u{301} 😀"),
            // Controls, and an escape sequence of a terminal.
            ("a\u{0}b\u{7f}c\u{1b}[31md\u{9b}", "abc[31md"),
            // Every kind of line end and space is one space.
            ("\r\n a\r\nb\tc\u{85}d\u{2028}e\u{2029}f\u{a0}\u{3000}g \n", "a b c d e f g"),
            // Direction: embeddings, overrides, isolates, marks.
            ("\u{202a}a\u{202e}b\u{2066}c\u{2069}d\u{200f}e\u{61c}", "abcde"),
            // Zero width, joiners, soft hyphen, byte order mark, annotations.
            ("a\u{200b}b\u{200d}c\u{2060}d\u{feff}e\u{ad}f\u{fff9}g", "abcdefg"),
            // Tag characters and variation selectors: a text within the text.
            ("a\u{e0001}\u{e0069}\u{e006e}\u{e007f}b\u{fe0f}c\u{e0100}\u{e01ef}d\u{180b}e\u{34f}f", "abcdef"),
            // Fillers.
            ("a\u{115f}\u{1160}\u{3164}\u{ffa0}\u{17b4}b", "ab"),
            ("\u{200b}\u{e0020} \n", ""),
        ] {
            assert_eq!(visible(text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_without_overlap() {
        assert!(UNSEEN.iter().all(|(first, last)| first <= last));
        assert!(UNSEEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let ends = UNSEEN.iter().flat_map(|(first, last)| [*first, *last]);
        assert!(ends.into_iter().all(is_unseen));
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis() {
        assert_eq!(visible("äöüß", 4), "äöüß");
        assert_eq!(visible("äöüßx", 4), "äöü…");
        assert_eq!(visible("ab cd", 3), "ab…");
        assert_eq!(visible("abc\u{200b} \n", 3), "abc");
        assert_eq!(visible("abc", 0), "…");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_one_line_that_is_seen(text in "\\PC{0,40}|.{0,40}|[\u{0}-\u{ff}\u{2000}-\u{206f}\u{e0000}-\u{e007f}]{0,40}", most in 1_usize..50) {
            let seen = visible(&text, most);
            prop_assert!(seen.chars().count() <= most);
            prop_assert!(!seen.chars().any(|c| is_unseen(c) || (c.is_whitespace() && c != ' ')));
            prop_assert_eq!(visible(&seen, most), seen);
        }
    }
}
