//! A real Redis: a process of its own on a private unix socket, and ways to it that can be cut.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use redis::{Connection, FromRedisValue, RedisResult};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What to do where there is no Redis.
pub const INSTALL_REDIS: &str = "redis-server is missing: `apt-get install --no-install-recommends redis-server`, or tests/setup.sh services";
const READY_DEADLINE: Duration = Duration::from_secs(20);

/// How a Redis is started. Without anything it wants no password and its output is nobody's.
#[derive(Default)]
pub struct RedisOptions {
    /// Flags of `redis-server`.
    pub flags: Vec<String>,
    /// What its clients must say.
    pub password: Option<String>,
    /// The file it logs into.
    pub log: Option<PathBuf>,
}

/// A running Redis that keeps nothing on disk. It ends when this is dropped.
pub struct RedisServer {
    /// A unix socket's path may have 108 bytes: not those of a folder somebody chose.
    dir: TempDir,
    options: RedisOptions,
    child: Option<Child>,
}

impl RedisServer {
    /// Whether there is one on this machine.
    pub fn is_installed() -> bool {
        let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with flags of `redis-server`.
    pub fn start_with(flags: &[&str]) -> Self {
        let flags = flags.iter().map(ToString::to_string).collect();
        Self::launch(RedisOptions { flags, ..RedisOptions::default() }).unwrap()
    }

    /// Starts one as it is told, and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, or does not answer in time.
    pub fn launch(options: RedisOptions) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        if let Some(password) = &options.password {
            fs::write(dir.path().join("redis.conf"), format!("requirepass {password}\n"))?;
        }
        let mut server = Self { dir, options, child: None };
        server.relaunch()?;
        Ok(server)
    }

    /// Where it is, as `BROKER_REDIS_URL` takes it.
    pub fn url(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// A folder that ends with it.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it without warning, and with it all it holds.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills it if it runs, and starts it anew, empty.
    pub fn restart(&mut self) {
        self.relaunch().unwrap();
    }

    /// The same.
    ///
    /// # Errors
    /// It is not installed any more, or does not answer in time.
    pub fn relaunch(&mut self) -> io::Result<()> {
        self.kill();
        let mut command = Command::new("redis-server");
        if self.options.password.is_some() {
            command.arg(self.dir.path().join("redis.conf"));
        }
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(self.socket());
        command.arg("--dir").arg(self.dir.path()).args(&self.options.flags);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(log) = &self.options.log {
            let log = File::options().create(true).append(true).open(log)?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, INSTALL_REDIS),
            _ => error,
        })?;
        self.child = Some(child);
        let give_up = Instant::now() + READY_DEADLINE;
        while self.client().and_then(|mut client| redis::cmd("PING").query::<String>(&mut client)).is_err() {
            if Instant::now() > give_up {
                let log = self.options.log.as_ref().map(|log| format!("; see {}", log.display()));
                let problem = format!("redis-server does not answer{}", log.unwrap_or_default());
                return Err(io::Error::new(io::ErrorKind::TimedOut, problem));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Runs a command.
    pub fn run<T: FromRedisValue>(&self, command: &[&[u8]]) -> T {
        let (name, arguments) = command.split_first().unwrap();
        let mut command = redis::Cmd::new();
        command.arg(*name);
        for argument in arguments {
            command.arg(*argument);
        }
        command.query(&mut self.client().unwrap()).unwrap()
    }

    /// A connection to it.
    ///
    /// # Errors
    /// It does not answer.
    pub fn client(&self) -> RedisResult<Connection> {
        let password = self.options.password.as_ref().map(|password| format!("?pass={password}"));
        let url = format!("unix://{}{}", self.socket().display(), password.unwrap_or_default());
        redis::Client::open(url)?.get_connection()
    }
}

/// The password is in here.
impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// The password is in here.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions").field("flags", &self.flags).finish_non_exhaustive()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One replica's own way to a Redis, on a unix socket of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct RedisWay {
    dir: TempDir,
    state: watch::Sender<Way>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    Stalled,
    Cut,
}

impl RedisWay {
    /// A way that is open.
    pub fn to(server: &RedisServer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (listener, target) = (UnixListener::bind(dir.path().join("way.sock")).unwrap(), server.socket());
        let state = watch::Sender::new(Way::Open);
        let way = state.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(go_between(client, target.clone(), way.clone()));
            }
        });
        Self { dir, state, accepting }
    }

    /// Where it begins, as `BROKER_REDIS_URL` takes it.
    pub fn url(&self) -> String {
        format!("unix:{}", self.dir.path().join("way.sock").display())
    }

    /// Breaks every connection, and lets none through.
    pub fn cut(&self) {
        self.state.send_replace(Way::Cut);
    }

    /// Holds up what is on its way.
    pub fn stall(&self) {
        self.state.send_replace(Way::Stalled);
    }

    /// Lets everything through, what was held up first.
    pub fn open(&self) {
        self.state.send_replace(Way::Open);
    }
}

impl Drop for RedisWay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn go_between(client: UnixStream, target: PathBuf, way: watch::Receiver<Way>) {
    if *way.borrow() == Way::Cut {
        return;
    }
    let Ok(server) = UnixStream::connect(target).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = way.clone();
    tokio::select! {
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
        () = pass_on(from_client, to_server, way.clone()) => {}
        () = pass_on(from_server, to_client, way) => {}
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut part = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut part).await {
        if way.wait_for(|way| *way == Way::Open).await.is_err() || to.write_all(&part[..count]).await.is_err()
        {
            return;
        }
    }
}

/// A cache key file with one key, sealing with it.
pub fn cache_keys(id: &str, byte: u8) -> String {
    let key = |byte: u8| BASE64_STANDARD.encode([byte; 32]);
    format!("names = \"{}\"\nseal_with = \"{id}\"\n[keys]\n{id} = \"{}\"\n", key(0), key(byte))
}
