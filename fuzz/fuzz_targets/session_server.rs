#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| farewell_fuzz::session_server(data));
