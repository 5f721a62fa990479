//! A process that is killed, or whose disk fills up, in the middle: this program starts itself as that process.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use audit::{Outcome, WhenFull};

use crate::support::{Running, call, life, names, verify_files};

/// Names the file of a started copy of this program.
const FILE: &str = "AUDIT_OF_THE_COPY";

fn copy(file: &Path, before: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let script = format!("{before} exec \"$0\" --exact kill::the_copy --nocapture");
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).arg(program).env(FILE, file).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[tokio::test]
async fn whoever_was_let_through_before_a_kill_is_in_the_file_and_the_file_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for round in 0..4 {
        let mut child = copy(&path, "");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let through: Vec<_> = lines
            .filter_map(|line| line.strip_prefix("through ").map(str::to_owned))
            .take(40 + round)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for oid in &through {
            assert!(
                text.lines().any(|line| line.contains(r#""kind":"decision""#) && line.contains(oid)),
                "{oid}"
            );
        }
        assert_eq!(through.len(), 40 + round);
        let verdict = verify_files(std::slice::from_ref(&path), &[]);
        assert_eq!(names(&verdict), ["no_end"], "{:?}", verdict.findings);
        assert_eq!((verdict.findings.len(), verdict.chains), (round + 1, round + 1), "each was killed");
    }
    // As the kernel may leave it: half a line, and the next process comes.
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"v":1,"chain":"00000000-0000-0000-0000"#).unwrap();
    let torn = verify_files(std::slice::from_ref(&path), &[]);
    assert_eq!((names(&torn), torn.findings.len()), (vec!["no_end"], 4));
    life(&path, 10).await;
    let verdict = verify_files(&[path], &[]);
    assert_eq!((names(&verdict), verdict.findings.len()), (vec!["no_end"], 4), "{:?}", verdict.findings);
    assert_eq!(verdict.chains, 5);
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_line_leaves_a_file_that_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    // No file of this process may be longer than 15 KiB, until somebody lifts that: in the middle of some line.
    let mut child = copy(&path, "trap '' XFSZ; ulimit -S -f 15;");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line == "refused"), "the disk fills up");
    let half = std::fs::read(&path).unwrap();
    assert_eq!(half.len(), 15 * 1024);
    let pid = child.id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
    assert!(lifted.expect("prlimit is part of util-linux: apt-get install util-linux").success());
    let through = |line: String| line.starts_with("through");
    assert!(lines.by_ref().filter(|line| line.starts_with("through")).map(through).take(5).all(|it| it));
    child.kill().unwrap();
    child.wait().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let broken = text.lines().filter(|line| !line.ends_with("\"}")).count();
    assert_eq!(broken, 1, "the half line stands there, and the whole one behind it");
    let verdict = verify_files(&[path], &[]);
    assert_eq!(names(&verdict), ["no_end"], "{:?}", verdict.findings);
}

/// Started by the tests above, and by nobody else: makes calls until it is killed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what it is told is not a setting of a service")]
async fn the_copy() {
    let Ok(file) = std::env::var(FILE) else { return };
    let running = Running::at(Path::new(&file), WhenFull::Refuse).await.unwrap();
    for number in 0.. {
        if let Ok(decided) = running.audit.decide(call(number)).await {
            println!("through 00000000-0000-0000-0000-{number:012x}");
            decided.end(Outcome::new("ok"));
        } else {
            println!("refused");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
