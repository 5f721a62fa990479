//! `make picture`: the picture of alice and bob in the README, from what the running stack answers them.

use anyhow::Context as _;
use e2e::Caller;
use e2e::picture;
use e2e::processes::{Ports, Processes};
use serde_json::json;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/alice-and-bob.svg");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stack = Processes::start(folder.path(), Ports::free()?, 0).await?;
    let caller = Caller::new(stack.public_url());
    let mut answers = Vec::new();
    for (person, _) in picture::PEOPLE {
        let token = stack.control().token(person, json!({})).await?;
        answers.push(picture::ask(&caller, &token).await);
    }
    let [alice, bob] = answers.as_slice() else { anyhow::bail!("two people ask") };
    std::fs::write(FILE, picture::draw([alice, bob])).context(FILE)
}
