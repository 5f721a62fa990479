#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| cost::fuzzing::www_authenticate(input));
