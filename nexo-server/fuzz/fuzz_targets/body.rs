//! JSON bodies, as every type that one is read into.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo_server::fuzzing::{bodies, body};

fuzz_target!(init: nexo_fuzz::sow(bodies), |data: &[u8]| body(data));
