#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| token_broker::fuzzing::certificate_names(input));
