//! `tests/fuzz/run token`

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| payoutd_fuzz::token::holds(input));
