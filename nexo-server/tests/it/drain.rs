//! The end of the program: asked to stop, it finishes what it has begun.

use crate::program::Program;
use crate::wire::Wire;

const LOGIN: &str = r#"{"email":"ada@example.com","password":"wrong but long enough"}"#;

/// A request in flight: the server waits for the rest of its body.
async fn half_a_login(program: &Program) -> Wire {
    let mut busy = Wire::connect(program.address).await;
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        LOGIN.len()
    );
    busy.send(head).await;
    busy.until_continue().await;
    busy
}

async fn idle(program: &Program) -> Wire {
    let mut idle = Wire::connect(program.address).await;
    idle.send("GET /ready HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(idle.reply().await.status, 200);
    idle
}

#[tokio::test]
async fn sigterm_lets_requests_finish() {
    let program = Program::start(&[]);
    let mut idle = idle(&program).await;
    let mut busy = half_a_login(&program).await;
    program.signal("TERM");
    assert_eq!(idle.closed().await, b"");
    drop(idle);
    busy.send(LOGIN).await;
    let reply = busy.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (401, "invalid_credentials"));
    assert_eq!(reply.header("connection"), Some("close"));
    drop(busy);
    let (status, printed, log) = program.end();
    assert!(status.success(), "{status}: {log}");
    assert!(printed.contains("curl") && printed.contains("/api/auth/register"), "{printed}");
    assert!(!log.contains("ERROR") && !log.contains("wrong but long enough"), "{log}");
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let program = Program::start(&[]);
    let mut idle = idle(&program).await;
    let mut busy = half_a_login(&program).await;
    program.signal("INT");
    assert_eq!(idle.closed().await, b"");
    program.signal("TERM");
    assert_eq!(busy.closed().await, b"");
    let (status, _, log) = program.end();
    assert!(status.success(), "{status}: {log}");
}
