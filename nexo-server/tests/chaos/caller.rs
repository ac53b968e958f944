//! One caller, who holds each reply to what replies may be, and those who ask probes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::load::Shared;
use crate::mixed::Mixed;
use crate::wire::{Reply, Wire};

/// What a reply may take beyond what a request may.
const MARGIN: Duration = Duration::from_secs(2);

/// What a file may take: its pieces are timed, and there are as many as there are records.
const FILE: Duration = Duration::from_secs(120);

/// How long an outcome that is not known is asked for after the end.
const LAST_TRIES: Duration = Duration::from_secs(40);

/// Asks the probes as those do who restart programs and direct traffic.
pub(crate) async fn probe(address: SocketAddr, shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        for path in ["/live", "/health", "/ready"] {
            let call = crate::harness::Call::to(address, "GET", path).try_send();
            match timeout(Duration::from_secs(10), call).await {
                Ok(Ok(reply)) if reply.status == 200 => {}
                Ok(Ok(reply)) if path == "/ready" && reply.status == 503 => {
                    shared.not_ready.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Ok(reply)) => shared.broke(format!("{path} said {}", reply.status)),
                Ok(Err(error)) => shared.broke(format!("{path}: {error}")),
                Err(_) => shared.broke(format!("{path} hung")),
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// One who has one connection and one request at a time.
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Option<Wire>,
    pub(crate) token: String,
    pub(crate) account: usize,
    /// How the names of what it makes begin.
    pub(crate) name: String,
    /// What is in another account's.
    pub(crate) foreign: String,
    /// How long the server gives a request.
    pub(crate) limit: Duration,
    /// What else it does, if it does.
    pub(crate) mixed: Option<Mixed>,
    pub(crate) shared: Arc<Shared>,
}

impl Caller {
    pub(crate) async fn work(mut self) {
        let mut number = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            number += 1;
            let name = format!("{} {number}", self.name);
            let Some(id) = self.create(&name).await else { continue };
            if let Some(reply) = self.send("GET", &format!("/api/clients/{id}"), "", "").await
                && reply.status == 404
            {
                self.broke(format!("{id} was acknowledged and is not there"));
            }
            if let Some(mut mixed) = self.mixed.take() {
                mixed.next(&mut self, number, &id, &name).await;
                self.mixed = Some(mixed);
            }
            if number % 5 == 0 {
                self.send("GET", "/api/clients?limit=20&sort=-created_at", "", "").await;
            }
        }
    }

    /// Makes one client, however often it takes; its id, unless nobody could tell.
    async fn create(&mut self, name: &str) -> Option<String> {
        let body = json!({ "name": name }).to_string();
        let key = name.replace(' ', "-");
        let mut give_up: Option<Instant> = None;
        loop {
            let reply = self.send("POST", "/api/clients", &key, &body).await;
            if let Some(reply) = reply
                && reply.status == 201
            {
                let id = reply.json()["id"].as_str().unwrap().to_owned();
                let mut seen = self.shared.seen.lock().unwrap();
                seen.acknowledged[self.account].push(id.clone());
                self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                return Some(id);
            }
            if self.shared.stop.load(Ordering::Relaxed)
                && *give_up.get_or_insert(Instant::now() + LAST_TRIES) < Instant::now()
            {
                self.shared.seen.lock().unwrap().unknown += 1;
                return None;
            }
            // Less than callers are asked to wait: more of them meet the fault.
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn broke(&self, text: String) {
        self.shared.broke(text);
    }

    /// One request on the caller's connection; none if it ended without a reply.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
    ) -> Option<Reply> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n",
            self.token
        );
        if !key.is_empty() {
            request.push_str(&format!("idempotency-key: {key}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let limit = if path.contains("/export") { FILE } else { self.limit + MARGIN };
        let started = Instant::now();
        let outcome = timeout(limit, self.exchange(&request)).await;
        let took = started.elapsed();
        let reply = match outcome {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                self.wire = None;
                let kind = error.split(':').next().unwrap_or_default().to_owned();
                if !self.shared.may_end.load(Ordering::Relaxed) {
                    self.shared.broke(format!("{method} {path} ended without a reply: {error}"));
                }
                self.note(format!("no reply ({kind})"), took);
                return None;
            }
            Err(_) => {
                self.wire = None;
                self.note("hung".to_owned(), took);
                self.shared.broke(format!("{method} {path} hung for {took:.1?}"));
                return None;
            }
        };
        if reply.header("connection") == Some("close") {
            self.wire = None;
        }
        self.judge(method, path, &reply, took);
        Some(reply)
    }

    async fn exchange(&mut self, request: &str) -> Result<Reply, String> {
        if self.wire.is_none() {
            self.wire = Some(Wire::try_connect(self.address).await?);
        }
        let wire = self.wire.as_mut().unwrap();
        wire.send_unheeded(request).await;
        wire.try_reply(true).await
    }

    fn note(&self, kind: String, took: Duration) {
        let mut seen = self.shared.seen.lock().unwrap();
        seen.requests += 1;
        *seen.kinds.entry(kind).or_default() += 1;
        seen.slowest = seen.slowest.max(took);
    }

    /// Holds a reply to what replies may be.
    fn judge(&self, method: &str, path: &str, reply: &Reply, took: Duration) {
        let text = String::from_utf8_lossy(&reply.body);
        if text.contains(&self.foreign) {
            self.shared.broke(format!("{method} {path} shows another account's: {text}"));
        }
        if (200..300).contains(&reply.status) {
            self.note(reply.status.to_string(), took);
            self.shared.seen.lock().unwrap().served.push(took);
            return;
        }
        let code = reply.problem();
        self.note(format!("{} {code}", reply.status), took);
        let documented = match (reply.status, code.as_str()) {
            (503, "unavailable" | "overloaded" | "timeout") => true,
            // Whoever only reads is in nobody's way.
            (409, "conflict") => method != "GET",
            _ => false,
        };
        // Whether one record may be away, its caller judges.
        let is_away = reply.status == 404 && method == "GET" && is_of_one(path);
        if !documented && !is_away {
            self.shared.broke(format!("{method} {path} said {} {code}", reply.status));
        }
        if reply.status == 503 && reply.header("retry-after").is_none() {
            self.shared.broke(format!("{method} {path} said 503 without Retry-After"));
        }
    }
}

/// Whether it is the path of one record: it ends with an id.
fn is_of_one(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.parse::<uuid::Uuid>().is_ok())
}
