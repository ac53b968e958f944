//! Where a list goes on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo_core::fuzzing::{cursor, cursors};

fuzz_target!(init: nexo_fuzz::sow(cursors), |text: &str| {
    cursor(text);
    // Base64 hides the structure from the fuzzer: the JSON beneath it, too.
    cursor(&nexo_core::fuzzing::encoded(text));
});
