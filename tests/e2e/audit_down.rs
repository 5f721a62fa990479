//! Records that cannot be written, as kubelet and callers see it: a destination that hangs, one that is closed, a disk that is
//! full; where calls are refused then, where they go on, and when it is mended.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Answer, Kubelet, Stack};
use serde_json::json;
use testkit::eventually;

use crate::probes::{FAILURES, probe, turns};

/// Gateway and broker, as the stack names their addresses.
const SERVICES: [usize; 2] = [0, 1];
const MODES: [&str; 2] = ["refuse", "continue"];
/// Tells a copy of this program that it is one.
const COPY: &str = "WITH_LIMITED_FILES";

/// A destination that a test breaks and mends.
trait Sink {
    fn flag(&self) -> String;
    fn fail(&mut self);
    fn mend(&mut self);
}

/// A pipe. As long as it is held, it can be written to, and nobody reads.
struct Pipe {
    path: PathBuf,
    held: Option<File>,
    /// It fails by being closed, else by being full.
    closes: bool,
}

impl Pipe {
    fn make(path: PathBuf, closes: bool) -> Self {
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let held = Some(hold(&path));
        Self { path, held, closes }
    }
}

fn hold(pipe: &Path) -> File {
    File::options().read(true).write(true).open(pipe).unwrap()
}

impl Sink for Pipe {
    fn flag(&self) -> String {
        format!("--audit=file:{}", self.path.display())
    }

    fn fail(&mut self) {
        // Calls fill one that is not read.
        self.held.take_if(|_| self.closes);
    }

    fn mend(&mut self) {
        let mut held = self.held.take().unwrap_or_else(|| hold(&self.path));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while held.read(&mut bytes).is_ok_and(|count| count > 0) {}
        });
    }
}

/// A file on a disk that is full when it fails: no file of this process may become any longer.
struct Disk(PathBuf);

impl Disk {
    fn limit(limit: &str) {
        let pid = std::process::id().to_string();
        let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status();
        assert!(limited.expect("prlimit is part of util-linux: apt-get install util-linux").success());
    }
}

impl Sink for Disk {
    fn flag(&self) -> String {
        format!("--audit=file:{}", self.0.display())
    }

    fn fail(&mut self) {
        Self::limit(&std::fs::metadata(&self.0).unwrap().len().to_string());
    }

    fn mend(&mut self) {
        Self::limit("unlimited");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_hangs_is_seen_within_a_period_and_so_is_its_end() {
    fails_and_is_mended(|path| Pipe::make(path, false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_closed_is_seen_within_a_period_and_so_is_its_end() {
    fails_and_is_mended(|path| Pipe::make(path, true)).await;
}

/// Where a file would become too long, a process gets a signal, which ends it unless it is ignored: so this starts itself anew
/// without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "what the copy is told is not a setting of a service")]
async fn a_disk_that_is_full_is_seen_within_a_period_and_so_is_its_end() {
    if std::env::var(COPY).is_err() {
        let name = "audit_down::a_disk_that_is_full_is_seen_within_a_period_and_so_is_its_end";
        let script = format!("trap '' XFSZ; exec \"$0\" --exact {name} --nocapture");
        let mut copy = Command::new("bash");
        copy.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(COPY, "yes");
        return assert!(copy.status().unwrap().success());
    }
    fails_and_is_mended(Disk).await;
}

/// Each service by itself, in each mode.
async fn fails_and_is_mended<S: Sink>(make: impl Fn(PathBuf) -> S) {
    for (service, mode) in SERVICES.into_iter().flat_map(|service| MODES.map(|mode| (service, mode))) {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = make(folder.path().join("audit"));
        let mut flags = SERVICES.map(|_| "--audit=off".to_owned());
        flags[service] = sink.flag();
        let stack = start(&flags, mode).await;
        fail_and_mend(&stack, service, mode, &mut sink).await;
    }
}

async fn start([gateway, broker]: &[String; 2], mode: &str) -> Stack {
    let mode = format!("--audit-when-full={mode}");
    Stack::builder().gateway(&[gateway, &mode]).broker(&[broker, &mode]).start().await
}

async fn fail_and_mend(stack: &Stack, service: usize, mode: &str, sink: &mut impl Sink) {
    let mut kubelets = stack.health_addresses().map(probe);
    for kubelet in &mut kubelets {
        kubelet.sees(true).await;
    }
    sink.fail();
    while is_up(stack, service).await {
        call(stack).await;
    }
    let answer = call(stack).await;
    if mode == "refuse" {
        turns(&mut kubelets[service], false).await;
        assert_eq!((answer.status, answer.code()), (503, "audit_unavailable"), "{}", answer.text);
    } else {
        stays(&mut kubelets[service]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    stays(&mut kubelets[1 - service]).await;

    sink.mend();
    eventually("records are written again", async || is_up(stack, service).await).await;
    turns(&mut kubelets[service], true).await;
    let answer = call(stack).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// It is ready, for longer than kubelet would take to see otherwise.
async fn stays(kubelet: &mut Kubelet) {
    assert!(kubelet.sees_throughout(true, FAILURES + 2).await, "ready all along");
}

async fn call(stack: &Stack) -> Answer {
    stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await
}

async fn is_up(stack: &Stack, service: usize) -> bool {
    let (gateway, broker) = stack.metrics().await;
    [gateway, broker][service].lines().any(|line| line == "audit_up 1")
}
