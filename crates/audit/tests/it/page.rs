//! The program of docs/audit.md, taken from the page as a reader would take it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use audit::Checkpoint;
use serde_json::json;

/// Calls the program's function for each line on standard input.
const DRIVER: &str = "
import json, sys, program
for line in sys.stdin:
    paths, checkpoints = json.loads(line)
    print(json.dumps(sorted(program.verify(paths, checkpoints))), flush=True)
";

/// The program, running.
pub(crate) struct Python {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(crate) fn start(folder: &Path) -> Self {
        std::fs::write(folder.join("program.py"), program()).unwrap();
        let mut command = Command::new("python3");
        command.arg("-c").arg(DRIVER).env("PYTHONPATH", folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3: apt-get install python3");
        let (asked, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asked, answers }
    }

    /// The names of what it finds.
    pub(crate) fn verify(&mut self, files: &[PathBuf], checkpoints: &[Checkpoint]) -> Vec<String> {
        let checkpoint = |it: &Checkpoint| json!({"chain": it.chain, "seq": it.seq, "head": it.head});
        let checkpoints: Vec<_> = checkpoints.iter().map(checkpoint).collect();
        writeln!(self.asked, "{}", json!([files, checkpoints])).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit.md")).unwrap()
}

fn program() -> String {
    let page = page();
    let (_, rest) = page.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_program_of_the_page_is_as_short_as_it_is_said_to_be() {
    let lines = program().lines().count();
    assert!((10..=30).contains(&lines), "{lines}");
}
