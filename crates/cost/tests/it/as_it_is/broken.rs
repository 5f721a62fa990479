//! Connections that break, and answers that say "once more".

use cost::{Client, Error};

use crate::raw::{Raw, cut, whole};
use crate::support::{by_service, http, prod_scope, settings, token};

const NONE: &str = r#"{"properties":{"columns":[],"rows":[]}}"#;
const HTML: &str = "<html>Bad Gateway</html>";

async fn query(azure: &Raw) -> Result<(), Error> {
    let arm = format!("http://{}", azure.address).parse().unwrap();
    let client = Client::new(http(), arm, Vec::new()).with_settings(settings());
    client.query(&token(), &prod_scope(), &by_service()).await.map(|_| ())
}

#[tokio::test]
async fn what_breaks_is_tried_again() {
    for (name, first) in [
        ("closed without an answer", Vec::new()),
        ("closed in the head", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        ("closed in the body", cut(200, "", NONE, 10)),
        ("502", whole(502, "content-type: text/html\r\n", HTML)),
        ("408", whole(408, "", "")),
    ] {
        let azure = Raw::start(vec![first, whole(200, "", NONE)]).await;
        assert!(query(&azure).await.is_ok(), "{name}");
        assert_eq!(azure.requests().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn three_tries_are_enough_and_500_has_one() {
    for (name, answer, tries, code) in [
        ("closed", Vec::new(), 3, "azure_unavailable"),
        ("502", whole(502, "content-type: text/html\r\n", HTML), 3, "azure_unavailable"),
        ("408", whole(408, "", ""), 3, "azure_unavailable"),
        ("500", whole(500, "", ""), 1, "azure_unavailable"),
    ] {
        let azure = Raw::start(vec![answer; 5]).await;
        assert_eq!(query(&azure).await.unwrap_err().code(), code, "{name}");
        assert_eq!(azure.requests().len(), tries, "{name}");
    }
}
