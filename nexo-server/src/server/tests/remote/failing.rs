//! Services that answer their probes and fail their requests, and how much is done
//! about it.

use tokio::time::sleep;

use super::*;
use crate::health::{State, elsewhere};
use crate::remote::{self, Upstream};

/// Says that it is ready, and hangs up on so many requests before it serves.
async fn useless(mut failures: usize) -> (SocketAddr, [Arc<AtomicUsize>; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it");
    let (probes, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = [probes.clone(), asked.clone()];
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            if head[..read].starts_with(b"GET /ready") {
                probes.fetch_add(1, Ordering::Relaxed);
            } else {
                asked.fetch_add(1, Ordering::Relaxed);
                if failures > 0 {
                    failures -= 1;
                    continue;
                }
            }
            let reply = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
            drop(stream.write_all(reply).await);
        }
    });
    (address, counts)
}

/// A gateway with these pauses, once it has found its service.
async fn with_pauses(urls: &[String], probe: Duration, pause: Duration, failures: u32) -> Running {
    let remote = RemoteConfig {
        crm: urls.iter().map(|url| url.parse().expect("an address")).collect(),
        probe_interval: probe,
        breaker_pause: pause,
        breaker_failures: failures,
        ..RemoteConfig::default()
    };
    let config = HttpConfig { role: Role::Gateway, remote, ..HttpConfig::default() };
    let gateway = Running::start(config, of_crm(table())).await;
    while !upstream(&gateway).is_ready() {
        tokio::task::yield_now().await;
    }
    gateway
}

fn upstream(gateway: &Running) -> Arc<Upstream> {
    gateway.app.remotes().upstream(Service::Crm).expect("a service").clone()
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_good_probe_is_no_excuse_for_failed_requests() {
    let (address, [probes, asked]) = useless(usize::MAX).await;
    let urls = [format!("http://{address}")];
    let gateway = with_pauses(&urls, Duration::from_millis(2), LONG, 3).await;
    let mut wire = gateway.connect().await;
    for _ in 0..20 {
        wire.send(WRITE).await;
        assert_eq!(wire.reply().await.problem(), "unavailable");
        let before = probes.load(Ordering::Relaxed);
        while probes.load(Ordering::Relaxed) < before + 2 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3, "the others were not sent");
    assert_eq!(upstream(&gateway).backends()[0].breaker_state(), BreakerState::Open);
}

#[tokio::test]
async fn one_request_finds_out_that_all_is_well_again() {
    let (address, [_, asked]) = useless(5).await;
    let urls = [format!("http://{address}")];
    let gateway = with_pauses(&urls, LONG, Duration::from_millis(20), 3).await;
    let mut wire = gateway.connect().await;
    loop {
        wire.send(WRITE).await;
        if wire.reply().await.status == 200 {
            break;
        }
    }
    // Three that opened it, and one after each pause.
    assert_eq!(asked.load(Ordering::Relaxed), 6);
    assert_eq!(upstream(&gateway).backends()[0].breaker_state(), BreakerState::Closed);
}

/// When all fail, the load does not double.
#[tokio::test]
async fn second_tries_have_a_budget() {
    const READS: usize = 200;
    let (one, [_, first]) = useless(usize::MAX).await;
    let (other, [_, second]) = useless(usize::MAX).await;
    let urls = [one, other].map(|address| format!("http://{address}"));
    let gateway = with_pauses(&urls, LONG, LONG, u32::MAX).await;
    let mut wire = gateway.connect().await;
    for _ in 0..READS {
        wire.send(get("/headers")).await;
        assert_eq!(wire.reply().await.problem(), "unavailable");
    }
    let asked = first.load(Ordering::Relaxed) + second.load(Ordering::Relaxed);
    let retries = usize::try_from(upstream(&gateway).retries()).expect("few");
    assert_eq!(asked, READS + retries);
    // A fifth, ten to begin with, and two for each second that this took.
    assert!((READS / 5..READS / 2).contains(&retries), "{retries} of {READS}");
}

/// A name that leads nowhere is a service that is away, and no reason to wait for it.
#[tokio::test]
async fn a_name_that_is_none_is_nobody() {
    let remote = RemoteConfig {
        crm: vec!["http://nobody.invalid:4002".parse().expect("an address")],
        ..RemoteConfig::default()
    };
    let config = HttpConfig { role: Role::Gateway, remote, ..HttpConfig::default() };
    let gateway = Running::start(config, of_crm(table())).await;
    while elsewhere(&upstream(&gateway)) == State::Starting {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(elsewhere(&upstream(&gateway)), State::Unreachable);
}

/// F5: a file that nobody takes any more, or that is whole and not answered.
#[tokio::test]
async fn f5_an_upload_that_is_not_taken_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let mut routes = table();
    let upload = public(Method::PUT, "/upload", |_, call| Box::pin(read(call)));
    routes.push(upload.upload(1 << 30, b"file"));
    let config = HttpConfig { request_timeout: 4 * SHORT, ..HttpConfig::default() };
    let gateway = gateway(&[format!("http://{address}")], config, routes).await;
    let head = "PUT /upload HTTP/1.1\r\nhost: nexo.test\r\n";
    // More than all buffers on the way have.
    let large = format!("{head}content-length: 67108864\r\n\r\n{}", "x".repeat(64 << 20));
    let trailer =
        format!("{head}transfer-encoding: chunked\r\n\r\n4\r\nfile\r\n0\r\nafter: all\r\n\r\n");
    let empty = format!("{head}content-length: 0\r\n\r\n");
    for (upload, failures) in [large, trailer, empty].iter().zip(1..) {
        let (mut read, mut write) =
            TcpStream::connect(gateway.address).await.expect("it listens").into_split();
        let upload = upload.clone();
        let _open = tokio::spawn(async move {
            drop(write.write_all(upload.as_bytes()).await);
            write
        });
        let mut reply = [0; 12];
        read.read_exact(&mut reply).await.expect("an answer");
        assert_eq!(reply, *b"HTTP/1.1 503");
        let backend = upstream(&gateway).backends()[0].clone();
        assert_eq!((backend.failures(), backend.in_flight()), (failures, 0));
    }
}

/// A part that is refused says when to come again, and so does the whole.
#[tokio::test]
async fn a_part_that_is_refused_says_for_how_long() {
    let mut routes = table();
    routes.push(public(Method::GET, "/refused", |_, _| {
        Box::pin(async {
            let refused = Failure::of(nexo_core::model::ErrorCode::TooManyRequests);
            Err(refused.after(Duration::from_secs(42)))
        })
    }));
    let service = service(routes).await;
    let urls = vec![format!("http://{}", service.address).parse().expect("an address")];
    let remote = RemoteConfig { crm: urls, ..RemoteConfig::default() };
    let config = HttpConfig { role: Role::Gateway, remote, ..HttpConfig::default() };
    let part = public(Method::GET, "/part", |app, call| {
        Box::pin(async move {
            let call = call.hand_on();
            let upstream = app.elsewhere(Service::Crm).expect("it is elsewhere");
            let part = remote::fetch::<Value>(upstream, "/refused", &call, call.caller.deadline);
            respond::ok(&part.await?)
        })
    });
    let gateway = Running::start(config, vec![part]).await;
    while !upstream(&gateway).is_ready() {
        tokio::task::yield_now().await;
    }
    let mut wire = gateway.connect().await;
    wire.send(get("/part")).await;
    let reply = wire.reply().await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("42")));
}
