//! `tests/fuzz/run job`

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| payoutd_fuzz::job::holds(input));
