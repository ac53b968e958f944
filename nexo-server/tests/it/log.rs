//! The log: one line a request, and nothing that should stay a secret.

use serde_json::Value;

use crate::harness::Call;
use crate::http2::Protocol;
use crate::program::Program;

const SECRETS: [&str; 5] =
    ["seven mauve otters juggle", "eyJ", "nxr_", "chocolate-cookie", "forged line"];

/// Everything that is logged of a few telling requests.
async fn log_of(format: &str, protocol: Protocol) -> String {
    let program = Program::start(&["--log-format", format, "--trusted-proxy", "127.0.0.1"]);
    let post = |path: &str, body: &str| {
        Call::to(program.address, "POST", path).body("application/json", body)
    };
    let registration = r#"{"email":"ada@example.com","password":"seven mauve otters juggle",
        "name":"Ada\nforged line","account_name":"Engines"}"#;
    let register = post("/api/auth/register", registration).header("x-request-id", "the-first");
    let reply = protocol.send(register).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let create = post("/api/clients?cursor=%0d%0aforged%20line", r#"{"name":"a"}"#)
        .bearer(&token)
        .header("cookie", "chocolate-cookie");
    protocol.send(create).await;
    protocol.send(post(&format!("/api/{token}"), "{}")).await;
    protocol.send(post("/api/auth/login", r#"{"password":"seven mauve otters juggle"}"#)).await;
    program.signal("TERM");
    let (status, _, log) = program.end();
    assert!(status.success(), "{log}");
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
    log
}

#[tokio::test]
async fn machines_read_one_object_a_line() {
    for protocol in Protocol::ALL {
        machines_read(&log_of("json", protocol).await);
    }
}

fn machines_read(log: &str) {
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let requests: Vec<_> =
        lines.iter().filter(|line| line["target"] == "nexo_server::request").collect();
    let seen: Vec<_> = requests
        .iter()
        .map(|line| {
            assert!(line["ms"].is_f64() && line["id"].is_string(), "{line}");
            assert_eq!(line["peer"], "127.0.0.1");
            assert_eq!(line["method"], "POST");
            (line["route"].as_str().unwrap(), line["status"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        seen,
        [("/api/auth/register", 201), ("/api/clients", 201), ("-", 404), ("/api/auth/login", 400)]
    );
    assert_eq!(requests[0]["id"], "the-first");
    assert_eq!(requests[3]["code"], "invalid_body");
}

#[tokio::test]
async fn people_read_one_line_a_request() {
    for protocol in Protocol::ALL {
        people_read(&log_of("pretty", protocol).await);
    }
}

fn people_read(log: &str) {
    let requests: Vec<_> = log.lines().filter(|line| line.contains("route=")).collect();
    assert_eq!(requests.len(), 4, "{log}");
    assert!(requests[0].contains(r#"route="/api/auth/register" status=201"#), "{log}");
    assert!(!log.contains('\u{1b}'), "no colours outside a terminal");
}
