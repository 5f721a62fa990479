//! What a fuzzer throws its input at (`make fuzz`). The inputs that are kept are survived in the tests below.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::cache::SealingKeys;
use crate::consumers::{InvalidCertificate, Peer};

/// The sealing key is 32 times the byte 1, that of the names 32 times the byte 2: they seal nothing but what stands here.
const KEY_FILE: &str = r#"
names = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
seal_with = "a"
[keys]
a = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
"#;
static KEYS: LazyLock<Option<SealingKeys>> = LazyLock::new(|| SealingKeys::parse(KEY_FILE.as_bytes()).ok());
const HERE: &[&[u8]] = &[b"entry", b"here"];
const ELSEWHERE: &[&[u8]] = &[b"entry", b"elsewhere"];

/// Reads the input as a sealed envelope; then seals it, and reads that, whole, changed and cut where its first two bytes say.
///
/// # Panics
/// If an envelope opens that was not sealed for this place, or one that was does not.
pub fn sealed_envelope(input: &[u8]) {
    let Some(keys) = KEYS.as_ref() else { panic!("the key file is a right one") };
    let seal = |plaintext: &[u8]| match keys.seal(HERE, plaintext) {
        Some(envelope) => envelope,
        None => panic!("a text of {} bytes is sealed", plaintext.len()),
    };
    // Only an envelope that is kept among the inputs: nobody guesses another.
    if let Ok(plaintext) = keys.open(HERE, input) {
        assert!(keys.open(ELSEWHERE, input).is_err(), "opened at two places");
        assert_eq!(seal(&plaintext).len(), input.len(), "something beside what was sealed");
    }
    let envelope = seal(input);
    assert!(keys.open(HERE, &envelope).is_ok_and(|plaintext| plaintext.as_slice() == input));
    assert!(keys.open(ELSEWHERE, &envelope).is_err(), "opened at another place");
    let mut bytes = input.iter().copied().map(usize::from);
    let place = (bytes.next().unwrap_or(0) * 256 + bytes.next().unwrap_or(0)) % envelope.len();
    assert!(keys.open(HERE, &envelope[..place]).is_err(), "opened although it was cut at {place}");
    let mut changed = envelope;
    changed[place] ^= 1 << (place % 8);
    assert!(keys.open(HERE, &changed).is_err(), "opened although byte {place} was changed");
}

/// Reads the input as a client's certificate, in DER.
///
/// # Panics
/// If a name is taken that the consumers file could not hold, or if DNS names are taken beside a SPIFFE ID.
pub fn certificate_names(input: &[u8]) {
    let names = match Peer::of_certificate(input) {
        Ok(Peer::Certificate(names)) => names,
        Ok(other) => panic!("a certificate makes no {other}"),
        Err(InvalidCertificate::Unreadable | InvalidCertificate::TooManyNames) => return,
    };
    let all: Vec<_> = names.iter().collect();
    assert!(all.len() <= 64, "{} names", all.len());
    assert!(all.iter().all(|name| comes_back(*name)), "{all:?}");
    let ids = all.iter().filter(|name| name.to_string().starts_with("spiffe://")).count();
    assert!(ids == 0 || ids == all.len(), "{all:?}");
    assert!(ids < 2 || names.has_several_ids(), "{all:?}");
    assert!(names.to_string().len() <= 16 * 1024, "{names}");
}

/// Whether a text of it is read as what it was written of.
fn comes_back<T: Display + FromStr + PartialEq>(one: &T) -> bool {
    one.to_string().parse::<T>().is_ok_and(|again| again == *one)
}

#[cfg(test)]
mod tests {
    use testkit::kept_inputs;

    use super::*;

    #[test]
    fn every_kept_input_is_survived() {
        for (target, survive) in
            [("sealed_envelope", sealed_envelope as fn(&[u8])), ("certificate_names", certificate_names)]
        {
            for (file, input) in kept_inputs(target) {
                println!("{}", file.display());
                survive(&input);
            }
        }
    }

    #[test]
    fn a_sealed_envelope_is_among_the_kept_ones() {
        let keys = KEYS.as_ref().unwrap();
        let opened =
            kept_inputs("sealed_envelope").into_iter().filter(|(_, input)| keys.open(HERE, input).is_ok());
        assert_eq!(opened.count(), 1);
    }
}
