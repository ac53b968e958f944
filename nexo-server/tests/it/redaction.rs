//! P8: what the log must not tell, and what each of its lines must.

mod world;

use nexo_core::testing::TestDatabase;
use serde_json::Value;

use crate::http2::Protocol;
use world::World;

const FORGED: &str = "2026-01-01T00:00:00Z ERROR forged";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread")]
async fn p8_people_read_no_secret_and_no_forged_line() {
    people_read(Protocol::Http1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_people_read_no_secret_and_no_forged_line_over_http2() {
    people_read(Protocol::Http2).await;
}

async fn people_read(protocol: Protocol) {
    let log = World::log("pretty", protocol).await;
    // The provider's refusal is told within its request, the mail after it.
    for (line, id) in [("a provider's answer was refused", "oidc-2"), (": mailed", "reg-1")] {
        let found =
            log.lines().find(|known| known.contains(line)).unwrap_or_else(|| panic!("{log}"));
        assert!(found.contains(&format!("request{{id=\"{id}\"")), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_machines_read_no_secret_and_whose_each_line_is() {
    machines_read(Protocol::Http1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_machines_read_no_secret_and_whose_each_line_is_over_http2() {
    machines_read(Protocol::Http2).await;
}

/// Also of what a gateway and its services send each other.
#[tokio::test(flavor = "multi_thread")]
async fn p8_no_process_of_several_logs_a_secret() {
    for (format, protocol) in [("pretty", Protocol::Http2), ("json", Protocol::Http1)] {
        let database = TestDatabase::create().await;
        let logs = World::logs(format, protocol, Some(&database)).await;
        assert_eq!(logs.len(), 3);
        for log in logs {
            // It has logged what it did.
            assert!(log.contains("log-1") || log.contains("use-1"), "{log}");
            // And so has what reads the frames.
            assert!(format != "json" || log.contains(r#""target":"h2::"#), "{log}");
        }
    }
}

async fn machines_read(protocol: Protocol) {
    let log = World::log("json", protocol).await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |id: &str| {
        let mine = |line: &&Value| line["id"] == id || line["span"]["id"] == id;
        lines.iter().filter(mine).collect::<Vec<_>>()
    };
    for (id, message) in [
        ("reg-1", "mailed"),
        ("inv-1", "mailed"),
        ("for-1", "mailed"),
        ("oidc-2", "a provider's answer was refused"),
    ] {
        let mine = of(id);
        assert!(mine.iter().any(|line| line["message"] == message), "{id}: {mine:?}");
        // Its own line tells the same trace as the others.
        let traces: Vec<_> = mine
            .iter()
            .map(|line| line.get("trace").or(line["span"].get("trace")).unwrap())
            .filter(|trace| trace.as_str().is_some_and(|trace| trace.len() == 32))
            .collect();
        assert_eq!(traces.len(), mine.len(), "{mine:?}");
    }
    // What is logged within a request tells its trace with its span.
    let given = of("odd-4");
    let is_own = |line: &&&Value| line["target"] == "nexo_server::request";
    assert_eq!(given.iter().filter(is_own).count(), 1, "{given:?}");
    for line in given {
        let trace = line.get("trace").or(line["span"].get("trace"));
        assert_eq!(trace.and_then(Value::as_str), Some(TRACE), "{line}");
    }
    let provided = ["refused", "mailed", "panicked"];
    for line in &lines {
        let message = line["message"].as_str().unwrap_or_default();
        if provided.iter().any(|part| message.contains(part)) {
            assert!(line["span"]["id"].is_string(), "{line}");
        }
    }
}
