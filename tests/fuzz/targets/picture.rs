#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paseo::fuzz::run("picture", bytes));
