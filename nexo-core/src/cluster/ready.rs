//! Waiting until a started PostgreSQL can be used.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use super::ClusterError;
use super::error::database_text;
use super::guardian::Guardian;
use super::provision::provision;

/// How long PostgreSQL may be silent. One that answers "starting up" is
/// recovering and has all the time it needs: stopping it would only make it
/// start over.
const SILENCE_BOUND: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
const PROGRESS: Duration = Duration::from_secs(10);

/// Waits for PostgreSQL, then sets up the role and the database.
pub(super) async fn set_up(
    guardian: &Guardian,
    superuser: &Config,
    owner: &SecretString,
) -> Result<(), ClusterError> {
    tokio::select! {
        // First, so that an end is told as such and not as a failed connection.
        biased;
        status = guardian.exited() => Err(failed(guardian, format!("it ended with {status}"))),
        result = connect_and_provision(guardian, superuser, owner) => result,
    }
}

async fn connect_and_provision(
    guardian: &Guardian,
    superuser: &Config,
    owner: &SecretString,
) -> Result<(), ClusterError> {
    let started = Instant::now();
    let mut last_answer = started;
    let mut last_told = started;
    let mut pause = FIRST_PAUSE;
    loop {
        let silent = match timeout(SILENCE_BOUND, superuser.connect(NoTls)).await {
            Ok(Ok((client, connection))) => {
                let (done, _) = tokio::join!(
                    async {
                        let result = provision(&client, owner).await;
                        drop(client);
                        result
                    },
                    connection,
                );
                return done;
            }
            Ok(Err(error)) => match error.code() {
                Some(code) if is_passing(code) => {
                    last_answer = Instant::now();
                    database_text(&error)
                }
                Some(_) => return Err(failed(guardian, database_text(&error))),
                None => database_text(&error),
            },
            Err(_) => "it does not answer".to_owned(),
        };
        if last_answer.elapsed() > SILENCE_BOUND {
            return Err(failed(guardian, silent));
        }
        if last_told.elapsed() > PROGRESS {
            last_told = Instant::now();
            tracing::info!(
                seconds = started.elapsed().as_secs(),
                "waiting for PostgreSQL: {silent}"
            );
        }
        sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST_PAUSE);
    }
}

/// Starting up or recovering, or all places taken by clients that were faster.
fn is_passing(code: &SqlState) -> bool {
    *code == SqlState::CANNOT_CONNECT_NOW || *code == SqlState::TOO_MANY_CONNECTIONS
}

fn failed(guardian: &Guardian, reason: String) -> ClusterError {
    ClusterError::Start { reason, log: guardian.log().text() }
}
