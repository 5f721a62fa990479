//! The client of OTLP over HTTP. The exporter has a thread of its own, without a runtime: requests run on the service's.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use reqwest::{Certificate, Client, redirect};
use tokio::runtime::Handle;

/// The longest answer: it says what was not taken.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Sends what the exporter has.
pub(super) struct Sender {
    http: Client,
    runtime: Handle,
}

impl Sender {
    /// A client that trusts the system's roots and those of the PEM, and takes so long at most. Call it within the runtime.
    #[expect(clippy::disallowed_methods, reason = "the collector's own pool: this crate knows none of ours")]
    pub(super) fn new(extra_ca: Option<&[u8]>, timeout: Duration) -> reqwest::Result<Self> {
        // What an answer names is followed nowhere: headers may hold keys.
        let mut builder = Client::builder().redirect(redirect::Policy::none()).timeout(timeout);
        if let Some(pem) = extra_ca {
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
        }
        Ok(Self { http: builder.build()?, runtime: Handle::current() })
    }
}

/// A proxy's URL, which a client knows, may hold a password.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let mut answer = http.execute(request.try_into()?).await?;
            let mut response = http::Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                    return Err("the collector's answer is too long".into());
                }
                body.extend_from_slice(&chunk);
            }
            Ok(response.body(body.freeze())?)
        });
        sent.await?
    }
}
