//! More requests at a time than are served.

use super::*;
use crate::routes::Limit;

fn one_at_a_time() -> HttpConfig {
    let traffic = TrafficLimits { max_in_flight: Some(1), ..TrafficLimits::off() };
    HttpConfig { traffic, ..HttpConfig::default() }
}

async fn is_shed(wire: &mut Wire, request: impl AsRef<[u8]>) {
    wire.send(request).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn what_is_too_much_is_shed_at_once_and_probes_are_answered() {
    let probe = public(Method::GET, "/probe", |_, _| Box::pin(async { respond::ok(&"fine") }));
    let routes = vec![gated("/shed"), probe.limited(Limit::Exempt)];
    let server = Running::limited(one_at_a_time(), routes).await;
    let mut busy = server.connect().await;
    busy.send(get("/shed")).await;
    entered("/shed").await;

    let mut wire = server.connect().await;
    is_shed(&mut wire, get("/")).await;
    is_shed(&mut wire, get("/nothing")).await;
    // Not one byte of the body is awaited.
    is_shed(&mut wire, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await;
    let mut wire = server.connect().await;
    for _ in 0..10 {
        wire.send(get("/probe")).await;
        assert_eq!(wire.reply().await.status, 200);
    }
    assert_eq!((server.counters.shed(), server.counters.in_flight()), (3, 1));

    gate("/shed").1.add_permits(1);
    assert_eq!(busy.reply().await.status, 200);
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.status, 200);
    assert_eq!(server.counters.in_flight(), 0);
}

#[tokio::test]
async fn a_file_has_its_place_until_its_last_piece_is_written() {
    let large = public(Method::GET, "/large", |_, _| {
        Box::pin(async { respond::ok(&"x".repeat(16 * 1024 * 1024)) })
    });
    let server = Running::limited(one_at_a_time(), vec![file(), large]).await;
    let mut wire = server.connect().await;

    let mut slow = server.connect().await;
    slow.send(get("/file")).await;
    slow.until_head().await;
    is_shed(&mut wire, get("/")).await;
    assert_eq!(slow.reply().await.status, 200);
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.status, 200);

    // What is in memory waits to be read, and there is nothing to do for it.
    let mut slow = server.connect().await;
    slow.send(get("/large")).await;
    slow.until_head().await;
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.status, 200);
}

#[tokio::test]
async fn whoever_breaks_off_gives_their_place_back() {
    let routes = vec![public(Method::GET, "/never", |_, _| {
        Box::pin(async {
            std::future::pending::<()>().await;
            respond::ok(&"never")
        })
    })];
    let server = Running::limited(one_at_a_time(), routes).await;
    let mut gone = server.connect().await;
    gone.send(get("/never")).await;
    while server.counters.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    let mut wire = server.connect().await;
    loop {
        wire.send(get("/")).await;
        // Until the server has noticed that the first one is gone.
        if wire.reply().await.status == 200 {
            break;
        }
    }
}
