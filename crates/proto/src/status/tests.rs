use prost::bytes::Bytes;

use super::*;

#[test]
fn an_error_survives_the_wire() {
    let error = BrokerError::new(Reason::ClaimsChallenge, "the user must satisfy Conditional Access")
        .with_metadata("aadsts", "50076")
        .with_metadata("correlation_id", "c0ffee00-0000-4000-8000-000000000000")
        .with_retry_after(Duration::from_millis(1500))
        .with_claims(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);

    let status = Status::from(error.clone());

    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(BrokerError::from_status(&status), error);
}

#[test]
fn every_reason_is_found_by_its_string() {
    for reason in Reason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
        let read = BrokerError::from_status(&BrokerError::new(reason, "x").into());
        assert_eq!((read.reason(), read.code()), (Some(reason), reason.code()));
    }
    assert_eq!("INVALID_TOKEN".parse::<Reason>(), Err(UnknownWord));
}

#[test]
fn a_status_of_someone_else_is_read_as_such() {
    let error = BrokerError::from_status(&Status::unavailable("connection refused"));
    assert_eq!(error.reason(), None);
    assert_eq!(error.code(), Code::Unavailable);

    let info = pb::ErrorInfo {
        reason: "invalid_token".into(),
        domain: "googleapis.com".into(),
        ..Default::default()
    };
    let error = BrokerError::from_status(&packed(vec![any(ErrorInfo::TYPE_URL, &info)]));
    assert_eq!(error.reason(), None, "another domain's reasons are not ours");
}

#[test]
fn hostile_details_never_panic_and_stay_bounded() {
    let garbage = Any { type_url: ErrorInfo::TYPE_URL.into(), value: vec![0xff; 64] };
    let negative =
        pb::RetryInfo { retry_delay: Some(prost_types::Duration { seconds: -5, nanos: i32::MIN }) };
    let endless = pb::RetryInfo { retry_delay: Some(prost_types::Duration { seconds: i64::MAX, nanos: 0 }) };
    let long = ClaimsChallenge { claims: "x".repeat(MAX_CLAIMS_LEN + 1) };
    let crowded = pb::ErrorInfo {
        reason: "no_such_reason".into(),
        domain: ERROR_DOMAIN.into(),
        metadata: (0..100).map(|i| (format!("k{i}"), "v".into())).collect(),
    };

    let read = |details| BrokerError::from_status(&packed(details));

    assert_eq!(read(vec![garbage]).reason(), None);
    assert_eq!(read(vec![any(RetryInfo::TYPE_URL, &negative)]).retry_after(), None);
    assert_eq!(read(vec![any(RetryInfo::TYPE_URL, &endless)]).retry_after(), Some(MAX_RETRY_AFTER));
    assert_eq!(read(vec![any(CLAIMS_CHALLENGE_URL, &long)]).claims(), None);
    assert_eq!(read(vec![any(ErrorInfo::TYPE_URL, &crowded)]).metadata.len(), MAX_METADATA_ENTRIES);

    for details in [vec![0xff; 10], vec![0; MAX_DETAILS_LEN + 1]] {
        let status = Status::with_details(Code::Unknown, "x", Bytes::from(details));
        assert_eq!(BrokerError::from_status(&status).reason(), None);
    }
}

#[test]
fn what_does_not_fit_is_left_out_when_writing() {
    let error = BrokerError::new(Reason::InvalidToken, "x")
        .with_metadata("trace_id", "")
        .with_metadata("aadsts", "9".repeat(MAX_METADATA_VALUE_LEN + 1))
        .with_claims("c".repeat(MAX_CLAIMS_LEN + 1))
        .with_retry_after(Duration::MAX);

    assert_eq!(error.metadata, BTreeMap::new());
    assert_eq!(error.claims(), None);
    assert_eq!(error.retry_after(), Some(MAX_RETRY_AFTER));
}

fn packed(details: Vec<Any>) -> Status {
    let status = pb::Status { code: 2, message: String::new(), details };
    Status::with_details(Code::Unknown, "x", status.encode_to_vec().into())
}
