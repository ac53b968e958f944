//! Slowing down whoever guesses passwords.
//!
//! Failures are counted for an address from one network, and for an address
//! from everywhere. A network from which the user has logged in before is not
//! held up by what others do to the address, so that nobody can be locked out.

use std::time::Duration;

use super::config::Peer;
use super::secret::hash;
use crate::db::{Access, Call, Identity};
use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// How long the caller still has to wait, in seconds.
pub(super) const WAIT: &str =
    "select max(extract(epoch from f.blocked_until - clock_timestamp()))::float8
     from nexo.login_failures f
     where f.blocked_until > clock_timestamp()
       and (f.key = $1
            or f.key = $2 and not exists (
                select from nexo.login_failures known where known.key = $1 and known.known_good))";

/// From `$2` failures on, each doubles the wait, from a second to `$3` seconds.
const FAIL: &str = "insert into nexo.login_failures as f (key, failures, last_failure_at, blocked_until)
     values ($1, 1, clock_timestamp(), clock_timestamp())
     on conflict (key) do update set
        failures = f.failures + 1,
        last_failure_at = clock_timestamp(),
        blocked_until = case when f.failures + 1 < $2 then clock_timestamp()
            else clock_timestamp() + least(power(2::float8, least(f.failures + 1 - $2, 30)), $3::float8) * interval '1 second' end";

const FORGET_OLD: &str = "delete from nexo.login_failures where key in (
        select key from nexo.login_failures where last_failure_at < now() - interval '30 days'
        limit 20 for update skip locked)";

pub(super) const SUCCEED: &str = "insert into nexo.login_failures as f (key, failures, last_failure_at, blocked_until, known_good)
     values ($1, 0, clock_timestamp(), clock_timestamp(), true)
     on conflict (key) do update set
        failures = 0, last_failure_at = clock_timestamp(), blocked_until = clock_timestamp(), known_good = true";

pub(super) const CLEAR: &str = "delete from nexo.login_failures where key = $1";

/// What failures of one subject from one network are counted under.
pub(super) struct Attempt {
    pub(super) here: Vec<u8>,
    pub(super) anywhere: Vec<u8>,
}

impl Attempt {
    /// `subject` is what is being guessed at: an address, or a user's id.
    pub(super) fn new(subject: &str, peer: &Peer) -> Self {
        let network = peer.network();
        Self {
            here: hash(&[b"here", subject.as_bytes(), network.as_bytes()]).to_vec(),
            anywhere: hash(&[b"anywhere", subject.as_bytes()]).to_vec(),
        }
    }

    /// The answer while the caller has to wait.
    pub(super) fn refuse(wait: Option<f64>) -> Result<()> {
        match wait {
            Some(seconds) => {
                let wait = Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0).ceil());
                Err(Error::new(
                    ErrorCode::TooManyRequests,
                    "too many failed attempts; wait, then try again",
                )
                .retry_in(wait.max(Duration::from_secs(1))))
            }
            None => Ok(()),
        }
    }

    /// Counts a failure.
    pub(super) async fn failed(&self, identity: &Identity) -> Result<()> {
        // The fifth failure here costs a second, the fifteenth a quarter of an
        // hour; from everywhere together the count starts at 50.
        let calls = [
            Call { sql: FAIL, params: &[&self.here, &5i32, &900f64] },
            Call { sql: FAIL, params: &[&self.anywhere, &50i32, &900f64] },
            Call { sql: FORGET_OLD, params: &[] },
        ];
        identity.run(Access::Write, None, &calls).await.map(drop)
    }
}
