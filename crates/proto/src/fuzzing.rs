//! What a fuzzer throws its input at (`make fuzz`). The inputs that are kept are survived in the tests below.

use prost::bytes::Bytes;
use tonic::{Code, Status};

use crate::status::{BrokerError, MAX_CLAIMS_LEN, MAX_RETRY_AFTER, metadata};

const KEYS: [&str; 6] = [
    metadata::AADSTS,
    metadata::CAUSE,
    metadata::CORRELATION_ID,
    metadata::PERMISSION,
    metadata::REASON,
    metadata::TRACE_ID,
];

/// Reads the first byte as a status' code and all else as its details.
///
/// # Panics
/// If what is read of it breaks a bound, is taken for the broker's although it is not, or does not come back as it is.
pub fn status_details(input: &[u8]) {
    let (code, details) = input.split_first().unwrap_or((&0, &[]));
    let status =
        Status::with_details(Code::from_i32((*code).into()), "a text", Bytes::copy_from_slice(details));
    let error = BrokerError::from_status(&status);
    assert_eq!((error.code(), error.message()), (status.code(), "a text"));
    assert!(error.retry_after().is_none_or(|delay| delay <= MAX_RETRY_AFTER), "{error:?}");
    assert!(error.claims().is_none_or(|claims| (1..=MAX_CLAIMS_LEN).contains(&claims.len())), "{error:?}");
    assert!(KEYS.iter().all(|key| error.metadata(key).is_none_or(|value| value.len() <= 256)), "{error:?}");
    if error.reason().is_none() {
        return;
    }
    assert!(error.is_from_broker(), "a reason is a broker's: {error:?}");
    assert_eq!(BrokerError::from_status(&Status::from(error.clone())), error);
}

#[cfg(test)]
mod tests {
    use testkit::kept_inputs;

    use super::*;

    #[test]
    fn every_kept_input_is_survived() {
        for (file, input) in kept_inputs("status_details") {
            println!("{}", file.display());
            status_details(&input);
        }
    }
}
