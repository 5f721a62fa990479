//! What was done to a file is found and called by its name, and to a file that nobody touched nothing was done. Everything is
//! checked by the program of docs/audit.md too, which has nothing of ours in it.

use std::path::{Path, PathBuf};

use audit::Checkpoint;
use audit::verify::{Fault, Finding};

use crate::page::Python;
use crate::support::{Random, checkpoints_of, life, names, verify_files};
use crate::tampers::{Lines, TAMPERS, sealed_anew};

const SEED: u64 = 20_261_127;
const TAMPERED: usize = 1_000;
const CLEAN: usize = 100;

/// A file, and what was told of it.
struct Base {
    lines: Lines,
    checkpoints: Vec<Checkpoint>,
    /// What is to be said of it as it is.
    names: Vec<&'static str>,
}

/// Files with 10,000 records in all: of one process, of several in turn, and of one that died between others.
async fn bases(folder: &Path) -> Vec<Base> {
    let mut bases = Vec::new();
    for number in 0..40 {
        let path = folder.join(format!("base-{number}.jsonl"));
        let mut died = None;
        for turn in 0..=number % 3 {
            life(&path, 120 / (number % 3 + 1)).await;
            if turn == 0 && number % 3 == 2 {
                died = Some(without_its_last_line(&path));
            }
        }
        let lines = lines_of(&path);
        let mut checkpoints = checkpoints_of(&path);
        // Nobody tells of the end that was not written.
        checkpoints.retain(|checkpoint| died.as_ref().is_none_or(|end| !contains(end, &checkpoint.head)));
        let names = if died.is_some() { vec!["no_end"] } else { Vec::new() };
        bases.push(Base { lines, checkpoints, names });
    }
    bases
}

fn contains(line: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(line).contains(text)
}

fn lines_of(path: &Path) -> Lines {
    let bytes = std::fs::read(path).unwrap();
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn without_its_last_line(path: &Path) -> Vec<u8> {
    let mut lines = lines_of(path);
    let last = lines.pop().unwrap();
    write(path, &lines);
    last
}

fn write(path: &Path, lines: &Lines) {
    std::fs::write(path, [lines.join(&b'\n'), b"\n".to_vec()].concat()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_to_a_file_is_found_and_called_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let bases = bases(folder.path()).await;
    let records: usize = bases.iter().map(|base| base.lines.len()).sum();
    assert!(records >= 10_000, "{records}");
    let (mut python, mut random) = (Python::start(folder.path()), Random(SEED));
    let path = folder.path().join("tampered.jsonl");
    println!("seed {SEED}, {records} records");
    for case in 0..TAMPERED {
        let (base, tamper) = (&bases[random.below(bases.len())], &TAMPERS[case % TAMPERS.len()]);
        let mut lines = base.lines.clone();
        (tamper.harm)(&mut lines, &mut random);
        assert_ne!(lines, base.lines, "case {case}: {} did nothing", tamper.name);
        write(&path, &lines);
        let told = if tamper.needs_checkpoints || case % 2 == 0 { &base.checkpoints[..] } else { &[] };
        let verdict = verify_files(std::slice::from_ref(&path), told);
        let found = names(&verdict);
        // Besides, where a process died, unless its last line is what was changed; and where a record was made up for which
        // there is a checkpoint.
        let besides = |name: &str| match name {
            "no_end" => base.names == ["no_end"],
            "fork" => tamper.name == "written anew and shorter",
            _ => false,
        };
        let wrong: Vec<_> = found.iter().copied().filter(|name| !besides(name)).collect();
        let context = || format!("case {case} of seed {SEED}, {}: {:?}", tamper.name, verdict.findings);
        assert_eq!(wrong, [tamper.fault], "{}", context());
        // Of a whole chain that is gone no line is left.
        let has_place = |finding: &Finding| finding.place.is_some() || finding.fault == Fault::Cut;
        assert!(verdict.findings.iter().all(has_place), "{}", context());
        assert_eq!(
            python.verify(std::slice::from_ref(&path), told),
            found,
            "the program of the page, {}",
            context()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_touched_raises_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let (mut python, mut random) = (Python::start(folder.path()), Random(SEED));
    for run in 0..CLEAN {
        let path = folder.path().join(format!("clean-{run}.jsonl"));
        for _ in 0..=random.below(3) {
            life(&path, random.below(80) as u64).await;
        }
        let checkpoints = checkpoints_of(&path);
        assert!(!checkpoints.is_empty());
        let verdict = verify_files(std::slice::from_ref(&path), &checkpoints);
        assert_eq!(verdict.findings, [], "run {run} of seed {SEED}");
        assert_eq!(python.verify(&[path], &checkpoints), [""; 0], "run {run} of seed {SEED}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_two_stories_a_chain_that_is_gone_and_one_that_is_cut_without_a_witness() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.jsonl", "two.jsonl"].map(|name| folder.path().join(name));
    life(&one, 50).await;
    life(&two, 50).await;
    let checkpoints: Vec<_> = [&one, &two].into_iter().flat_map(|path| checkpoints_of(path)).collect();
    let mut python = Python::start(folder.path());
    let mut check = |files: &[PathBuf], told: &[Checkpoint], expected: &[&str]| {
        let verdict = verify_files(files, told);
        assert_eq!(names(&verdict), expected, "{:?}", verdict.findings);
        assert_eq!(python.verify(files, told), expected);
    };
    check(&[one.clone(), two.clone()], &checkpoints, &[]);
    check(std::slice::from_ref(&one), &checkpoints, &["cut"]);
    // The file, and a copy that tells another story from the middle on.
    let mut lines = lines_of(&one);
    (TAMPERS.iter().find(|tamper| tamper.name == "records are written anew").unwrap().harm)(
        &mut lines,
        &mut Random(1),
    );
    let other = folder.path().join("other.jsonl");
    write(&other, &lines);
    check(&[one.clone(), other], &[], &["fork", "inserted"]);
    // Nothing tells where the end was; that there is none is all that can be said.
    let mut lines = lines_of(&one);
    lines.truncate(30);
    write(&one, &lines);
    check(std::slice::from_ref(&one), &[], &["no_end"]);
    // A first record that follows on something.
    let mut lines = lines_of(&two);
    lines[0] = sealed_anew(&lines[0], |record| record.replace("\"prev\":\"0", "\"prev\":\"1"));
    lines.truncate(1);
    write(&two, &lines);
    check(&[two], &[], &["fork", "no_end"]);
}

#[test]
fn the_table_of_harm_has_each_name_there_is() {
    for fault in [Fault::Changed, Fault::Gap, Fault::Swapped, Fault::Inserted, Fault::Fork, Fault::Cut] {
        assert!(TAMPERS.iter().any(|tamper| tamper.fault == fault.as_str()), "{fault:?}");
    }
}
