//! The target that has the name of this program.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rblmap_fuzz::run(env!("CARGO_BIN_NAME"), bytes));
