//! `make token PERSON=alice`: a token from the emulator that `make up` runs.

use std::path::PathBuf;

use clap::Parser;
use e2e::processes::{Control, read_env};
use serde_json::json;

/// Prints a person's access token for the API.
#[derive(Parser)]
struct Args {
    /// alice, bob, carol, dave or erin.
    person: String,
    /// Scopes in the token [default: all that are consented to].
    scopes: Vec<String>,
    /// As if the person had just passed multifactor authentication.
    #[arg(long)]
    mfa: bool,
    /// Where the stack keeps its state.
    #[arg(long, default_value = ".local/stack")]
    folder: PathBuf,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the token is this program's output")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let control = Control::new(&read_env(&args.folder.join("env"))?)?;
    let mut order = json!({});
    if !args.scopes.is_empty() {
        order["scopes"] = json!(args.scopes);
    }
    if args.mfa {
        order["amr"] = json!(["pwd", "mfa"]);
    }
    println!("{}", control.token(&args.person, order).await?);
    Ok(())
}
