//! What a container is, without an engine: a user, a root that cannot be written, the mounts and nothing else of this machine,
//! and an environment that is empty but for what is given.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use e2e::processes::{Ports, binaries};

use super::file::{DEPLOY, Image, Service};

const INSTALL: &str =
    "bubblewrap is missing: `apt-get install --no-install-recommends bubblewrap`, or tests/setup.sh services";
/// What the base image of our services has beside the authorities of the system: the C library and its kin.
const LIBRARIES: [&str; 6] =
    ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "libresolv.so.2"];
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// What an engine puts into each container: how names are found.
const NAMES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// The machine that the compose file is run on.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    /// Ports as they are written, and as they are here: tests run side by side.
    ports: Vec<(String, String)>,
}

/// A container that runs. It ends when this is dropped.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Drop for Machine {
    /// Who reads of a failure wants to know what the services said.
    #[expect(clippy::print_stderr, reason = "that is what this is for")]
    fn drop(&mut self) {
        for service in ["emulator", "token-broker", "gateway"] {
            if std::thread::panicking() {
                eprintln!("--- {service}\n{}", self.log(service));
            }
        }
    }
}

impl Machine {
    pub(super) fn new() -> Self {
        let (written, here) = (Ports::documented(), Ports::free().unwrap());
        let all = |ports: Ports| {
            let [entra, arm, graph, blob] = ports.emulator;
            [ports.gateway, ports.gateway_admin, ports.broker_admin, entra, arm, graph, blob]
        };
        let ports =
            all(written).into_iter().zip(all(here)).map(|(from, to)| (from.to_string(), to.to_string()));
        Self { folder: tempfile::tempdir().unwrap(), ports: ports.collect() }
    }

    /// A text with the ports of this machine.
    pub(super) fn here(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Where a volume lies.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Starts a service.
    pub(super) fn start(&self, service: &Service) -> Running {
        let log = File::create(self.folder.path().join(format!("{}.log", service.name))).unwrap();
        let mut command = self.sandbox(service, &service.command);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Running(command.spawn().unwrap_or_else(|error| panic!("{error}: {INSTALL}")))
    }

    /// Runs a program in the place of a service, to its end.
    pub(super) fn run(&self, service: &Service, program: &[String]) -> Output {
        self.sandbox(service, program).output().unwrap_or_else(|error| panic!("{error}: {INSTALL}"))
    }

    /// What a service has written so far.
    pub(super) fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{service}.log"))).unwrap_or_default()
    }

    fn sandbox(&self, service: &Service, program: &[String]) -> Command {
        let (uid, gid) = service.user.split_once(':').unwrap();
        let mut command = Command::new("bwrap");
        command.args([
            "--unshare-user",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--die-with-parent",
        ]);
        command.args(["--uid", uid, "--gid", gid, "--cap-drop", "ALL", "--clearenv"]);
        match &service.target {
            Some(target) => bind_image(&mut command, target),
            None => bind_system(&mut command),
        }
        for mount in &service.mounts {
            let is_file = mount.source.starts_with('.');
            let source =
                if is_file { Path::new(DEPLOY).join(&mount.source) } else { self.volume(&mount.source) };
            let how = if mount.read_only { "--ro-bind" } else { "--bind" };
            command.arg(how).args([&source, &mount.target]);
        }
        for path in &service.tmpfs {
            command.args(["--perms", "0700", "--tmpfs", path]);
        }
        command.args(["--dev", "/dev", "--proc", "/proc"]);
        if service.read_only {
            command.args(["--remount-ro", "/"]);
        }
        for (name, value) in &service.environment {
            command.args(["--setenv", name, &self.here(value)]);
        }
        command.arg("--");
        match (&service.target, program) {
            // Arguments go to the entry point.
            (Some(target), []) => command.arg(Image::of(target).entrypoint),
            _ => command.args(program),
        };
        command
    }
}

/// What is in one of our images: the binary, and what its base has.
fn bind_image(command: &mut Command, target: &str) {
    let image = Image::of(target);
    let libraries = Path::new("/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
    let of_base = LIBRARIES.map(|library| libraries.join(library));
    let found = of_base.iter().map(PathBuf::as_path).chain([loader, Path::new(AUTHORITIES)]);
    let found = found.chain(NAMES.map(Path::new));
    for path in found.filter(|path| path.exists()) {
        command.arg("--ro-bind").args([&path.canonicalize().unwrap(), &path.to_owned()]);
    }
    command.arg("--ro-bind").arg(binaries().unwrap().join(target)).arg(image.entrypoint);
}

/// What stands for the images of others: the programs of this machine.
fn bind_system(command: &mut Command) {
    for path in ["/usr", "/lib", "/lib64", "/bin", "/etc"].map(Path::new) {
        if path.is_symlink() {
            command.arg("--symlink").args([&std::fs::read_link(path).unwrap(), path]);
        } else if path.exists() {
            command.arg("--ro-bind").args([path, path]);
        }
    }
}
