//! Callers that write and read back what they wrote, and remember what they were told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::harness::User;
use crate::process::{deadline, pause};
use crate::wire::{Reply, Wire};

/// What a reply may take beyond what a request may.
const MARGIN: Duration = Duration::from_secs(2);

/// How long an outcome that is not known is asked for after the end.
const LAST_TRIES: Duration = Duration::from_secs(40);

/// A load that goes on until it is finished.
pub(crate) struct Load {
    users: [User; 2],
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What all callers share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    not_ready: AtomicUsize,
    seen: Mutex<Seen>,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    /// Replies by status and code, and connections that ended without one.
    pub(crate) kinds: BTreeMap<String, usize>,
    /// Of each account: ids of acknowledged writes.
    pub(crate) acknowledged: [Vec<String>; 2],
    /// Writes whose outcome nobody was told.
    pub(crate) unknown: usize,
    pub(crate) slowest: Duration,
    /// How long the requests that were served took, in the order of their ends.
    pub(crate) served: Vec<Duration>,
    pub(crate) broken: Vec<String>,
}

/// The load that was, and whose it was.
pub(crate) struct Done {
    pub(crate) users: [User; 2],
    pub(crate) seen: Seen,
    /// How often `/ready` said no.
    pub(crate) not_ready: usize,
}

impl Load {
    /// Callers of the two accounts in turn.
    pub(crate) fn start(
        address: SocketAddr,
        users: [User; 2],
        callers: usize,
        limit: Duration,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for number in 0..callers {
            let caller = Caller {
                address,
                wire: None,
                token: users[number % 2].token.clone(),
                account: number % 2,
                // Names tell whose they are, so that a foreign one is known by sight.
                name: format!("{} {number}", mark(&users[number % 2])),
                foreign: mark(&users[(number + 1) % 2]),
                limit,
                shared: shared.clone(),
            };
            tasks.spawn(caller.work());
        }
        tasks.spawn(probe(address, shared.clone()));
        Self { users, shared, tasks }
    }

    pub(crate) fn users(&self) -> &[User; 2] {
        &self.users
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// How often `/ready` said no so far.
    pub(crate) fn not_ready(&self) -> usize {
        self.shared.not_ready.load(Ordering::Relaxed)
    }

    /// How many replies of this kind there were so far.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        seen.kinds.iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, count)| count).sum()
    }

    /// How many requests were served so far.
    pub(crate) fn served(&self) -> usize {
        self.shared.seen.lock().unwrap().served.len()
    }

    /// Within which time 99 of 100 requests were served since there were `from`.
    pub(crate) fn p99_since(&self, from: usize) -> Duration {
        p99(self.shared.seen.lock().unwrap().served[from..].to_vec())
    }

    /// Waits until `count` more writes are acknowledged than are now.
    pub(crate) async fn more(&self, count: usize) {
        let target = self.acknowledged() + count;
        let deadline = deadline();
        while self.acknowledged() < target {
            pause(deadline, "writes are acknowledged").await;
        }
    }

    /// Ends the load, when each caller knows what became of its last write.
    pub(crate) async fn finish(mut self) -> Done {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                self.shared.broke(format!("a caller gave up: {error}"));
            }
        }
        let seen = std::mem::take(&mut *self.shared.seen.lock().unwrap());
        Done { users: self.users, seen, not_ready: self.shared.not_ready.load(Ordering::Relaxed) }
    }
}

/// The beginning of all names of an account.
fn mark(user: &User) -> String {
    format!("of-{}", user.account)
}

impl Shared {
    fn broke(&self, text: String) {
        let mut seen = self.seen.lock().unwrap();
        if seen.broken.len() < 10 {
            seen.broken.push(text);
        }
    }
}

/// Asks the probes as those do who restart programs and direct traffic.
async fn probe(address: SocketAddr, shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        for path in ["/health", "/ready"] {
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

struct Caller {
    address: SocketAddr,
    wire: Option<Wire>,
    token: String,
    account: usize,
    name: String,
    foreign: String,
    limit: Duration,
    shared: Arc<Shared>,
}

impl Caller {
    async fn work(mut self) {
        let mut number = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            number += 1;
            let Some(id) = self.create(number).await else { continue };
            if let Some(reply) = self.send("GET", &format!("/api/clients/{id}"), "", "").await
                && reply.status == 404
            {
                self.shared.broke(format!("{id} was acknowledged and is not there"));
            }
            if number % 5 == 0 {
                self.send("GET", "/api/clients?limit=20&sort=-created_at", "", "").await;
            }
        }
    }

    /// Makes one client, however often it takes; its id, unless nobody could tell.
    async fn create(&mut self, number: usize) -> Option<String> {
        let name = format!("{} {number}", self.name);
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

    /// One request on the caller's connection; none if it ended without a reply.
    async fn send(&mut self, method: &str, path: &str, key: &str, body: &str) -> Option<Reply> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n",
            self.token
        );
        if !key.is_empty() {
            request.push_str(&format!(
                "idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let started = Instant::now();
        let outcome = timeout(self.limit + MARGIN, self.exchange(&request)).await;
        let took = started.elapsed();
        let reply = match outcome {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                self.wire = None;
                let kind = error.split(':').next().unwrap_or_default().to_owned();
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
        let documented = matches!(
            (reply.status, code.as_str()),
            (503, "unavailable" | "overloaded") | (504, "timeout") | (409, "conflict")
        );
        // What is not acknowledged is asked for by 404 alone, which its caller judges.
        if !documented && reply.status != 404 {
            self.shared.broke(format!("{method} {path} said {} {code}", reply.status));
        }
        if reply.status == 503 && reply.header("retry-after").is_none() {
            self.shared.broke(format!("{method} {path} said 503 without Retry-After"));
        }
    }
}

impl Seen {
    /// How many requests were not served.
    pub(crate) fn failed(&self) -> usize {
        let served = self.kinds.iter().filter(|(kind, _)| kind.starts_with('2'));
        self.requests - served.map(|(_, count)| count).sum::<usize>()
    }

    /// The kinds of replies in one line.
    pub(crate) fn kinds(&self) -> String {
        let kinds = self.kinds.iter().map(|(kind, count)| format!("{kind} ×{count}"));
        kinds.collect::<Vec<_>>().join(", ")
    }
}

/// Of these, the time within which 99 of 100 were done.
pub(crate) fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}
