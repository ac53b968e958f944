//! A load of writes that knows what it was promised.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::task::JoinSet;

use super::names;
use crate::harness::{Call, User};
use crate::process::{deadline, pause};
use crate::program::Program;

const WRITERS: usize = 4;

/// Tasks that create clients without a pause. They stop when the server is
/// gone, and fail when it answers anything but 201, or 503 with `Retry-After`.
pub(super) struct Writers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    attempts: AtomicUsize,
    acknowledged: Mutex<Vec<String>>,
    cut: Mutex<Vec<String>>,
}

/// What came of it.
pub(super) struct Written {
    attempts: usize,
    acknowledged: Vec<String>,
    /// Why requests have had no answer.
    pub(super) cut: Vec<String>,
}

impl Writers {
    pub(super) fn start(address: SocketAddr, user: &User) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        for _ in 0..WRITERS {
            tasks.spawn(write(address, user.token.clone(), Arc::clone(&shared)));
        }
        Self { shared, tasks }
    }

    fn acknowledged(&self) -> usize {
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// Waits until `count` more writes are acknowledged than are now.
    pub(super) async fn more(&self, count: usize) {
        let target = self.acknowledged() + count;
        let deadline = deadline();
        while self.acknowledged() < target {
            pause(deadline, "writes are acknowledged").await;
        }
    }

    /// Ends the load.
    pub(super) async fn finish(self) -> Written {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until the server has ended the load, by not being there.
    pub(super) async fn ended(mut self) -> Written {
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        Written {
            attempts: self.shared.attempts.load(Ordering::Relaxed),
            acknowledged: std::mem::take(&mut *self.shared.acknowledged.lock().unwrap()),
            cut: std::mem::take(&mut *self.shared.cut.lock().unwrap()),
        }
    }
}

async fn write(address: SocketAddr, token: String, shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let attempt = shared.attempts.fetch_add(1, Ordering::Relaxed);
        let name = format!("client {attempt}");
        let call = Call::to(address, "POST", "/api/clients").bearer(&token);
        match call.json(&json!({ "name": name })).try_send().await {
            Ok(reply) if reply.status == 201 => shared.acknowledged.lock().unwrap().push(name),
            Ok(reply) => {
                assert_eq!(reply.status, 503, "{}", String::from_utf8_lossy(&reply.body));
                assert!(reply.header("retry-after").is_some());
                assert!(matches!(reply.problem().as_str(), "unavailable" | "overloaded"));
            }
            Err(reason) => {
                shared.cut.lock().unwrap().push(reason);
                return;
            }
        }
    }
}

impl Written {
    /// Checks that what was acknowledged is there, and nothing twice.
    pub(super) async fn check(&self, program: &Program, user: &User) {
        let names = names(program, user).await;
        let stored: HashSet<_> = names.iter().collect();
        assert_eq!(stored.len(), names.len(), "a write was applied twice");
        assert!(names.len() <= self.attempts);
        let lost: Vec<_> = self.acknowledged.iter().filter(|name| !stored.contains(name)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}
