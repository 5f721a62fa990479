//! What somebody may do to a file of records, at random places, and what that is to be called.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::support::Random;

/// The lines of a file, without their ends.
pub(crate) type Lines = Vec<Vec<u8>>;

/// One kind of harm.
pub(crate) struct Tamper {
    pub(crate) name: &'static str,
    /// What it is to be called.
    pub(crate) fault: &'static str,
    /// Only what was told another way shows it.
    pub(crate) needs_checkpoints: bool,
    pub(crate) harm: fn(&mut Lines, &mut Random),
}

/// All kinds, each as likely as any other.
pub(crate) const TAMPERS: &[Tamper] = &[
    Tamper { name: "a byte is another", fault: "changed", needs_checkpoints: false, harm: change_a_byte },
    Tamper { name: "a value is another", fault: "changed", needs_checkpoints: false, harm: change_a_value },
    Tamper { name: "a line is shorter", fault: "changed", needs_checkpoints: false, harm: shorten },
    Tamper { name: "a line is missing", fault: "gap", needs_checkpoints: false, harm: delete_one },
    Tamper { name: "lines are missing", fault: "gap", needs_checkpoints: false, harm: delete_some },
    Tamper { name: "two lines are swapped", fault: "swapped", needs_checkpoints: false, harm: swap },
    Tamper { name: "a line is moved", fault: "swapped", needs_checkpoints: false, harm: move_one },
    Tamper { name: "a line is there twice", fault: "inserted", needs_checkpoints: false, harm: copy },
    Tamper {
        name: "something else is there",
        fault: "inserted",
        needs_checkpoints: false,
        harm: insert_garbage,
    },
    Tamper { name: "another record is there", fault: "fork", needs_checkpoints: false, harm: insert_a_twin },
    Tamper {
        name: "a record is there behind the end",
        fault: "inserted",
        needs_checkpoints: false,
        harm: go_on,
    },
    Tamper { name: "the end is missing", fault: "cut", needs_checkpoints: true, harm: cut },
    Tamper { name: "half a line is the last", fault: "cut", needs_checkpoints: true, harm: cut_within },
    Tamper { name: "records are written anew", fault: "fork", needs_checkpoints: true, harm: write_anew },
    Tamper { name: "one is written anew", fault: "fork", needs_checkpoints: false, harm: write_one_anew },
    Tamper {
        name: "written anew and shorter",
        fault: "cut",
        needs_checkpoints: true,
        harm: write_anew_and_end,
    },
];

fn change_a_byte(lines: &mut Lines, random: &mut Random) {
    let line = random.below(lines.len());
    let at = random.below(lines[line].len());
    let before = lines[line][at];
    while lines[line][at] == before || lines[line][at] == b'\n' {
        lines[line][at] = u8::try_from(random.below(256)).unwrap();
    }
}

fn change_a_value(lines: &mut Lines, random: &mut Random) {
    let line = random.below(lines.len());
    let text = String::from_utf8(lines[line].clone()).unwrap();
    let seq = seq(&lines[line]);
    let [from, to] = [format!("\"seq\":{seq},"), format!("\"seq\":{},", seq + 1 + random.below(9) as u64)];
    lines[line] = text.replace(&from, &to).into_bytes();
}

fn shorten(lines: &mut Lines, random: &mut Random) {
    // The last line of a chain, cut within, is what a process leaves that dies.
    let line = not_the_last_of_a_chain(lines, random);
    let length = random.below(lines[line].len() - 1) + 1;
    lines[line].truncate(length);
    // And not what stands before a whole line when a full disk has space again.
    if lines[line + 1].starts_with(&lines[line]) {
        lines[line] = b"{}".to_vec();
    }
}

fn delete_one(lines: &mut Lines, random: &mut Random) {
    let line = not_the_last_of_a_chain(lines, random);
    lines.remove(line);
}

fn delete_some(lines: &mut Lines, random: &mut Random) {
    let (first, last) = two_of_a_chain(lines, random);
    lines.drain(first..last);
}

fn swap(lines: &mut Lines, random: &mut Random) {
    let (one, other) = two_of_a_chain(lines, random);
    lines.swap(one, other);
}

fn move_one(lines: &mut Lines, random: &mut Random) {
    let (one, other) = two_of_a_chain(lines, random);
    let line = lines.remove(one);
    lines.insert(other, line);
}

fn copy(lines: &mut Lines, random: &mut Random) {
    let line = lines[random.below(lines.len())].clone();
    lines.insert(random.below(lines.len() + 1), line);
}

fn insert_garbage(lines: &mut Lines, random: &mut Random) {
    const GARBAGE: [&[u8]; 4] = [b"{}", b"not a record at all", b"{\"v\":1,\"hash\":\"00\"}", b"\xff\xfe\"}"];
    let garbage = GARBAGE[random.below(GARBAGE.len())];
    let mut garbage = [garbage, b" "].concat();
    if garbage[0] != b'{' {
        garbage.extend_from_slice(b"\"}");
    }
    garbage.extend_from_slice(b"\"}");
    lines.insert(random.below(lines.len() + 1), garbage);
}

fn insert_a_twin(lines: &mut Lines, random: &mut Random) {
    let line = random.below(lines.len());
    let twin = sealed_anew(&lines[line], |record| record.replace("\"time\":\"2026", "\"time\":\"2025"));
    lines.insert(random.below(lines.len() + 1), twin);
}

fn go_on(lines: &mut Lines, _: &mut Random) {
    let last = lines.last().unwrap().clone();
    let (seq, hash) = (seq(&last), text(&last, "hash"));
    lines.push(sealed_anew(&last, |record| follow(record, seq + 1, &hash)));
}

fn cut(lines: &mut Lines, random: &mut Random) {
    let keep = lines.len() - 1 - random.below(lines.len() / 2);
    lines.truncate(keep);
}

fn cut_within(lines: &mut Lines, random: &mut Random) {
    cut(lines, random);
    let last = lines.last_mut().unwrap();
    let length = random.below(last.len() - 80) + 1;
    last.truncate(length);
}

fn write_anew(lines: &mut Lines, random: &mut Random) {
    let (first, last) = of_the_last_chain(lines);
    restamp(lines, first + random.below(last - first));
}

/// The one behind it does not follow any more.
fn write_one_anew(lines: &mut Lines, random: &mut Random) {
    let line = not_the_last_of_a_chain(lines, random);
    lines[line] = sealed_anew(&lines[line], |record| record.replace("\"time\":\"2026", "\"time\":\"2025"));
}

fn write_anew_and_end(lines: &mut Lines, random: &mut Random) {
    let (first, last) = of_the_last_chain(lines);
    // Nothing but the end is written anew: no record differs from what was told, there are just fewer.
    let at = first + 1 + random.below(last - first - 1);
    let (end, before) = (lines[last].clone(), lines[at - 1].clone());
    lines.truncate(at);
    let hash = text(&before, "hash");
    lines.push(sealed_anew(&end, |record| follow(record, seq(&before) + 1, &hash)));
}

/// Writes a record anew, and all behind it so that they follow.
fn restamp(lines: &mut Lines, from: usize) {
    lines[from] = sealed_anew(&lines[from], |record| record.replace("\"time\":\"2026", "\"time\":\"2025"));
    for line in from + 1..lines.len() {
        let hash = text(&lines[line - 1], "hash");
        let seq = seq(&lines[line]);
        lines[line] = sealed_anew(&lines[line], |record| follow(record, seq, &hash));
    }
}

/// The same record with this number, behind the record with this hash.
fn follow(record: &str, number: u64, hash: &str) -> String {
    let whole = format!("{record}}}");
    let (old, prev) = (seq(whole.as_bytes()), text(whole.as_bytes(), "prev"));
    record.replace(&format!("\"seq\":{old},"), &format!("\"seq\":{number},")).replace(&prev, hash)
}

/// A line whose record is another, with the hash that fits: so writes who knows the format.
pub(crate) fn sealed_anew(line: &[u8], change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let line = String::from_utf8(line.to_vec()).unwrap();
    let (record, _) = line.rsplit_once(",\"hash\":\"").unwrap();
    let changed = change(record);
    assert_ne!(changed, record);
    let hash = digest::digest(&digest::SHA256, changed.as_bytes());
    let mut line = format!("{changed},\"hash\":\"");
    for byte in hash.as_ref() {
        write!(line, "{byte:02x}").unwrap();
    }
    (line + "\"}").into_bytes()
}

fn seq(line: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(line).unwrap()["seq"].as_u64().unwrap()
}

fn text(line: &[u8], member: &str) -> String {
    serde_json::from_slice::<Value>(line).unwrap()[member].as_str().unwrap().to_owned()
}

/// The first and the last line of the last chain.
fn of_the_last_chain(lines: &Lines) -> (usize, usize) {
    let first = lines.iter().rposition(|line| seq(line) == 0).unwrap();
    (first, lines.len() - 1)
}

fn not_the_last_of_a_chain(lines: &Lines, random: &mut Random) -> usize {
    loop {
        let line = random.below(lines.len() - 1);
        if text(&lines[line], "chain") == text(&lines[line + 1], "chain") {
            return line;
        }
    }
}

/// Two lines of one chain, in their order.
fn two_of_a_chain(lines: &Lines, random: &mut Random) -> (usize, usize) {
    loop {
        let (one, other) = (random.below(lines.len()), random.below(lines.len()));
        if one < other && text(&lines[one], "chain") == text(&lines[other], "chain") {
            return (one, other);
        }
    }
}
