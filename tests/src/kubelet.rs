//! A driver that probes as kubelet does: `httpGet` each period, on a connection of its own, with a second's patience.
//! Not ready after so many failures in a row, ready again after one success.
//!
//! <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

/// kubelet's `timeoutSeconds` where none is set.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long a test waits for what is to be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A readiness probe that goes on by itself, and what it holds to be true.
#[derive(Debug)]
pub struct Kubelet {
    seen: watch::Receiver<Seen>,
    _probing: AbortOnDropHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    ready: bool,
    probes: usize,
}

impl Kubelet {
    /// Probes `/readyz` at this address, every `period`. A pod is not ready before its first success.
    pub fn probe(address: SocketAddr, period: Duration, failure_threshold: usize) -> Self {
        let (told, seen) = watch::channel(Seen::default());
        let probing = tokio::spawn(async move {
            let (mut ticks, mut failures) = (interval(period), 0);
            loop {
                ticks.tick().await;
                let succeeded =
                    timeout(TIMEOUT, get(address)).await.is_ok_and(|status| (200..400).contains(&status));
                failures = if succeeded { 0 } else { failures + 1 };
                told.send_modify(|seen| {
                    seen.probes += 1;
                    seen.ready = succeeded || (seen.ready && failures < failure_threshold);
                });
            }
        });
        Self { seen, _probing: AbortOnDropHandle::new(probing) }
    }

    /// Waits until it holds the pod to be ready, or not. How many probes that took, one that was under way among them.
    ///
    /// # Panics
    /// If it does not come to that within a minute.
    pub async fn sees(&mut self, ready: bool) -> usize {
        let before = self.seen.borrow().probes;
        let turned = timeout(PATIENCE, self.seen.wait_for(|seen| seen.ready == ready)).await;
        let turned = turned.expect("it is seen within a minute").expect("the probe goes on");
        turned.probes - before
    }

    /// Waits for so many more probes. Whether it held the pod to be ready, or not, after each.
    ///
    /// # Panics
    /// If they take longer than a minute.
    pub async fn sees_throughout(&mut self, ready: bool, probes: usize) -> bool {
        let until = self.seen.borrow().probes + probes;
        let over = self.seen.wait_for(|seen| seen.ready != ready || seen.probes >= until);
        let over = timeout(PATIENCE, over).await.expect("it probes on").expect("the probe goes on");
        over.ready == ready
    }
}

/// The status of the answer, or 0.
async fn get(address: SocketAddr) -> u16 {
    let request = format!(
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nUser-Agent: kube-probe/1.37\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let Ok(mut stream) = TcpStream::connect(address).await else { return 0 };
    let mut answer = Vec::new();
    if stream.write_all(request.as_bytes()).await.is_err() || stream.read_to_end(&mut answer).await.is_err() {
        return 0;
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    String::from_utf8_lossy(status).parse().unwrap_or(0)
}
