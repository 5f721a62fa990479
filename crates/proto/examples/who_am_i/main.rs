//! A small service that is a consumer of the token broker: see `service.rs`.
//!
//! ```sh
//! BROKER_URL=https://token-broker:50051 BROKER_CA_FILE=broker-ca.pem \
//! BROKER_CERT_FILE=tls.crt BROKER_KEY_FILE=tls.key \
//!   cargo run -p token-broker-proto --example who_am_i
//! curl -H "Authorization: Bearer $USER_TOKEN" http://127.0.0.1:8090/
//! ```

use clap::Parser as _;
use tokio::net::TcpListener;

mod service;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Add your OpenTelemetry layer here; the client sends along whatever trace the current span belongs to.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = service::Settings::parse();
    let listener = TcpListener::bind(settings.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    service::serve(settings, listener).await
}
