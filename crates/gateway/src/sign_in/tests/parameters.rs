//! One way to read what can be written in many.

use crate::sign_in::fault::Fault;
use crate::sign_in::parameters::{MAX_BYTES, Parameters};

fn state_of(text: &str) -> Result<Option<String>, Fault> {
    Parameters::parse(text.as_bytes()).map(|read| read.get("state").map(str::to_owned))
}

#[test]
fn what_is_well_written_is_read_as_it_was_meant() {
    for (text, state) in [
        ("state=a+b%20c", Some("a b c")),
        ("state=%E2%82%AC%2B%26%3D", Some("€+&=")),
        ("state=a=b", Some("a=b")),
        ("&&state=a&", Some("a")),
        ("%73tate=a", Some("a")),
        ("state=", None),
        ("state", None),
        ("STATE=a", None),
        ("", None),
    ] {
        assert_eq!(state_of(text), Ok(state.map(str::to_owned)), "{text}");
    }
}

#[test]
fn what_two_parties_could_read_differently_is_refused() {
    for text in [
        "state=%",
        "state=%4",
        "state=%zz",
        "state=%+1",
        "state=%00",
        "state=a%0d%0aSet-Cookie:%20a=b",
        "state=%c2%85",
        "state=%ff",
        "state=%c0%af",
        "state=%ed%a0%80",
        "state=a b",
        "state=€",
        "st%00ate=a",
    ] {
        assert_eq!(state_of(text), Err(Fault::Malformed), "{text}");
    }
    for text in ["state=a&state=a", "state=a&%73tate=b", "state=&state=a", "state&state", "x=1&x=2"] {
        assert_eq!(state_of(text), Err(Fault::Repeated), "{text}");
    }
}

#[test]
fn there_is_an_end_to_their_length_and_number() {
    let long = |length: usize| format!("state={}", "a".repeat(length - "state=".len()));
    assert!(state_of(&long(MAX_BYTES)).is_ok());
    assert_eq!(state_of(&long(MAX_BYTES + 1)), Err(Fault::TooLarge));
    let many = |number: usize| (0..number).map(|n| format!("p{n}=")).collect::<Vec<_>>().join("&");
    assert!(state_of(&many(32)).is_ok());
    assert_eq!(state_of(&many(33)), Err(Fault::Malformed));
}
