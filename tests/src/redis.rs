//! A real Redis for the replicas to share: a process of its own on a private unix socket, and its key file.

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use testkit::{RedisOptions, RedisServer};

/// A running Redis that keeps nothing on disk and wants a password. It ends when this is dropped.
pub struct Redis {
    server: RedisServer,
    password: String,
    /// What seals and names what is stored: base64.
    keys: [String; 2],
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Redis {
    /// Whether there is one on this machine.
    pub fn is_installed() -> bool {
        RedisServer::is_installed()
    }

    /// Starts one that logs into `folder`, and waits until it answers.
    ///
    /// # Errors
    /// Says how to install it where it is missing.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let (password, keys) = (random()?.replace(['+', '/', '='], "x"), [random()?, random()?]);
        // Uncompressed, so that a search of a dump finds what is there.
        let flags = ["--appendonly", "no", "--rdbcompression", "no"].map(str::to_owned).to_vec();
        let log = Some(folder.join("redis.log"));
        let server = RedisServer::launch(RedisOptions { flags, password: Some(password.clone()), log })?;
        let [names, key] = &keys;
        let key_file = format!("names = \"{names}\"\nseal_with = \"k1\"\n[keys]\nk1 = \"{key}\"\n");
        fs::write(server.folder().join("keys.toml"), key_file)?;
        fs::write(server.folder().join("password"), &password)?;
        Ok(Self { server, password, keys })
    }

    /// Flags of a broker that shares it.
    pub fn broker_flags(&self) -> [String; 3] {
        [
            format!("--redis-url={}", self.server.url()),
            format!("--redis-password-file={}", self.server.folder().join("password").display()),
            format!("--cache-key-file={}", self.server.folder().join("keys.toml").display()),
        ]
    }

    /// Where it is, for a person.
    pub fn address(&self) -> String {
        let password = self.server.folder().join("password");
        format!("unix:{} (password in {})", self.server.socket().display(), password.display())
    }

    /// Its password, and the keys that seal what is stored in it, as their files have them.
    pub fn secrets(&self) -> Vec<String> {
        self.keys.iter().chain([&self.password]).cloned().collect()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Kills it without warning, and with it all it holds.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Kills it if it runs, and starts it anew, empty.
    ///
    /// # Errors
    /// If it does not answer in time.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        Ok(self.server.relaunch()?)
    }

    /// Everything it holds: each key, its dump, and its value as a client reads it.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn dump(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut client = self.server.client()?;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut client)?;
        let mut all = Vec::with_capacity(keys.len());
        for key in keys {
            let kind: String = redis::cmd("TYPE").arg(&key).query(&mut client)?;
            let mut bytes: Vec<u8> =
                redis::cmd("DUMP").arg(&key).query::<Option<_>>(&mut client)?.unwrap_or_default();
            let value: redis::Value = match kind.as_str() {
                "string" => redis::cmd("GET").arg(&key).query(&mut client)?,
                "hash" => redis::cmd("HGETALL").arg(&key).query(&mut client)?,
                "zset" => redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).query(&mut client)?,
                "stream" => redis::cmd("XRANGE").arg(&key).arg("-").arg("+").query(&mut client)?,
                "none" => redis::Value::Nil,
                other => bail!("{key} is a {other}: teach this function to read it"),
            };
            flatten(&value, &mut bytes);
            all.push((key, bytes));
        }
        Ok(all)
    }

    /// Records every command it gets from now on, arguments included, until the recording is dropped.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn record(&self) -> anyhow::Result<Recording> {
        let mut stream = UnixStream::connect(self.server.socket())?;
        write!(stream, "AUTH {}\r\nMONITOR\r\n", self.password)?;
        let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut reader, writes) = (stream.try_clone()?, Arc::clone(&seen));
        let reading = thread::spawn(move || {
            let mut part = [0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut part) {
                writes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&part[..count]);
            }
        });
        Ok(Recording { stream, seen, _reading: reading })
    }

    /// Sets a value.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn set(&self, key: &str, value: &str) -> anyhow::Result<()> {
        Ok(redis::cmd("SET").arg(key).arg(value).query(&mut self.server.client()?)?)
    }

    /// Sets a field of a hash.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn set_field(&self, key: &str, field: &str, value: &str) -> anyhow::Result<()> {
        Ok(redis::cmd("HSET").arg(key).arg(field).arg(value).query(&mut self.server.client()?)?)
    }
}

/// What Redis was told, as its MONITOR command shows it.
#[derive(Debug)]
pub struct Recording {
    stream: UnixStream,
    seen: Arc<Mutex<Vec<u8>>>,
    _reading: thread::JoinHandle<()>,
}

impl Recording {
    /// Everything so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

fn flatten(value: &redis::Value, bytes: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(text) => bytes.extend_from_slice(text),
        redis::Value::SimpleString(text) => bytes.extend_from_slice(text.as_bytes()),
        redis::Value::Array(parts) => parts.iter().for_each(|part| flatten(part, bytes)),
        other => bytes.extend_from_slice(format!("{other:?}").as_bytes()),
    }
    bytes.push(b'\n');
}

/// 32 bytes in base64, new each time.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok().context("the system has no random bytes")?;
    Ok(BASE64_STANDARD.encode(bytes))
}
