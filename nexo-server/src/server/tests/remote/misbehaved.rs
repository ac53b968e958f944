//! What callers and services do wrong, and that nobody else is harmed by it.

use super::*;

/// H1: a body that is not handed on is not announced either: the next request on
/// the connection would pass for it.
#[tokio::test]
async fn h1_a_body_of_a_read_smuggles_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut read = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut read).await {
                    drop(tell.send(String::from_utf8_lossy(&read[..count]).into_owned()));
                    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    drop(stream.write_all(reply).await);
                }
            });
        }
    });
    let gateway = gateway(&[format!("http://{address}")], HttpConfig::default(), table()).await;
    for (method, framing) in [
        ("GET", "content-length: 10\r\n\r\n0123456789"),
        ("HEAD", "content-length: 10\r\n\r\n0123456789"),
        ("GET", "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"),
        ("GET", "content-length: 0\r\n\r\n"),
    ] {
        let mut wire = gateway.connect().await;
        wire.send(format!("{method} /headers HTTP/1.1\r\nhost: nexo.test\r\n{framing}")).await;
        let head = loop {
            let head = told.recv().await.expect("it is handed on");
            if !head.starts_with("GET /ready") {
                break head;
            }
        };
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        for framing in ["content-length", "transfer-encoding", "0123456789"] {
            assert!(!head.contains(framing), "{head}");
        }
    }
}

/// The same over both protocols: nobody else notices.
#[tokio::test]
async fn h1_reads_with_bodies_disturb_nobody() {
    for protocol in PROTOCOLS {
        let (gateway, _service) = pair(protocol, HttpConfig::default(), table()).await;
        for _ in 0..20 {
            let mut odd = gateway.connect().await;
            let body = get("/smuggled");
            odd.send(format!(
                "GET /headers HTTP/1.1\r\nhost: nexo.test\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
            assert_eq!(odd.reply().await.status, 200, "{protocol}");
            let mut other = gateway.connect().await;
            other.send(get("/headers")).await;
            assert_eq!(other.reply().await.status, 200, "{protocol}");
        }
        let upstream = gateway.app.remotes().upstream(Service::Crm).expect("a service").clone();
        assert_eq!(upstream.backends()[0].failures(), 0, "{protocol}");
    }
}

/// H7, H2: callers who read nothing hold up no other, though all share a connection.
#[tokio::test]
async fn h2_slow_readers_hold_up_nobody() {
    for protocol in PROTOCOLS {
        let mut routes = table();
        routes.push(public(Method::GET, "/large", |_, _| {
            Box::pin(async { respond::ok(&"x".repeat(8 * 1024 * 1024)) })
        }));
        let (gateway, _service) = pair(protocol, HttpConfig::default(), routes).await;
        let mut unread = Vec::new();
        for _ in 0..16 {
            let mut wire = gateway.connect().await;
            wire.send(get("/large")).await;
            assert_eq!(wire.head().await, "HTTP/1.1 200 OK", "{protocol}");
            unread.push(wire);
        }
        let mut other = gateway.connect().await;
        other.send(get("/headers")).await;
        assert_eq!(other.reply().await.status, 200, "{protocol}");
    }
}

/// F5: a service that falls silent within a reply, or after an upload, is not
/// awaited for ever.
#[tokio::test]
async fn f5_who_falls_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 4096];
                let count = stream.read(&mut read).await.unwrap_or(0);
                if read[..count].starts_with(b"GET") {
                    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf";
                    drop(stream.write_all(half).await);
                }
                std::future::pending::<()>().await;
            });
        }
    });
    let mut routes = table();
    let upload = public(Method::PUT, "/upload", |_, call| Box::pin(read(call)));
    routes.push(upload.upload(1024, b"file"));
    let config = HttpConfig { request_timeout: 4 * SHORT, ..HttpConfig::default() };
    let gateway = gateway(&[format!("http://{address}")], config, routes).await;
    let mut wire = gateway.connect().await;
    wire.send(get("/headers")).await;
    assert!(wire.try_reply(true).await.is_err(), "it was cut");
    let mut wire = gateway.connect().await;
    wire.send("PUT /upload HTTP/1.1\r\nhost: nexo.test\r\ncontent-length: 4\r\n\r\nfile").await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "timeout"));
}

/// H2: a request whose body has not come when its time is over says nothing against
/// the service; one that has does.
#[tokio::test]
async fn h2_a_body_that_outlasts_the_request_is_the_callers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 4096];
                while stream.read(&mut read).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    let config = HttpConfig { request_timeout: 2 * SHORT, ..HttpConfig::default() };
    for (length, status, opens) in [(9, 408, false), (1, 503, true)] {
        let gateway = gateway(&[format!("http://{address}")], config.clone(), table()).await;
        let upstream = gateway.app.remotes().upstream(Service::Crm).expect("a service").clone();
        for _ in 0..upstream.config().breaker_failures {
            let mut wire = gateway.connect().await;
            wire.send(format!(
                "POST /read HTTP/1.1\r\nhost: nexo.test\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n1"
            ))
            .await;
            assert_eq!(wire.reply().await.status, status);
        }
        // A pause is over soon, and then a request may try.
        let opened = upstream.backends()[0].breaker_state() != BreakerState::Closed;
        assert_eq!(opened, opens);
    }
}

/// F22: a handler that panics fails its own request, and none of those that share its
/// connection (HTTP/2) or come after it.
#[tokio::test]
async fn f22_a_panic_of_a_service_costs_one_request() {
    for (protocol, path) in PROTOCOLS.into_iter().zip(["/http", "/h2c"]) {
        let panics = public(Method::GET, "/panic", |_, _| Box::pin(async { panic!("on purpose") }));
        let routes = vec![gated(path), panics];
        let (gateway, service) = pair(protocol, HttpConfig::default(), routes).await;
        let mut beside = gateway.connect().await;
        beside.send(get(path)).await;
        entered(path).await;
        let mut wire = gateway.connect().await;
        for _ in 0..2 {
            wire.send(get("/panic")).await;
            let reply = wire.reply().await;
            assert_eq!((reply.status, reply.problem().as_str()), (500, "internal"), "{protocol}");
            assert!(!String::from_utf8_lossy(&reply.body).contains("purpose"));
        }
        gate(path).1.add_permits(1);
        assert_eq!(beside.reply().await.status, 200, "{protocol}");
        wire.send(get(path)).await;
        assert_eq!(wire.reply().await.status, 200, "{protocol}");
        let backend = gateway.app.remotes().upstream(Service::Crm).expect("a service").backends();
        assert_eq!((backend[0].failures(), backend[0].in_flight()), (0, 0), "{protocol}");
        drop(service);
    }
}
