//! How long a token may be before something in front of the gateway refuses it: the tokens of people in many groups are
//! longer than many proxies expect, and those people alone get an answer that is not ours.

use reqwest::header::{AUTHORIZATION, SERVER};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use telemetry::report::Finding;
use url::Url;

use super::site::{ask, body};
use super::words::described;

/// A token that no one accepts, to see whether the header arrives.
pub(super) const NO_TOKEN: &str = "Bearer doctor.is.looking";
const NAME: &str = "long_tokens";
/// What is tried, in KiB: below the usual limits of proxies (4, 8, 16), and below the gateway's own of 16.
const SIZES: [usize; 4] = [3, 7, 11, 15];
const FIX: &str = "Let what stands in front take heads of 24 KiB (docs/proxies.md), or have tokens name fewer groups: \"Groups assigned to the application\" in the token configuration of the app registration.";

/// Sends made-up tokens of growing length, and tells which is the first that does not reach the gateway.
pub(super) async fn look(call: impl Fn() -> RequestBuilder, host: &Url) -> Finding {
    for size in SIZES {
        let subject = format!("a token of {size} KiB");
        let padding = "A".repeat(size * 1024 - NO_TOKEN.len());
        let answer = ask(call().header(AUTHORIZATION, format!("{NO_TOKEN}{padding}")), host).await;
        match answer {
            Ok(answer) => {
                let what = format!("{}{}", described(&answer), server(&answer));
                if !is_ours(answer).await {
                    let detail = format!("{what} that is not the gateway's: it is cut off on the way");
                    return Finding::missing(NAME, subject, detail, FIX);
                }
            }
            Err(trouble) => {
                let detail = format!("no answer, where a short one gets it: {}", trouble.detail(host));
                return Finding::missing(NAME, subject, detail, FIX);
            }
        }
    }
    Finding::ok(NAME, "a token of 15 KiB", "arrives at the gateway")
}

fn server(answer: &Response) -> String {
    let server = answer.headers().get(SERVER).and_then(|server| server.to_str().ok());
    server.map(|server| format!(" of {}", server.escape_debug())).unwrap_or_default()
}

async fn is_ours(answer: Response) -> bool {
    let text = body(answer).await.unwrap_or_default();
    serde_json::from_slice::<Value>(&text).is_ok_and(|document| document["code"] == "invalid_token")
}
