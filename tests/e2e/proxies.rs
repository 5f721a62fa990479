//! nginx and Caddy in front, with the very configuration that docs/proxies.md prints.
//!
//! They listen on unix sockets, for no port can be chosen for them that nobody else takes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use e2e::Stack;
use emulator::TokenSpec;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const DOCUMENT: &str = include_str!("../../docs/proxies.md");
const INSTALL: &str = "make setup (apt-get install nginx-light caddy)";
const HOST: &str = "mcp.contoso.com";

/// A proxy that runs with the configuration of the document.
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    /// What its certificate is proven with.
    pub(crate) certificate: String,
    _process: Child,
}

/// The block of the document in this language.
fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let (_, rest) = DOCUMENT.split_once(&begin).expect("the document has the block");
    rest.split_once("```").expect("the block ends").0
}

fn replace(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the document no longer says `{from}`");
        text.replace(from, to)
    })
}

impl Proxy {
    async fn nginx(folder: &Path, gateway: SocketAddr) -> Self {
        let (certificate, files) = tls(folder);
        let socket = folder.join("nginx.sock");
        let listen = format!("listen unix:{} ssl http2;", socket.display());
        let server = replace(
            block("nginx"),
            &[
                ("listen 443 ssl http2;", &listen),
                ("127.0.0.1:8080", &gateway.to_string()),
                ("/etc/mcp/tls.pem", &files.0),
                ("/etc/mcp/tls.key", &files.1),
            ],
        );
        let own = folder.display();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {own}/nginx.pid;\nerror_log {own}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\nclient_body_temp_path {own}/body;\nproxy_temp_path {own}/proxy;\n\
             fastcgi_temp_path {own}/f;\nuwsgi_temp_path {own}/u;\nscgi_temp_path {own}/s;\n{server}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(folder);
        Self::start(command, socket, certificate).await
    }

    pub(crate) async fn caddy(folder: &Path, gateway: SocketAddr) -> Self {
        let (certificate, files) = tls(folder);
        let socket = folder.join("caddy.sock");
        let bound = format!("https://{HOST} {{\n\tbind unix/{}", socket.display());
        let site = replace(
            block("caddyfile"),
            &[
                ("https://mcp.contoso.com {", &bound),
                ("127.0.0.1:8080", &gateway.to_string()),
                ("/etc/mcp/tls.pem", &files.0),
                ("/etc/mcp/tls.key", &files.1),
            ],
        );
        let file = folder.join("Caddyfile");
        std::fs::write(&file, format!("{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}"))
            .unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        Self::start(command, socket, certificate).await
    }

    async fn start(mut command: Command, socket: PathBuf, certificate: String) -> Self {
        // Debian keeps nginx where only root looks.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:/usr/sbin", path.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().unwrap_or_else(|error| panic!("{error}: {INSTALL}"));
        let listens = async {
            while UnixStream::connect(&socket).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), listens).await.is_ok(), "the proxy starts");
        Self { socket, certificate, _process: process }
    }

    /// Status, head and body of the answer to one request.
    async fn send(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, String, String) {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let name = ServerName::try_from(HOST).unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{fields}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Some end without TLS's own farewell.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, head.to_ascii_lowercase(), body.to_owned())
    }
}

/// A certificate of the public host, and the files that hold it and its key.
fn tls(folder: &Path) -> (String, (String, String)) {
    let own = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.pem"), folder.join("tls.key"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    (own.cert.pem(), (certificate.display().to_string(), key.display().to_string()))
}

async fn is_passed_through(stack: &Stack, proxy: &Proxy, what: &str) {
    let groups: Vec<_> = (0..199).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    let token = stack.mint(&TokenSpec::for_person("alice").claim("groups", json!(groups)));
    assert!(token.len() > 10_000, "a person in many groups");
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "list_subscriptions", "arguments": {}}
    })
    .to_string();
    let (status, _, body) =
        proxy.send("POST", "/mcp", &format!("Authorization: Bearer {token}\r\n"), &call).await;
    assert!(status == 200 && body.contains("Contoso Prod"), "{what}: {status} {body}");

    let (status, head, _) = proxy.send("POST", "/mcp", "", &call).await;
    assert_eq!(status, 401, "{what}");
    assert!(
        head.contains("www-authenticate: bearer resource_metadata=\"https://mcp.contoso.com/"),
        "{what}: {head}"
    );

    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let (status, _, body) = proxy.send("GET", path, "", "").await;
        let document: Value = serde_json::from_str(body.trim()).unwrap_or_default();
        assert_eq!(
            (status, &document["resource"]),
            (200, &json!("https://mcp.contoso.com/mcp")),
            "{what} {path}"
        );
    }
}

async fn stack() -> Stack {
    Stack::builder().public_url("https://mcp.contoso.com/mcp").start().await
}

#[tokio::test]
async fn nginx_with_the_documents_settings_passes_everything_on() {
    let (stack, folder) = (stack().await, tempfile::tempdir().unwrap());
    let proxy = Proxy::nginx(folder.path(), stack.gateway_address()).await;
    is_passed_through(&stack, &proxy, "nginx").await;
}

#[tokio::test]
async fn caddy_with_the_documents_settings_passes_everything_on() {
    let (stack, folder) = (stack().await, tempfile::tempdir().unwrap());
    let proxy = Proxy::caddy(folder.path(), stack.gateway_address()).await;
    is_passed_through(&stack, &proxy, "caddy").await;
}
