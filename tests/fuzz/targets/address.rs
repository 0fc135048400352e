//! `tests/fuzz/run address`

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| payoutd_fuzz::address::holds(input));
