//! `tests/fuzz/run signature`

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| payoutd_fuzz::signature::holds(input));
