//! Whoever sends slowly, or nothing, does not keep a connection from others.

use std::time::Duration;

use e2e::Stack;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the gateway waits for the head of a request (30 s), shorter than the test's own limit.
const PATIENCE: Duration = Duration::from_secs(50);

#[tokio::test]
async fn half_a_request_is_not_waited_for() {
    let stack = Stack::start().await;
    let url = url::Url::parse(&stack.public_url()).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let openings = ["", "POST /mcp HT", "POST /mcp HTTP/1.1\r\nHost: localhost\r\n"];
    join_all(openings.map(|sent| is_closed_on(&address, sent))).await;
}

async fn is_closed_on(address: &str, sent: &str) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(sent.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(PATIENCE, connection.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "{sent:?} still holds its connection after {PATIENCE:?}");
}
