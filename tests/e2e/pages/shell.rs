//! The reader's terminals: one shell each, which keeps its folder and its variables from block to block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use super::page::{Block, missing};

/// How long one block may take.
const DEADLINE: Duration = Duration::from_secs(150);

/// A shell that stops at the first command that fails.
pub(super) struct Shell {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Where the blocks and their output are kept.
    notes: PathBuf,
    done: usize,
}

impl Shell {
    /// A shell in `folder` that knows these settings and no other.
    pub(super) async fn open(folder: &Path, notes: &Path, environment: &BTreeMap<String, String>) -> Self {
        std::fs::create_dir_all(notes).unwrap();
        let mut process = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut commands = process.stdin.take().unwrap();
        commands.write_all(b"set -eo pipefail\n").await.unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, commands, answers, notes: notes.to_owned(), done: 0 }
    }

    /// Runs a block, and returns what it showed; what went wrong, if something did.
    pub(super) async fn run(&mut self, block: &Block, commands: &str) -> Result<String, String> {
        self.done += 1;
        let (script, output) = (self.note("sh"), self.note("out"));
        std::fs::write(&script, format!("{commands}\n")).unwrap();
        let source = format!(". {} > {} 2>&1", script.display(), output.display());
        let line = match block.until {
            // What runs on may end with its input, which a person's terminal does not.
            Some(_) => format!("( {source} < <(exec sleep infinity) ) & echo $!\n"),
            None => format!("{source} < /dev/null; echo done\n"),
        };
        self.commands.write_all(line.as_bytes()).await.map_err(|error| error.to_string())?;
        let answer = timeout(DEADLINE, self.answers.next_line()).await;
        let said = || std::fs::read_to_string(&output).unwrap_or_default();
        let answer = match answer {
            Ok(Ok(Some(answer))) => answer,
            Ok(_) => return Err(format!("a command failed:\n{}", said())),
            Err(_) => return Err(format!("it has not ended after {DEADLINE:?}:\n{}", said())),
        };
        if let Some(ready) = &block.until {
            wait_for(ready, &answer, said).await?;
        }
        match missing(&block.shown, &said()) {
            None => Ok(said()),
            Some(line) => Err(format!("the page says that it shows {line:?}, and it shows:\n{}", said())),
        }
    }

    fn note(&self, kind: &str) -> PathBuf {
        self.notes.join(format!("{}.{kind}", self.done))
    }
}

/// Waits until what runs on says that it is ready, or has ended.
async fn wait_for(ready: &str, pid: &str, said: impl Fn() -> String) -> Result<(), String> {
    let begun = Instant::now();
    while !said().contains(ready) {
        if !Path::new("/proc").join(pid).exists() {
            return Err(format!("it ended before it said {ready:?}:\n{}", said()));
        }
        if begun.elapsed() > DEADLINE {
            return Err(format!("it has not said {ready:?} after {DEADLINE:?}:\n{}", said()));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// What runs on ends with the terminal.
impl Drop for Shell {
    fn drop(&mut self) {
        if let Some(pid) = self.process.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status();
        }
    }
}
