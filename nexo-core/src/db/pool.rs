//! Connection pools.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use tokio::time::{Instant, timeout};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::backoff::Backoff;
use super::config::DatabaseConfig;
use super::connection::Connection;
use super::shares::{Share, Shares};
use super::sqlstate::{translate, unavailable};
use super::unprepared::ParameterTypes;
use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// How long what is sent may stay without an acknowledgement. Systems acknowledge, however
/// busy PostgreSQL is, so that this ends no statement that runs.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// After so long without a word a connection is asked whether it is still there, which also
/// keeps those on the way from forgetting it.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// How often it is asked then. The system looks at the time above when it asks again, and by
/// itself it asks every 75 seconds.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// The driver's idea of that, where nobody has said another.
const DRIVERS_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// How long a ping may take.
const PING: Duration = Duration::from_secs(1);

/// Of that, how long it may wait for a connection. Less, so that it is known what took so
/// long.
const PING_WAIT: Duration = Duration::from_millis(750);

/// Connections of one role. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    name: &'static str,
    pool: Pool,
    shares: Arc<Shares>,
    backoff: Arc<Backoff>,
    unprepared: Option<ParameterTypes>,
}

impl Connections {
    /// A pool that connects when it is first used.
    pub(super) fn new(
        name: &'static str,
        target: &Config,
        size: usize,
        config: &DatabaseConfig,
        tls: &MakeRustlsConnect,
    ) -> Self {
        let target = impatient(config.named(target.clone()), config.connect_timeout);
        // Fast: a closed connection is noticed by the driver itself, and every
        // transaction ends before its connection is given back.
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(target, tls.clone(), manager_config))
            .max_size(size)
            .wait_timeout(Some(config.acquire_timeout))
            .create_timeout(Some(config.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is given, which is all that timeouts need");
        Self {
            name,
            pool,
            shares: Shares::of(size),
            backoff: Arc::default(),
            unprepared: (!config.prepared_statements).then(ParameterTypes::default),
        }
    }

    /// A connection for somebody who has no more than their share of them.
    pub(super) async fn acquire_for(&self, holder: Uuid) -> Result<Connection> {
        let mut timeouts = self.pool.timeouts();
        let share = match self.shares.take_at_once(holder) {
            Some(share) => share,
            None => {
                let (start, most) = (Instant::now(), timeouts.wait.unwrap_or_default());
                let share = timeout(most, self.shares.take(holder)).await;
                timeouts.wait = Some(most.saturating_sub(start.elapsed()));
                share.map_err(|_| busy())?
            }
        };
        self.acquire_within(&timeouts, Some(share)).await
    }

    /// A connection, or why there is none.
    pub(super) async fn acquire(&self) -> Result<Connection> {
        self.acquire_within(&self.pool.timeouts(), None).await
    }

    /// Asks for an answer and waits a second for it: `overloaded` if all connections are taken
    /// for so long that there is no time to ask, and `unavailable` if there is no answer.
    pub(super) async fn ping(&self) -> Result<()> {
        let started = Instant::now();
        let waits = Timeouts { wait: Some(PING_WAIT), ..self.pool.timeouts() };
        let connection = timeout(PING, self.acquire_within(&waits, None)).await;
        let waited = started.elapsed();
        let connection = match connection {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) if error.code() == ErrorCode::Overloaded && !self.is_all_made() => {
                return Err(unavailable().because(error));
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(unavailable()),
        };
        let asked = connection.under_way(connection.check_connection());
        match timeout(PING.saturating_sub(waited), asked).await {
            Ok(answer) => answer.map_err(translate),
            Err(_) if waited > PING / 4 => Err(busy()),
            Err(_) => Err(unavailable()),
        }
    }

    /// Whether there are as many connections as there may be. Where there are not, whoever
    /// waits for one waits for PostgreSQL.
    fn is_all_made(&self) -> bool {
        let status = self.pool.status();
        status.size >= status.max_size
    }

    async fn acquire_within(
        &self,
        timeouts: &Timeouts,
        share: Option<Share>,
    ) -> Result<Connection> {
        if self.backoff.is_on() && self.pool.status().available == 0 {
            self.backoff.wait().await;
        }
        let object = self.pool.timeout_get(timeouts).await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => busy(),
            // Whatever the server said at the door, the caller can only wait.
            other => {
                self.backoff.failed();
                unavailable().because(other)
            }
        })?;
        if self.backoff.is_on() && Object::metrics(&object).recycled.is_none() {
            self.backoff.connected();
        }
        Ok(Connection::new(object, share, self.unprepared.clone()))
    }

    /// How busy it is now.
    pub(super) fn count(&self) -> PoolCount {
        let status = self.pool.status();
        PoolCount {
            name: self.name,
            most: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: status.waiting + self.shares.waiting(),
        }
    }
}

/// Gives a peer that is gone without a word up, so that its connections do not stay in the
/// pool for as long as the system goes on trying. What the URL says goes first.
pub(super) fn impatient(mut target: Config, connect_timeout: Duration) -> Config {
    target.connect_timeout(connect_timeout);
    if target.get_tcp_user_timeout().is_none() {
        target.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    if target.get_keepalives_idle() == DRIVERS_IDLE {
        target.keepalives_idle(KEEPALIVE_IDLE);
    }
    if target.get_keepalives_interval().is_none() {
        target.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    target
}

fn busy() -> Error {
    Error::new(ErrorCode::Overloaded, "all database connections are busy")
        .retry_in(Duration::from_secs(1))
}

/// How busy a pool of connections is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolCount {
    /// Whose connections they are: `app`, `limited` (those who see only some
    /// records) or `auth`.
    pub name: &'static str,
    /// The most connections.
    pub most: usize,
    /// Those that are open.
    pub open: usize,
    /// Of them, those that nobody uses.
    pub idle: usize,
    /// Those who wait for one, also where only they have all of their share.
    pub waiting: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_silent_is_given_up_unless_the_url_says_otherwise() {
        let of = |url: &str| {
            let target = impatient(url.parse().expect("a URL"), Duration::from_secs(1));
            let patience = target.get_tcp_user_timeout().copied();
            [patience, Some(target.get_keepalives_idle()), target.get_keepalives_interval()]
        };
        let ours = [TCP_USER_TIMEOUT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL];
        assert_eq!(of("postgres://db.test/nexo"), ours.map(Some));
        let said =
            "postgres://db.test/nexo?tcp_user_timeout=2&keepalives_idle=7&keepalives_interval=3";
        assert_eq!(of(said), [2, 7, 3].map(|seconds| Some(Duration::from_secs(seconds))));
    }
}
