//! The recorded requests of Microsoft's own clients must be accepted as they are, but for the signatures and times in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulator::{TENANT_ID, TokenSpec};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use crate::harness::Stand;

const CAPTURED: &str = include_str!("../data/msal-obo-requests.json");

#[tokio::test]
async fn requests_of_msal_are_accepted() {
    let stand = Stand::start().await;
    let captured: Vec<Value> = serde_json::from_str(CAPTURED).unwrap();
    assert_eq!(captured.len(), 6);
    for (at, request) in captured.iter().enumerate() {
        let (status, body) = replay(&stand, request).await;
        let client = &request["client"];
        if request["form_without_client_assertion"]["assertion"] == "FAIL" {
            assert_eq!((status, &body["error_codes"][0]), (400, &50_027.into()), "{client} {at}: {body}");
            continue;
        }
        assert_eq!(status, 200, "{client} {at}: {body}");
        assert_eq!(
            body["scope"],
            "https://management.azure.com/user_impersonation https://management.azure.com/.default openid profile"
        );
        // All of them declare cp1, so the token lives long and is to be refreshed half-way.
        assert_eq!((body["expires_in"].as_i64(), body["refresh_in"].as_i64()), (Some(86_400), Some(43_200)));
        for member in ["client_info", "refresh_token", "id_token"] {
            assert!(body[member].is_string(), "{client} {at}: {member}");
        }
    }
}

async fn replay(stand: &Stand, request: &Value) -> (u16, Value) {
    let assertion = stand.mint(&TokenSpec::for_person("alice"));
    let mut form: Vec<(String, String)> =
        vec![("client_assertion".to_owned(), client_assertion(stand, request))];
    for (name, value) in members(&request["form_without_client_assertion"]) {
        let value = value.as_str().unwrap();
        form.push((
            name.clone(),
            if value.starts_with("INCOMING") { assertion.clone() } else { value.to_owned() },
        ));
    }
    let path = request["path"].as_str().unwrap();
    assert!(path.contains(TENANT_ID));
    let mut post = stand.http.post(format!("{}{path}", stand.emulator.endpoints().authority));
    for (name, value) in members(&request["headers"]) {
        // The client library sets its own of these.
        if !name.eq_ignore_ascii_case("content-type") && !name.eq_ignore_ascii_case("accept-encoding") {
            post = post.header(name.as_str(), value.as_str().unwrap());
        }
    }
    let response = post.form(&form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The recorded assertion with our certificate, our authority and the present time, each in the recorded form.
fn client_assertion(stand: &Stand, request: &Value) -> String {
    let mut header = request["client_assertion_header"].clone();
    let recorded = header["x5t#S256"].as_str().unwrap();
    let padding = if recorded.ends_with('=') { "=" } else { "" };
    header["x5t#S256"] = format!("{}{padding}", stand.thumbprint()).into();
    if header.get("x5c").is_some() {
        let text = STANDARD.encode(stand.certificate());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        header["x5c"] = json!([lines.join("\n")]);
    }
    let mut claims = request["client_assertion_claims"].clone();
    claims["aud"] = stand.entra("oauth2/v2.0/token").into();
    let issued = claims["iat"].clone();
    for name in ["iat", "nbf", "exp"] {
        if let Some(moment) = claims.get(name).cloned() {
            claims[name] = moved(&moment, &issued, stand.now());
        }
    }
    stand.sign(&header, &claims, Algorithm::PS256)
}

/// `moment` moved so that `issued` becomes `now`; an integer stays one, and so does a float.
fn moved(moment: &Value, issued: &Value, now: i64) -> Value {
    match (moment.as_i64(), issued.as_i64()) {
        (Some(moment), Some(issued)) => (moment - issued + now).into(),
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
        _ => (moment.as_f64().unwrap() - issued.as_f64().unwrap() + now as f64).into(),
    }
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}
