//! The log: one line a request, and nothing that should stay a secret.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::program::Program;

const SECRETS: [&str; 5] =
    ["seven mauve otters juggle", "eyJ", "nxr_", "chocolate-cookie", "forged line"];

fn call(program: &Program, request: &str) -> String {
    let mut stream = TcpStream::connect(program.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

fn post(program: &Program, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    call(
        program,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

/// Everything that is logged of a few telling requests.
fn log_of(args: &[&str]) -> String {
    let program = Program::start(args);
    let registration = r#"{"email":"ada@example.com","password":"seven mauve otters juggle",
        "name":"Ada\nforged line","account_name":"Engines"}"#;
    let reply = post(&program, "/api/auth/register", "x-request-id: the-first\r\n", registration);
    assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
    let token = reply.split("\"access_token\":\"").nth(1).unwrap().split('"').next().unwrap();
    let headers = format!("authorization: Bearer {token}\r\ncookie: chocolate-cookie\r\n");
    post(&program, "/api/clients?cursor=%0d%0aforged%20line", &headers, r#"{"name":"a"}"#);
    post(&program, &format!("/api/{token}"), "", "{}");
    post(&program, "/api/auth/login", "", r#"{"password":"seven mauve otters juggle"}"#);
    program.signal("TERM");
    let (status, _, log) = program.end();
    assert!(status.success(), "{log}");
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
    log
}

#[test]
fn machines_read_one_object_a_line() {
    let log = log_of(&["--log-format", "json"]);
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

#[test]
fn people_read_one_line_a_request() {
    let log = log_of(&["--log-format", "pretty"]);
    let requests: Vec<_> = log.lines().filter(|line| line.contains("route=")).collect();
    assert_eq!(requests.len(), 4, "{log}");
    assert!(requests[0].contains(r#"route="/api/auth/register" status=201"#), "{log}");
    assert!(!log.contains('\u{1b}'), "no colours outside a terminal");
}
