//! Traces that a collector receives (feature `otlp`).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::program::{Program, command};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector on a socket: the head and the body of each request that comes.
async fn collector() -> (String, mpsc::UnboundedReceiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(collect(stream, sender.clone()));
        }
    });
    (url, received)
}

async fn collect(
    mut stream: TcpStream,
    sender: mpsc::UnboundedSender<(String, Vec<u8>)>,
) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if stream.read_buf(&mut bytes).await.ok()? == 0 => return None,
                None => {}
            }
        };
        let head = String::from_utf8(bytes.drain(..end).collect()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while bytes.len() < length {
            stream.read_buf(&mut bytes).await.ok()?;
        }
        sender.send((head, bytes.drain(..length).collect())).ok()?;
        let reply =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(reply).await.ok()?;
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_receives_the_spans_of_requests() {
    let (url, mut received) = collector().await;
    let mut command = command(&["--ephemeral", "--log-format", "json"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url).env_remove("OTEL_SERVICE_NAME");
    let program = Program::spawn(command).listening();
    let user = program.register("ada").await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let id = uuid::Uuid::now_v7();
    let call = program.get(&format!("/api/clients/{id}")).by(&user);
    let reply = call.header("traceparent", &parent).header("x-request-id", "r-1").send().await;
    assert_eq!(reply.status, 404);
    // A stop sends what was not sent yet.
    let log = program.stop();
    let mut bodies = Vec::new();
    while let Ok((head, body)) = received.try_recv() {
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
        bodies.extend(body);
    }
    let trace: Vec<_> = (0..TRACE.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&TRACE[at..at + 2], 16).unwrap())
        .collect();
    for part in [
        b"GET /api/clients/{id}".as_slice(),
        b"POST /api/auth/register",
        b"postgresql",
        b"http.response.status_code",
        b"nexo-server",
        &trace,
    ] {
        let (part_text, all) = (String::from_utf8_lossy(part), String::from_utf8_lossy(&bodies));
        assert!(holds(&bodies, part), "no {part_text:?} in {all:?}: {log}");
    }
    // The request, and what PostgreSQL was asked for it.
    let of_trace = bodies.windows(trace.len()).filter(|window| *window == trace).count();
    assert_eq!(of_trace, 2, "{log}");
    // Neither paths nor tokens leave, and every request has a trace in the log.
    assert!(!holds(&bodies, id.to_string().as_bytes()) && !holds(&bodies, user.token.as_bytes()));
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let requests: Vec<_> = lines.filter(|line| line["target"] == "nexo_server::request").collect();
    assert_eq!(requests.len(), 2, "{log}");
    assert_eq!(requests[1]["trace"], TRACE);
    assert_eq!(requests[0]["trace"].as_str().map(str::len), Some(32));
}

/// What a service does for a gateway is below what the gateway tells of itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_goes_on_below_its_gateway() {
    let (url, mut received) = collector().await;
    // It does for a service that answers everything with nothing.
    let (service, mut asked) = collector().await;
    let urls = ["--auth-service-url", &service, "--crm-service-url", &service];
    let mut command = command(&["--role", "gateway"]);
    command.args(urls).env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    let program = Program::spawn(command).listening();
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let login = serde_json::json!({ "email": "a@b.c", "password": "none of them" });
    let call = program.post("/api/auth/login", &login).header("traceparent", &parent);
    call.send().await;
    let head = loop {
        let (head, _) = asked.recv().await.unwrap();
        if head.starts_with("post ") {
            break head;
        }
    };
    let told = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
    assert_eq!(told[..36], parent[..36]);
    program.stop();
    let mut bodies = Vec::new();
    while let Ok((_, body)) = received.try_recv() {
        bodies.extend(body);
    }
    let step = u64::from_str_radix(&told[36..52], 16).unwrap().to_be_bytes();
    assert!(holds(&bodies, &step), "{told} names nothing that was exported");
}
