#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proto::fuzzing::status_details(input));
