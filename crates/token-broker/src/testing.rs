//! Keys and certificates for tests, made on the spot.
//!
//! The integration tests and the bench include this file by path: it uses nothing of the crate.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    digest,
    signature::{KeyPair as _, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// The time at which tests take place: 2026-11-22T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

/// A key and its self-signed certificate.
pub(crate) struct KeyAndCert {
    pub(crate) key: KeyPair,
    pub(crate) certificate: rcgen::Certificate,
}

impl KeyAndCert {
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate.pem())
    }

    pub(crate) fn thumbprint_sha256(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.certificate.der()))
    }

    /// The DER of the RSAPublicKey.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(self.key.serialized_der()).unwrap();
        key.public_key().as_ref().to_vec()
    }

    /// The DER of the RSAPrivateKey (PKCS#1): what stands in a 2048 bit PKCS#8 after 26 bytes of wrapping.
    pub(crate) fn pkcs1(&self) -> &[u8] {
        &self.key.serialized_der()[26..]
    }
}

/// An RSA pair valid through 2026 and 2027.
pub(crate) fn key_and_cert() -> KeyAndCert {
    certified(rsa_key(), 2026, 2028)
}

/// A certificate for `key`, valid from the first day of year `from` to the first of year `to`.
pub(crate) fn certified(key: KeyPair, from: i32, to: i32) -> KeyAndCert {
    let mut params = CertificateParams::new(vec!["token-broker.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    KeyAndCert { key, certificate }
}

pub(crate) fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

pub(crate) fn ec_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// DER as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A real Redis on a unix socket of its own. It ends when this is dropped.
pub(crate) struct RedisServer {
    dir: tempfile::TempDir,
    flags: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with flags of `redis-server`.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let flags = flags.iter().map(ToString::to_string).collect();
        let mut server = Self { dir, flags, child: None };
        server.restart();
        server
    }

    /// Where it is, as `BROKER_REDIS_URL` takes it.
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Kills it without warning, and with it all it holds.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Kills it if it runs, and starts it anew, empty.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(self.socket())
            .arg("--dir")
            .arg(self.dir.path())
            .args(&self.flags)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts; it is missing without `apt-get install redis-server`");
        self.child = Some(child);
        let give_up = Instant::now() + Duration::from_secs(20);
        while self.client().and_then(|mut client| redis::cmd("PING").query::<String>(&mut client)).is_err() {
            assert!(Instant::now() < give_up, "redis-server does not answer");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs a command.
    pub(crate) fn run<T: redis::FromRedisValue>(&self, command: &[&[u8]]) -> T {
        let (name, arguments) = command.split_first().unwrap();
        let mut command = redis::Cmd::new();
        command.arg(*name);
        for argument in arguments {
            command.arg(*argument);
        }
        command.query(&mut self.client().unwrap()).unwrap()
    }

    fn client(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(format!("unix://{}", self.socket().display()))?.get_connection()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One replica's own way to a Redis, on a unix socket of its own. It ends when this is dropped.
pub(crate) struct RedisWay {
    dir: tempfile::TempDir,
    state: watch::Sender<Way>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Stalled,
    Cut,
}

impl RedisWay {
    /// A way that is open.
    pub(crate) fn to(server: &RedisServer) -> Self {
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
    pub(crate) fn url(&self) -> String {
        format!("unix:{}", self.dir.path().join("way.sock").display())
    }

    /// Breaks every connection, and lets none through.
    pub(crate) fn cut(&self) {
        self.state.send_replace(Way::Cut);
    }

    /// Holds up what is on its way.
    pub(crate) fn stall(&self) {
        self.state.send_replace(Way::Stalled);
    }

    /// Lets everything through, what was held up first.
    pub(crate) fn open(&self) {
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
pub(crate) fn cache_keys(id: &str, byte: u8) -> String {
    let key = |byte: u8| base64::prelude::BASE64_STANDARD.encode([byte; 32]);
    format!("names = \"{}\"\nseal_with = \"{id}\"\n[keys]\n{id} = \"{}\"\n", key(0), key(byte))
}
