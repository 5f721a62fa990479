//! Who calls over a unix socket: known by the user that the kernel says it is.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use identity::clock::ManualClock;
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::{BrokerError, Reason};
use testkit::{NOW, eventually};
use token_broker::{Config, Listeners};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Code;
use tonic::transport::Endpoint;

use crate::consumers::{assert_refused, purge};
use crate::mutual_tls::Consumer;
use crate::serving::served;
use crate::support::{ALICE, Entra};

#[tokio::test]
async fn a_user_of_a_unix_socket_is_known_by_its_id() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let own = fs::metadata(entra.dir.path()).unwrap().uid();
    socket.write(&format!("[consumers.gateway]\nuids = [{own}]\nresources = [\"arm\"]"));
    let config = entra.config(&[
        "--listen",
        &socket.listen(),
        "--socket-mode=0660",
        "--consumers-file",
        &socket.consumers,
    ]);
    let _serving = start(config).await;
    assert_eq!(fs::metadata(&socket.path).unwrap().permissions().mode() & 0o777, 0o660);

    let alice = entra.token(ALICE);
    let client = socket.client().await;
    client.exchange(&alice, "arm").await.unwrap();
    assert_refused(&client.refusal(&alice, "graph").await, "resource");
    assert_refused(&BrokerError::from_status(&purge(&client).await.unwrap_err()), "purge");

    // The same connection, after this user was taken out of the file.
    socket.write(&format!("[consumers.gateway]\nuids = [{}]\nresources = [\"arm\"]", own + 1));
    eventually("it is in force", async || client.exchange(&alice, "arm").await.is_err()).await;
    let error = client.refusal(&alice, "arm").await;
    assert_refused(&error, "unknown_consumer");
    assert!(error.message().contains(&format!("user id {own}")), "{error}");
}

/// Who runs this as root, as CI does, has a second user to call as. Others call as themselves, who are not named at
/// first: then it is not shown that the owner's rights are not everybody's.
#[tokio::test]
async fn another_user_of_a_unix_socket_gets_nothing_unless_it_is_named() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let own = fs::metadata(entra.dir.path()).unwrap().uid();
    let (other, named) = if own == 0 { (65533, own) } else { (own, own + 1) };
    let named_is =
        |uid: u32| format!("[consumers.gateway]\nuids = [{uid}]\nresources = [\"arm\"]\npurge = true");
    socket.write(&named_is(named));
    let flags = ["--listen", &socket.listen(), "--socket-mode=0666", "--consumers-file", &socket.consumers];
    let _serving = start(entra.config(&flags)).await;
    let relay = Relay::start(&entra, other, &socket.path);
    let (through, alice) = (relay.client(), entra.token(ALICE));

    let error = through.refusal(&alice, "arm").await;
    assert_refused(&error, "unknown_consumer");
    assert!(error.message().contains(&format!("user id {other}")), "{error}");
    assert_refused(&BrokerError::from_status(&purge(&through).await.unwrap_err()), "unknown_consumer");
    assert_eq!(entra.count(), 0);
    if other != own {
        // What the owner got stays the owner's.
        socket.client().await.exchange(&alice, "arm").await.unwrap();
        assert_refused(&through.refusal(&alice, "arm").await, "unknown_consumer");
    }

    socket.write(&named_is(other));
    eventually("it is in force", async || through.exchange(&alice, "arm").await.is_ok()).await;
    purge(&through).await.unwrap();
    if other != own {
        let error = socket.client().await.refusal(&alice, "arm").await;
        assert_refused(&error, "unknown_consumer");
        assert!(error.message().contains(&format!("user id {own}")), "not even root: {error}");
    }
}

#[tokio::test]
async fn a_private_socket_lets_no_other_user_connect() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    if fs::metadata(entra.dir.path()).unwrap().uid() != 0 {
        // Only root has a second user to call as; `a_socket_is_private_and_goes_with_its_owner` shows the mode.
        return;
    }
    let _serving = start(entra.config(&["--listen", &socket.listen()])).await;
    let relay = Relay::start(&entra, 65533, &socket.path);
    let (through, alice) = (relay.client(), entra.token(ALICE));
    let status = through.exchange(&alice, "arm").await.unwrap_err();
    assert_ne!(status.code(), Code::PermissionDenied, "the call gets nowhere: {status}");
    assert_eq!(entra.count(), 0);
    socket.client().await.exchange(&alice, "arm").await.unwrap();
}

#[tokio::test]
async fn without_a_file_the_own_user_may_do_everything() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let _serving = start(entra.config(&["--listen", &socket.listen()])).await;
    let client = socket.client().await;
    let alice = entra.token(ALICE);
    for resource in ["arm", "graph"] {
        client.exchange(&alice, resource).await.unwrap();
    }
    let error = client.refusal(&alice, "nonesuch").await;
    assert_eq!(error.reason(), Some(Reason::UnknownResource), "who may ask for all may know what there is");
    purge(&client).await.unwrap();
}

/// Places for a unix socket and a consumers file.
pub(crate) struct Socket {
    path: PathBuf,
    pub(crate) consumers: String,
}

impl Socket {
    pub(crate) fn new(entra: &Entra) -> Self {
        let consumers = entra.dir.path().join("consumers.toml").display().to_string();
        Self { path: entra.dir.path().join("broker.sock"), consumers }
    }

    pub(crate) fn write(&self, consumers: &str) {
        fs::write(&self.consumers, consumers).unwrap();
    }

    fn listen(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    async fn client(&self) -> Consumer {
        let channel = Endpoint::from_shared(self.listen()).unwrap().connect().await.unwrap();
        Consumer(TokenBrokerClient::new(channel))
    }
}

/// Another user's process, which hands on whatever reaches its socket: the broker sees that user connect.
struct Relay {
    path: PathBuf,
    process: Child,
}

impl Relay {
    fn start(entra: &Entra, uid: u32, broker: &Path) -> Self {
        let folder = entra.dir.path().join("relay");
        fs::create_dir(&folder).unwrap();
        // The other user must find the way to both sockets.
        fs::set_permissions(entra.dir.path(), Permissions::from_mode(0o711)).unwrap();
        let mut command = Command::new("perl");
        if fs::metadata(&folder).unwrap().uid() == 0 {
            std::os::unix::fs::chown(&folder, Some(uid), Some(uid)).unwrap();
            command.uid(uid).gid(uid);
        }
        let path = folder.join("s");
        let command = command.args(["-e", RELAY]).arg(&path).arg(broker);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("perl is there");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self { path, process }
    }

    fn client(&self) -> Consumer {
        let address = format!("unix:{}", self.path.display());
        Consumer(TokenBrokerClient::new(Endpoint::from_shared(address).unwrap().connect_lazy()))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const RELAY: &str = r#"
    use strict; use Socket; use IO::Socket::UNIX;
    my ($own, $broker) = @ARGV;
    $SIG{CHLD} = 'IGNORE';
    my $listener = IO::Socket::UNIX->new(Local => $own, Listen => 8) or die "$own: $!";
    $| = 1; print "listening
";
    sub pump {
        my ($from, $to, $bytes) = @_;
        while (sysread($from, $bytes, 65536)) { syswrite($to, $bytes) // last }
        shutdown($to, 1);
    }
    while (my $client = $listener->accept) {
        next if fork;
        my $server = IO::Socket::UNIX->new(Peer => $broker) or exit 1;
        if (fork) { pump($server, $client) } else { pump($client, $server) }
        exit;
    }
"#;

async fn start(config: Config) -> DropGuard {
    let listeners = Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
    let shutdown = CancellationToken::new();
    served(config, listeners, ManualClock::at(NOW), shutdown.clone());
    shutdown.drop_guard()
}
