//! Tokens of the managed identity, in the two dialects of Azure's platforms.

use emulator::{EndpointFault, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_ID};
use serde_json::Value;

use crate::harness::{Stand, claims};

const AUDIENCE: &str = "api://AzureADTokenExchange";

async fn ask(stand: &Stand, url: &str, query: &[(&str, &str)], header: (&str, &str)) -> (u16, Value) {
    let response = stand.http.get(url).query(query).header(header.0, header.1).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_instance_metadata_service_answers_as_on_a_virtual_machine() {
    let stand = Stand::start().await;
    let url = format!("{}/metadata/identity/oauth2/token", stand.emulator.endpoints().metadata);
    assert!(url.starts_with("http://127.0.0.1:"));
    let (version, resource, client) =
        (("api-version", "2018-02-01"), ("resource", AUDIENCE), ("client_id", MANAGED_IDENTITY_CLIENT_ID));
    let good = [version, resource, client];
    let header = ("metadata", "true");

    let (status, body) = ask(&stand, &url, &good, header).await;
    assert_eq!((status, &body["token_type"]), (200, &"Bearer".into()));
    for name in ["expires_in", "expires_on", "ext_expires_in", "not_before"] {
        assert!(
            body[name].as_str().unwrap().parse::<i64>().is_ok(),
            "{name} is a number written as a string"
        );
    }
    let token = claims(body["access_token"].as_str().unwrap());
    assert_eq!((&token["sub"], &token["aud"]), (&MANAGED_IDENTITY_ID.into(), &AUDIENCE.into()));
    assert_eq!(token["exp"].to_string(), body["expires_on"].as_str().unwrap());

    for (query, header, error, description) in [
        (&good[..], ("metadata", "false"), "bad_request_102", "Required metadata header not specified"),
        (&good[..], ("x", "y"), "bad_request_102", "Required metadata header not specified"),
        (&[version, client][..], header, "invalid_request", "Required audience parameter not specified"),
        (&[version, resource, ("client_id", "x")][..], header, "invalid_request", "Identity not found"),
        (&[("api-version", "1"), resource, client][..], header, "bad_request_104", "Invalid api-version"),
    ] {
        let (status, body) = ask(&stand, &url, query, header).await;
        assert_eq!((status, &body["error"]), (400, &error.into()));
        assert_eq!(body["error_description"], description);
    }
    let elsewhere = [version, ("resource", "https://management.azure.com"), client];
    assert_eq!(ask(&stand, &url, &elsewhere, header).await.1["error"], "invalid_resource");

    for status in [429, 404, 410, 500] {
        let fault = EndpointFault { status: Some(status), times: Some(1), ..EndpointFault::default() };
        stand.emulator.faults().update(|faults| faults.metadata = fault);
        assert_eq!(ask(&stand, &url, &good, header).await.0, status);
    }
    assert_eq!(ask(&stand, &url, &good, header).await.0, 200);
    assert_eq!(stand.emulator.counts().metadata_requests, 12);
}

#[tokio::test]
async fn app_service_and_container_apps_have_their_own_endpoint() {
    let stand = Stand::start().await;
    let url = stand.emulator.endpoints().identity_endpoint();
    let header = ("x-identity-header", stand.emulator.identity_header());
    let query = |client| [("api-version", "2019-08-01"), ("resource", AUDIENCE), ("client_id", client)];

    let (status, body) = ask(&stand, &url, &query(MANAGED_IDENTITY_CLIENT_ID), header).await;
    assert_eq!(status, 200);
    assert!(body["expires_on"].is_string() && body.get("expires_in").is_none(), "{body}");
    assert_eq!(claims(body["access_token"].as_str().unwrap())["sub"], MANAGED_IDENTITY_ID);

    let (status, body) = ask(&stand, &url, &query("x"), header).await;
    assert_eq!((status, &body["statusCode"]), (400, &400.into()));
    assert!(
        body["message"].as_str().unwrap().starts_with("No User Assigned or Delegated Managed Identity found")
    );
    let wrong = ("x-identity-header", "wrong");
    assert_eq!(ask(&stand, &url, &query(MANAGED_IDENTITY_CLIENT_ID), wrong).await.0, 401);
}
