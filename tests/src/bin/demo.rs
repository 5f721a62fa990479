//! `make demo`: real MCP calls as several people, with the answers and the refusals. Ends with 0, or says what failed.

use anyhow::{Context, ensure};
use e2e::processes::{Ports, Processes, Setup};
use e2e::{Answer, Caller, Redis};
use emulator::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use proto::v1::PurgeUserRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    say("Starting emulator, token broker and gateway on loopback ...");
    let setup = Setup { redis: Redis::is_installed(), ..Setup::default() };
    let stack = Processes::start_as(folder.path(), Ports::free()?, &setup).await?;
    let mut demo = Demo { caller: Caller::new(stack.public_url()), stack, calls: 0 };
    demo.alice().await.context("alice")?;
    demo.bob().await.context("bob")?;
    demo.tokens_that_are_refused().await.context("refused tokens")?;
    demo.dave().await.context("dave")?;
    demo.exchanges().await.context("exchanges")?;
    demo.purge().await.context("purge")?;
    say("\nGo on by hand: `make up` leaves the stack running and prints how to connect a client;");
    say("`make token PERSON=alice` prints a token for it.");
    Ok(())
}

struct Demo {
    stack: Processes,
    caller: Caller,
    calls: u32,
}

impl Demo {
    async fn alice(&mut self) -> anyhow::Result<()> {
        heading("alice has a role on Prod and Dev");
        let token = self.token("alice", json!({})).await?;
        for subscription in [PROD_SUBSCRIPTION, DEV_SUBSCRIPTION] {
            let answer = self.call(&token, "cost_by_service", json!({"subscription": subscription})).await;
            ensure!(answer.status == 200 && !answer.is_tool_error(), "expected costs, got {}", answer.text);
            show(answer.readable());
        }
        Ok(())
    }

    async fn bob(&mut self) -> anyhow::Result<()> {
        heading("bob has a role on Dev only");
        let token = self.token("bob", json!({})).await?;
        let own = self.call(&token, "list_subscriptions", json!({})).await;
        let seen = own.data()["subscriptions"].as_array().map_or(0, Vec::len);
        ensure!(seen == 1, "expected one subscription, got {}", own.text);
        show(own.readable());
        let prod = self.call(&token, "cost_by_service", json!({"subscription": PROD_SUBSCRIPTION})).await;
        ensure!(prod.data()["code"] == "no_access", "expected Azure's refusal, got {}", prod.text);
        say("bob asks for Prod, and Azure itself refuses (HTTP 200, the tool's result is an error):");
        show(prod.readable());
        heading("bob may not export: the tool needs a scope his token lacks");
        let export = self.call(&token, "cost_export", json!({"subscription": DEV_SUBSCRIPTION})).await;
        ensure!(export.status == 403 && export.code() == "missing_scope:cost.export", "got {}", export.text);
        refusal(&export);
        self.exports().await
    }

    /// An export is its owner's alone, whoever else may export.
    async fn exports(&mut self) -> anyhow::Result<()> {
        heading("alice exports, and bob cannot have her file, though he may export too");
        let token = self.token("alice", json!({})).await?;
        let days = json!({"scope": DEV_SUBSCRIPTION, "period": "last_month", "format": "csv.gz"});
        say("> cost_export as alice, until the file is there");
        let export = self.caller.export(&token, days).await;
        ensure!(export.data()["status"] == "ready", "expected a file, got {}", export.text);
        show(export.readable());
        let uri = export.data()["uri"].as_str().context("a ready export has a uri")?.to_owned();
        let bob = self.token("bob", json!({"scopes": ["cost.read", "cost.export"]})).await?;
        for (who, token, expected) in [("alice", token, 200), ("bob", bob, 404)] {
            let request = self.caller.requesting(reqwest::Method::GET, &uri).bearer_auth(token);
            let status = request.send().await?.status().as_u16();
            say(&format!("> GET {uri} as {who}: HTTP {status}"));
            ensure!(status == expected, "expected {expected} for {who}");
        }
        Ok(())
    }

    async fn tokens_that_are_refused(&mut self) -> anyhow::Result<()> {
        heading("tokens that prove nothing");
        let expired = json!({"lifetime_seconds": -7200, "not_before_offset": -10_000});
        let foreign = json!({"claims": {"aud": "https://management.azure.com"}});
        let cases = [
            ("no token", None, ""),
            ("a token for another audience", Some(foreign), "wrong_audience"),
            ("an expired token", Some(expired), "expired"),
        ];
        for (name, order, reason) in cases {
            let answer = match order {
                Some(order) => {
                    let token = self.token("alice", order).await?;
                    self.call(&token, "list_subscriptions", json!({})).await
                }
                None => self.caller.request(None, "tools/list", json!({})).await,
            };
            ensure!(answer.status == 401 && answer.reason() == reason, "{name}: got {}", answer.text);
            say(&format!("{name}:"));
            refusal(&answer);
        }
        Ok(())
    }

    async fn dave(&mut self) -> anyhow::Result<()> {
        heading("dave: Conditional Access wants multifactor authentication for Azure");
        let token = self.token("dave", json!({})).await?;
        let answer = self.call(&token, "list_subscriptions", json!({})).await;
        ensure!(answer.status == 403 && answer.code() == "claims_challenge", "got {}", answer.text);
        refusal(&answer);
        say("after he signed in again with those claims:");
        let token = self.token("dave", json!({"amr": ["pwd", "mfa"]})).await?;
        let answer = self.call(&token, "list_subscriptions", json!({})).await;
        ensure!(answer.status == 200 && !answer.is_tool_error(), "got {}", answer.text);
        show(answer.readable());
        Ok(())
    }

    async fn exchanges(&mut self) -> anyhow::Result<()> {
        heading("what Entra ID saw");
        let token = self.token("alice", json!({})).await?;
        let before = self.stack.control().counts().await?.exchanges;
        say("> list_subscriptions {}, 20 times");
        for _ in 0..20 {
            self.calls += 1;
            let answer = self.caller.call(&token, "list_subscriptions", json!({})).await;
            ensure!(answer.status == 200, "got {}", answer.text);
        }
        let counts = self.stack.control().counts().await?;
        ensure!(
            counts.exchanges == before + 1,
            "20 calls with one token caused {} exchanges",
            counts.exchanges - before
        );
        say(&format!(
            "  {} tool calls, {} On-Behalf-Of exchanges at Entra ID; the last 20 calls shared one.",
            self.calls, counts.exchanges
        ));
        Ok(())
    }

    async fn purge(&mut self) -> anyhow::Result<()> {
        heading("an operator drops what is held of alice");
        let token = self.token("alice", json!({})).await?;
        self.call(&token, "list_subscriptions", json!({})).await;
        let before = self.stack.control().counts().await?.exchanges;
        let people = self.stack.control().people().await?;
        let alice = people.iter().find(|person| person["name"] == "alice").context("there is an alice")?;
        let user_oid = alice["oid"].as_str().unwrap_or_default().to_owned();
        let url = self.stack.broker_urls().remove(0);
        let request = PurgeUserRequest { tenant_id: emulator::TENANT_ID.to_owned(), user_oid };
        say(&format!("> PurgeUser at the token broker, {url}"));
        TokenBrokerClient::connect(url).await?.purge_user(request).await?;
        self.call(&token, "list_subscriptions", json!({})).await;
        let exchanges = self.stack.control().counts().await?.exchanges - before;
        ensure!(exchanges == 1, "the call after the purge caused {exchanges} exchanges");
        say("  the same token again: Entra ID was asked anew.");
        Ok(())
    }

    async fn token(&self, person: &str, order: Value) -> anyhow::Result<String> {
        self.stack.control().token(person, order).await
    }

    async fn call(&mut self, token: &str, tool: &str, arguments: Value) -> Answer {
        self.calls += 1;
        say(&format!("> {tool} {arguments}"));
        self.caller.call(token, tool, arguments).await
    }
}

fn refusal(answer: &Answer) {
    say(&format!("  HTTP {}  {} {}", answer.status, answer.code(), answer.reason()));
    say(&format!("  WWW-Authenticate: {}", answer.challenge()));
    say(&format!("  detail: {}\n", answer.document["detail"].as_str().unwrap_or_default()));
}

fn heading(text: &str) {
    say(&format!("\n=== {text}\n"));
}

fn show(text: &str) {
    for line in text.lines() {
        say(&format!("  {line}"));
    }
    say("");
}

#[expect(clippy::print_stdout, reason = "what is shown is this program's output")]
fn say(text: &str) {
    println!("{text}");
}
