//! This program once more, as a server to compare with: a process of the same build.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::Context;

/// A running server. It ends when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts this program with `arguments` and tells it a secret, which no list of processes then shows.
    ///
    /// # Errors
    /// When it does not tell its address.
    pub(crate) fn start(arguments: &[&str], secret: &str) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        // Its stdin stays open for as long as this lives: when it ends, so does the server.
        writeln!(process.stdin.as_mut().context("a piped stdin")?, "{secret}")?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().context("a piped stdout")?).read_line(&mut address)?;
        let address = address.trim().parse().with_context(|| format!("{} did not start", arguments[0]))?;
        Ok(Self { process, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the child: the secret. From then on the process ends when stdin does.
///
/// # Errors
/// When there is none.
pub(crate) fn told() -> anyhow::Result<String> {
    let mut secret = String::new();
    std::io::stdin().read_line(&mut secret)?;
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    Ok(secret.trim().to_owned())
}

/// In the child: where it listens.
#[expect(clippy::print_stdout, reason = "who started it reads the address there")]
pub(crate) fn tell(address: SocketAddr) {
    println!("{address}");
}
