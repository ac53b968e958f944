//! Access tokens, API keys and what is mailed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo_core::fuzzing::tokens;
use nexo_server::fuzzing::authorization;

fn seeds() -> Vec<String> {
    tokens().into_iter().map(|token| format!("Bearer {token}")).collect()
}

fuzz_target!(init: nexo_fuzz::sow(seeds), |value: &[u8]| authorization(value));
