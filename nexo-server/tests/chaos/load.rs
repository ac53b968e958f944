//! Callers that write and read back what they wrote, and what all of them were told.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::caller::{Caller, probe};
use crate::harness::User;
use crate::mixed::Mixed;
use crate::process::{deadline, pause};
use crate::wire::Reply;

/// A load that goes on until it is finished.
pub(crate) struct Load {
    users: [User; 2],
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What all callers share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) stop: AtomicBool,
    pub(crate) acknowledged: AtomicUsize,
    pub(crate) not_ready: AtomicUsize,
    /// Whether connections may end without a reply: where it is the server that is broken,
    /// and not what it depends on.
    pub(crate) may_end: AtomicBool,
    pub(crate) seen: Mutex<Seen>,
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
    /// Changes of what was made, by its id.
    pub(crate) changes: HashMap<String, Changes>,
    pub(crate) slowest: Duration,
    /// How long the requests that were served took, in the order of their ends.
    pub(crate) served: Vec<Duration>,
    pub(crate) broken: Vec<String>,
}

/// What its caller was told of the changes of one record. Each sets its notes to something
/// else.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) acknowledged: usize,
    /// What the last one that was acknowledged set.
    pub(crate) last: Option<String>,
    /// What those set that may be there or not.
    pub(crate) unknown: Vec<String>,
}

/// What a reply, or none, says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    NotDone,
    Unknown,
}

impl Told {
    pub(crate) fn by(reply: Option<&Reply>) -> Self {
        match reply.map(|reply| (reply.status, &reply.body)) {
            // Of a batch of which nothing was done, too.
            Some((200, body)) if String::from_utf8_lossy(body).contains("\"error\"") => {
                Self::NotDone
            }
            Some((200, _)) => Self::Done,
            // Whoever waited for a lock in vain has changed nothing.
            Some((409, _)) => Self::NotDone,
            _ => Self::Unknown,
        }
    }
}

/// The load that was, and whose it was.
pub(crate) struct Done {
    pub(crate) users: [User; 2],
    pub(crate) seen: Seen,
    /// How often `/ready` said no.
    pub(crate) not_ready: usize,
}

impl Load {
    /// Callers of the two accounts in turn, who write, and read what they wrote.
    pub(crate) fn start(
        address: SocketAddr,
        users: [User; 2],
        callers: usize,
        limit: Duration,
    ) -> Self {
        Self::of(address, users, callers, limit, false)
    }

    /// The same, and they do whatever else users do.
    pub(crate) fn mixed(
        address: SocketAddr,
        users: [User; 2],
        callers: usize,
        limit: Duration,
    ) -> Self {
        Self::of(address, users, callers, limit, true)
    }

    fn of(
        address: SocketAddr,
        users: [User; 2],
        callers: usize,
        limit: Duration,
        is_mixed: bool,
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
                mixed: is_mixed.then(|| Mixed::of(&users[number % 2])),
                shared: shared.clone(),
            };
            tasks.spawn(caller.work());
        }
        tasks.spawn(probe(address, shared.clone()));
        Self { users, shared, tasks }
    }

    /// The same, and connections may end without a reply.
    pub(crate) fn that_may_end(self) -> Self {
        self.shared.may_end.store(true, Ordering::Relaxed);
        self
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

    /// How many requests were not served so far.
    pub(crate) fn failed(&self) -> usize {
        self.shared.seen.lock().unwrap().failed()
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
    /// Notes what was told of a change of a record.
    pub(crate) fn changed(&self, id: &str, notes: &str, told: Told) {
        let mut seen = self.seen.lock().unwrap();
        let changes = seen.changes.entry(id.to_owned()).or_default();
        match told {
            Told::Done => {
                changes.acknowledged += 1;
                changes.last = Some(notes.to_owned());
            }
            Told::NotDone => {}
            Told::Unknown => changes.unknown.push(notes.to_owned()),
        }
    }

    /// The first ten that differ.
    pub(crate) fn broke(&self, text: String) {
        let mut seen = self.seen.lock().unwrap();
        if seen.broken.len() < 10 && !seen.broken.contains(&text) {
            seen.broken.push(text);
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
