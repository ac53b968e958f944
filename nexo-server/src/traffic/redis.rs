//! Counts in Redis, for several servers together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError, Script};
use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::counters::TrafficCounters;
use super::key::Key;
use super::standing::{Standing, Take, Verdict};
use crate::config::RedisUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Redis is away when so many times as long as an answer may take have gone by since the
/// first of those that were late, and not one has come. A pause, as while it saves what it
/// has, makes all late that are on their way, and is over soon.
const LATE: u32 = 2;

/// Redis, as long as it answers. A connection that fails, or answers that do not come for a
/// while, close this way for all, so that no other one waits for it, until somebody behind
/// their backs has had an answer.
#[derive(Debug)]
pub(super) struct Redis {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    client: Client,
    place: String,
    script: Script,
    timeout: Duration,
    link: watch::Sender<Option<Link>>,
    connected: AtomicU64,
    counters: TrafficCounters,
}

#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    /// When it was made.
    since: Instant,
    /// How many milliseconds later an answer was late, since there was one; 0 for none.
    late: Arc<AtomicU64>,
    /// So that what was asked over an old one does not end a new one.
    number: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Uncounted {
    #[error("Redis did not answer in time")]
    Late,
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis is away")]
    Away,
    #[error("Redis gave another answer than the script does")]
    Odd,
}

impl Redis {
    /// Tries to connect once, and goes on trying behind the caller's back.
    pub(super) async fn start(
        url: &RedisUrl,
        timeout: Duration,
        counters: TrafficCounters,
    ) -> Self {
        let shared = Arc::new(Shared {
            client: url.client().clone(),
            place: url.to_string(),
            script: Script::new(include_str!("redis.lua")),
            timeout,
            link: watch::Sender::new(None),
            connected: AtomicU64::new(0),
            counters,
        });
        match shared.connect().await {
            Ok(connection) => shared.found(connection),
            Err(error) => shared.warn(&error),
        }
        let keeper = tokio::spawn(keep(shared.clone()));
        Self { shared, keeper }
    }

    /// Counts a request against all of these quotas, or against none of them.
    pub(super) async fn take(&self, takes: &[Take]) -> Result<Option<Verdict>, Uncounted> {
        let outcome = self.ask(takes).await;
        if outcome.is_err() {
            self.shared.counters.add_redis_error();
        }
        outcome
    }

    async fn ask(&self, takes: &[Take]) -> Result<Option<Verdict>, Uncounted> {
        let link = self.shared.link.borrow().clone();
        let Some(mut link) = link else { return Err(Uncounted::Away) };
        match self.shared.run(&mut link.connection, takes).await {
            Ok(verdict) => {
                if link.late.load(Ordering::Relaxed) != 0 {
                    link.late.store(0, Ordering::Relaxed);
                }
                Ok(verdict)
            }
            Err(Uncounted::Late) if !link.is_lost(LATE * self.shared.timeout) => {
                Err(Uncounted::Late)
            }
            Err(error) => {
                self.shared.lost(&link, &error);
                Err(error)
            }
        }
    }
}

impl Link {
    /// An answer was late: whether it was the first in that time, or the last that is
    /// waited for.
    fn is_lost(&self, patience: Duration) -> bool {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let first = self.late.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        first.is_err_and(|first| Duration::from_millis(now.saturating_sub(first)) >= patience)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Connects again whenever Redis was lost.
async fn keep(shared: Arc<Shared>) {
    let mut link = shared.link.subscribe();
    while link.wait_for(Option::is_none).await.is_ok() {
        let mut pause = FIRST_PAUSE;
        let connection = loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Ok(connection) = shared.connect().await {
                break connection;
            }
        };
        tracing::info!(redis = shared.place, "Redis is back: requests are counted there again");
        shared.found(connection);
    }
}

impl Shared {
    /// A connection on which the script ran: one that takes commands but no writes
    /// is of no use.
    async fn connect(&self) -> Result<MultiplexedConnection, Uncounted> {
        // The time for an answer is this module's to watch.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let connecting = async {
            let connection = self.client.get_multiplexed_async_connection_with_config(&config);
            let mut connection = connection.await?;
            let mut probe = self.script.prepare_invoke();
            probe.key(format!("{PREFIX}probe")).arg(1).arg(1000);
            probe.invoke_async::<Vec<i64>>(&mut connection).await?;
            Ok(connection)
        };
        timeout(2 * CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(Uncounted::Late))
    }

    async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        takes: &[Take],
    ) -> Result<Option<Verdict>, Uncounted> {
        let mut call = self.script.prepare_invoke();
        for take in takes {
            call.key(name(&take.key));
            let window = u64::try_from(take.quota.window().as_micros()).unwrap_or(u64::MAX);
            call.arg(take.quota.requests()).arg(window);
        }
        let answer = call.invoke_async::<Vec<i64>>(connection);
        let answer = timeout(self.timeout, answer).await.map_err(|_| Uncounted::Late)??;
        verdict(takes, &answer).ok_or(Uncounted::Odd)
    }

    fn found(&self, connection: MultiplexedConnection) {
        let number = self.connected.fetch_add(1, Ordering::Relaxed);
        self.counters.set_redis_answers(true);
        self.link.send_replace(Some(Link {
            connection,
            since: Instant::now(),
            late: Arc::default(),
            number,
        }));
    }

    /// Many may notice; the first one says so.
    fn lost(&self, failed: &Link, error: &Uncounted) {
        let is_first = self.link.send_if_modified(|link| {
            let is_current = link.as_ref().is_some_and(|link| link.number == failed.number);
            if is_current {
                *link = None;
            }
            is_current
        });
        if is_first {
            self.warn(error);
        }
    }

    fn warn(&self, error: &Uncounted) {
        self.counters.set_redis_answers(false);
        let error = crate::failure::chain(error);
        tracing::warn!(redis = self.place, error, "Redis does not count requests; trying again");
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("place", &self.place).finish_non_exhaustive()
    }
}

const PREFIX: &str = "nexo:rate:";

/// What a caller is called in Redis. A digest, so that addresses and ids of users
/// do not lie about there in plain text; whoever tries all addresses of IPv4 finds
/// one all the same.
fn name(key: &Key) -> String {
    let digest = digest(&SHA256, &key.id.to_be_bytes());
    let half: [u8; 16] = digest.as_ref()[..16].try_into().expect("a digest has 32 bytes");
    format!("{PREFIX}{}:{:032x}", key.kind.as_str(), u128::from_be_bytes(half))
}

/// What the script said: whether the request passes, then for each quota how much
/// of it is used, and for how many microseconds.
fn verdict(takes: &[Take], answer: &[i64]) -> Option<Option<Verdict>> {
    let (passes, quotas) = answer.split_first()?;
    if quotas.len() != takes.len() * 2 {
        return None;
    }
    let passes = *passes == 1;
    let standings = takes.iter().zip(quotas.chunks_exact(2)).map(|(take, quota)| Standing {
        kind: take.key.kind,
        quota: take.quota,
        remaining: take.quota.requests().saturating_sub(u32::try_from(quota[0]).unwrap_or(0)),
        reset: Duration::from_micros(u64::try_from(quota[1]).unwrap_or(0)),
    });
    Some(standings.reduce(Standing::tighter).map(|standing| Verdict { passes, standing }))
}
