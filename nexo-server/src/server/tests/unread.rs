//! Callers who ask and do not read.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;
use crate::server::socket::{Phase, Socket};

const LARGE: usize = 16 * 1024 * 1024;

fn large(method: Method) -> Route {
    public(method, "/large", |_, _| Box::pin(async { respond::ok(&"x".repeat(LARGE)) }))
}

/// Somebody who asks for a large reply and has read the first byte of it.
async fn careless(server: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("the server accepts");
    stream.write_all(get("/large").as_bytes()).await.expect("the server reads");
    assert_eq!(stream.read_u8().await.expect("it begins"), b'H');
    stream
}

#[tokio::test]
async fn a_reply_that_is_read_too_slowly_is_given_up() {
    let config = HttpConfig { reply_timeout: SHORT, reply_rate: u32::MAX, ..HttpConfig::default() };
    let mut server = Running::start(config, vec![large(Method::GET)]).await;
    let mut slow = careless(&server).await;
    server.stop();
    // Never still for as long as the idle timeout, and not through with it when
    // the drain timeout passes.
    let reading = async {
        let mut some = [0; 16 * 1024];
        while !matches!(slow.read(&mut some).await, Ok(0) | Err(_)) {
            sleep(SHORT).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = &mut server.ended => assert_eq!(ended.expect("no panic"), Drained::Completely),
        () = reading => {}
    }
}

#[tokio::test]
async fn unread_replies_have_so_much_memory_together() {
    let config = HttpConfig { reply_memory: LARGE + 8 * 1024, ..HttpConfig::default() };
    let routes = vec![large(Method::GET), large(Method::POST)];
    let server = Running::start(config, routes).await;
    let first = careless(&server).await;

    let mut wire = server.connect().await;
    wire.send(get("/large")).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.problem().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    // Small replies are sent in any case, and so is what a write has to say.
    wire.send(get("/")).await;
    assert_eq!(wire.reply().await.status, 200);
    wire.send(get("/large").replace("GET", "POST")).await;
    assert_eq!(wire.reply().await.status, 200);

    drop(first);
    loop {
        wire.send(get("/large")).await;
        // Until the server has noticed that the first one is gone.
        if wire.reply().await.status == 200 {
            break;
        }
    }
}

/// H2: files are sent for as long as somebody reads them, so one caller has not all of the
/// room, and all files together leave some to other replies.
#[tokio::test]
async fn h2_files_that_nobody_reads_leave_room_for_others() {
    const FILE: usize = 8 * 1024 * 1024;
    let trusted_proxies = vec!["127.0.0.1".parse().expect("a network")];
    let config = HttpConfig { reply_memory: 16 * FILE, trusted_proxies, ..HttpConfig::default() };
    let file = public(Method::GET, "/file", |_, _| {
        Box::pin(async {
            let pieces = stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 64 * 1024])));
            respond::file("x", HeaderValue::from_static("text/csv"), Box::pin(pieces))
        })
    });
    let server = Running::start(config, vec![file, large(Method::GET)]).await;
    let mut unread = Vec::new();
    let mut ask = async |path: &str, from: &str| {
        let mut wire = server.connect().await;
        let host = "host: nexo.test\r\n";
        wire.send(format!("GET {path} HTTP/1.1\r\n{host}x-forwarded-for: {from}\r\n\r\n")).await;
        let head = wire.head().await;
        unread.push(wire);
        head
    };
    let (here, there) = ("203.0.113.9", "203.0.113.8");
    for _ in 0..6 {
        assert_eq!(ask("/file", here).await, "HTTP/1.1 200 OK");
    }
    assert_eq!(ask("/file", here).await, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(ask("/file", there).await, "HTTP/1.1 200 OK");
    assert_eq!(ask("/file", there).await, "HTTP/1.1 503 Service Unavailable");
    // A list, of whoever it is, is none of them.
    for from in [here, there] {
        assert_eq!(ask("/large", from).await, "HTTP/1.1 200 OK", "{from}");
    }
}

#[tokio::test]
async fn nothing_is_read_from_a_caller_who_does_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut caller = TcpStream::connect(address).await.expect("it listens");
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut socket = Socket::new(stream, Phase::default(), &HttpConfig::default());
    poll_fn(|cx| {
        while let Poll::Ready(written) = Pin::new(&mut socket).poll_write(cx, &[0; 64 * 1024]) {
            written.expect("the caller is there");
        }
        Poll::Ready(())
    })
    .await;

    caller.write_all(b"next").await.expect("there is room for it");
    for _ in 0..100 {
        yield_now().await;
        let mut buffer = [0; 8];
        let read = poll_fn(|cx| {
            Poll::Ready(Pin::new(&mut socket).poll_read(cx, &mut ReadBuf::new(&mut buffer)))
        });
        assert!(read.await.is_pending(), "it was read");
    }

    // Once the caller reads, what was held up is woken in time.
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut some = vec![0; 64 * 1024];
    loop {
        drop(caller.try_read(&mut some));
        yield_now().await;
        woken.0.store(false, Ordering::Relaxed);
        let mut cx = Context::from_waker(&waker);
        if Pin::new(&mut socket).poll_write(&mut cx, b"x").is_ready() {
            break;
        }
    }
    assert!(woken.0.load(Ordering::Relaxed));
    assert_eq!(socket.read_u8().await.expect("the caller is there"), b'n');
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
