use super::*;

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|v| (header::AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect()
}

#[test]
fn exactly_one_bearer_token_is_a_token() {
    assert_eq!(bearer(&headers(&["bearer a.b.c"])).unwrap().expose(), "a.b.c");
    for bad in [&[][..], &["Bearer a.b.c", "Bearer a.b.c"], &["Basic a"], &["Bearer"], &["a.b.c"]] {
        assert_eq!(bearer(&headers(bad)).unwrap_err(), Refusal::MissingBearer, "{bad:?}");
    }
    for bad in ["Bearer ", "Bearer a b", "Bearer a,b"] {
        assert_eq!(bearer(&headers(&[bad])).unwrap_err().code(), "invalid_token", "{bad}");
    }
}

#[test]
fn a_token_that_is_too_long_is_no_reason_to_sign_in_again() {
    let long = format!("Bearer {}", "a".repeat(identity::MAX_TOKEN_BYTES + 1));
    assert_eq!(bearer(&headers(&[&long])).unwrap_err(), RequestFault::TokenTooLarge.into());
}
