//! A stand-in for Azure that speaks in bytes, for what no HTTP server would send: connections that break.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers each connection with the next of its answers, byte for byte, and then closes it.
pub(crate) struct Raw {
    /// Its host and port.
    pub(crate) address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// Beyond the last answer connections are closed without one.
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut connection, _)) = listener.accept().await {
                let head = request(&mut connection).await;
                seen.lock().unwrap().push(head);
                let _ = connection.write_all(&answers.next().unwrap_or_default()).await;
                let _ = connection.shutdown().await;
            }
        });
        Self { address, heads }
    }

    /// The requests so far: their first lines and fields, in small letters.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// An answer in full.
pub(crate) fn whole(status: u16, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}")
        .into_bytes()
}

/// The same, broken off after so many bytes of its body.
pub(crate) fn cut(status: u16, fields: &str, body: &str, after: usize) -> Vec<u8> {
    let mut bytes = whole(status, fields, body);
    bytes.truncate(bytes.len() - body.len() + after);
    bytes
}

/// Reads one request, its body included, and returns its head.
async fn request(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = connection.read(&mut chunk).await.unwrap_or(0);
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.to_owned();
            }
        }
        if read == 0 {
            return text;
        }
    }
}
