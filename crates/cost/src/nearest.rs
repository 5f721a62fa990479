//! Which words were meant: the known ones, the nearest first.

/// The most letters of a word that are compared. No word of ours is that long.
const LONGEST: usize = 64;

/// A word as it is compared: its letters and digits, without case. `Resource group` and `resource_group` are one.
pub fn folded(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// The `most` known words that are nearest to a word, the nearest first. One that holds it, or that it holds, is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let word = folded(word);
    let mut all: Vec<_> = known.into_iter().map(|known| (distance_of(&word, known), known)).collect();
    all.sort_by_key(|(distance, _)| *distance);
    all.into_iter().take(most).map(|(_, known)| known).collect()
}

/// How far a word is from a known one; twice the steps, so that what is held stands between equal and one step.
fn distance_of(folded_word: &str, known: &str) -> usize {
    const LEAST_HELD: usize = 3;
    let known = folded(known);
    let holds = |long: &str, short: &str| short.len() >= LEAST_HELD && long.contains(short);
    let steps = 2 * steps(folded_word, &known);
    if steps > 0 && (holds(&known, folded_word) || holds(folded_word, &known)) { steps.min(3) } else { steps }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to make one text the other.
pub fn steps(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, &a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in other.iter().enumerate() {
            let changed = last[j] + usize::from(a != b);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == other[j - 1] && b == one[i - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

/// Names in a sentence, each as it is to be written.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("'{name}'")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted() {
        for (one, other, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("servce", "service", 1),
            ("sevrice", "service", 1),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
        ] {
            assert_eq!((steps(one, other), steps(other, one)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn the_nearest_stands_first_and_what_holds_the_word_is_near() {
        let known = ["ChargeType", "ResourceLocation", "ServiceName", "ServiceTier", "Meter"];
        assert_eq!(nearest("servicename", known, 2), ["ServiceName", "ServiceTier"]);
        assert_eq!(nearest("location", known, 1), ["ResourceLocation"]);
        assert_eq!(nearest("Service Tir", known, 1), ["ServiceTier"]);
        assert_eq!(nearest("metre", known, 1), ["Meter"]);
    }

    #[test]
    fn a_word_without_end_is_cut() {
        assert_eq!(folded(&"x".repeat(10_000)).len(), LONGEST);
        assert_eq!(folded(" Resource_group-Name "), "resourcegroupname");
    }
}
