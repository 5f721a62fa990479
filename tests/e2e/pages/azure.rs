//! Azure by its own names, for programs that know no other: a proxy leads them to the emulator, and nowhere else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use emulator::{AZURE_HOSTS, Config, Emulator};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::proxies::Proxy;

const PUBLIC_HOST: &str = "mcp.contoso.com";

/// A tenant at Azure's own addresses, and a public host whose TLS ends in front of the gateway.
pub(crate) struct Azure {
    pub(crate) emulator: Emulator,
    /// What a program needs to get there: a proxy, and the authorities to trust.
    pub(crate) environment: BTreeMap<String, String>,
    front: Proxy,
}

/// Where the hosts of the world are.
struct Hosts {
    azure: [SocketAddr; 3],
    front: PathBuf,
}

impl Azure {
    pub(crate) async fn start(folder: &Path, gateway: SocketAddr) -> Self {
        let emulator = Emulator::start(Config { as_azure: true, ..Config::default() }).await.unwrap();
        let front = Proxy::caddy(folder, gateway).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let addresses = emulator.addresses();
        let socket = |url: &String| {
            let port = url.rsplit(':').next().unwrap().parse().unwrap();
            SocketAddr::from(([127, 0, 0, 1], port))
        };
        let azure = [&addresses.authority, &addresses.arm, &addresses.graph].map(socket);
        let hosts = Arc::new(Hosts { azure, front: front.socket.clone() });
        tokio::spawn(serve(listener, hosts));
        let authorities = folder.join("authorities.pem");
        std::fs::write(&authorities, format!("{}{}", emulator.ca_pem(), front.certificate)).unwrap();
        let trust = ["EXTRA_CA_FILE", "REQUESTS_CA_BUNDLE", "CA_FILE"];
        let trust = trust.map(|name| (name.to_owned(), authorities.display().to_string()));
        let environment = [("HTTPS_PROXY".to_owned(), proxy)].into_iter().chain(trust).collect();
        Self { emulator, environment, front }
    }

    /// What the public host's certificate is proven with.
    pub(crate) fn public_certificate(&self) -> &str {
        &self.front.certificate
    }
}

async fn serve(listener: TcpListener, hosts: Arc<Hosts>) {
    while let Ok((stream, _)) = listener.accept().await {
        let hosts = Arc::clone(&hosts);
        tokio::spawn(async move {
            let _ = tunnel(stream, &hosts).await;
        });
    }
}

/// `CONNECT host:443`. Every other name is refused: nothing here leaves the machine.
async fn tunnel(stream: TcpStream, hosts: &Hosts) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut rest) = (String::new(), String::new());
    stream.read_line(&mut line).await?;
    while stream.read_line(&mut rest).await? > 2 {
        rest.clear();
    }
    let target = line.split(' ').nth(1).unwrap_or_default();
    let host = target.strip_suffix(":443").unwrap_or_default();
    match AZURE_HOSTS.iter().position(|known| *known == host) {
        Some(at) => join(stream, TcpStream::connect(hosts.azure[at]).await?).await,
        None if host == PUBLIC_HOST => join(stream, UnixStream::connect(&hosts.front).await?).await,
        None => stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await,
    }
}

async fn join<A, B>(mut caller: A, mut host: B) -> std::io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    caller.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut caller, &mut host).await.map(|_| ())
}
