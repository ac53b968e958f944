//! Bytes on a connection: framing, head, host, peer, path, query and body, up to where a
//! database is needed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo_server::fuzzing::{connection, requests};

fuzz_target!(init: nexo_fuzz::sow(requests), |sent: &[u8]| {
    let answered = connection(sent);
    assert!(answered.is_empty() || answered.starts_with(b"HTTP/1."), "no reply");
    let failed = answered.windows(13).any(|part| part == b"HTTP/1.1 500 ");
    assert!(!failed, "{}", String::from_utf8_lossy(&answered));
});
