//! Slowing down whoever guesses passwords.
//!
//! An attempt is counted *before* the password is looked at, and taken back
//! when it was right: however many come at once, only so many are looked at.
//! Three counts are kept:
//!
//! | of | free | then | so that |
//! |---|---|---|---|
//! | an address from one network | 10 | 1 s, doubling to 15 minutes | nobody guesses from one place |
//! | an address from everywhere | 50 | 1 s, doubling to 1 minute | nobody guesses from many |
//! | a network, whatever the address | 100 | 1 s, doubling to 1 minute | nobody tries one password on all |
//!
//! Going to a provider to sign in is counted by the network, with 300 free. Asking for a mail is counted the same way and apart, with 3, 10 and 300 free,
//! and never taken back.
//!
//! A network from which the user has logged in before is not held up by what
//! others do to the address, and does not add to it; nor can one network alone
//! add much. So nobody can be locked out by others.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::secret::hash;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::{Error, Result};
use crate::model::ErrorCode;
use crate::tenant::Peer;

/// Counts an attempt, unless one has to wait: then there is no row in the
/// answer. `$1` key, `$2` attempts that are free, `$3` the longest wait in
/// seconds; with `$4`, only if the attempt of that key has just been counted
/// and is not from a known network. A day without attempts forgets the count.
const COUNT: &str = "insert into nexo.login_attempts as a (key, attempts, last_at, blocked_until)
     select $1, 1, now(), clock_timestamp()
     where $4::bytea is null
        or exists (select from nexo.login_attempts here
                   where here.key = $4 and here.last_at = now() and not here.known_good)
     on conflict (key) do update set
        attempts = case when a.last_at < now() - interval '1 day' then 1 else a.attempts + 1 end,
        last_at = now(),
        blocked_until = case
            when a.attempts + 1 < $2 or a.last_at < now() - interval '1 day' then clock_timestamp()
            else clock_timestamp()
                 + least(power(2::float8, least(a.attempts + 1 - $2, 30)), $3::float8) * interval '1 second' end
     where a.blocked_until <= clock_timestamp()
     returning known_good";

/// The longest of the waits, in seconds; null if there is none.
const WAIT: &str = "select max(extract(epoch from blocked_until - clock_timestamp()))::float8
     from nexo.login_attempts where key in ($1, $2, $3) and blocked_until > clock_timestamp()";

const FORGET_OLD: &str = "delete from nexo.login_attempts where key in (
        select key from nexo.login_attempts
        where last_at < now() - (case when known_good then interval '30 days' else interval '1 day' end)
        order by last_at limit 50 for update skip locked)";

/// The password was right: from here the user is known.
pub(super) const KNOWN: &str =
    "insert into nexo.login_attempts as a (key, attempts, last_at, blocked_until, known_good)
     values ($1, 0, now(), clock_timestamp(), true)
     on conflict (key) do update set
        attempts = 0, last_at = now(), blocked_until = clock_timestamp(), known_good = true";

/// Whoever knows the password was not guessing it.
pub(super) const CLEAR: &str = "delete from nexo.login_attempts where key = $1";

/// Takes one attempt back.
pub(super) const TAKE_BACK: &str = "update nexo.login_attempts
     set attempts = greatest(attempts - 1, 0), blocked_until = clock_timestamp() where key = $1";

/// One attempt at one subject from one network.
pub(super) struct Attempt {
    pub(super) here: Vec<u8>,
    pub(super) anywhere: Vec<u8>,
    pub(super) network: Vec<u8>,
    /// Attempts that are free: at the subject from here and from anywhere, and at
    /// any from the network.
    free: (i32, i32, i32),
}

/// How many statements counting takes.
pub(super) const STATEMENTS: usize = 5;

impl Attempt {
    /// `subject` is what is being guessed at: an address, or a user's id.
    pub(super) fn new(subject: &str, peer: &Peer) -> Self {
        let network = peer.network();
        Self {
            here: hash(&[b"here", subject.as_bytes(), network.as_bytes()]).to_vec(),
            anywhere: hash(&[b"anywhere", subject.as_bytes()]).to_vec(),
            network: hash(&[b"network", network.as_bytes()]).to_vec(),
            free: (10, 50, 100),
        }
    }

    /// One of asking for a mail, which somebody else gets.
    pub(super) fn at_mail(subject: &str, peer: &Peer) -> Self {
        let network = hash(&[b"mail network", peer.network().as_bytes()]).to_vec();
        Self { network, free: (3, 10, 300), ..Self::new(subject, peer) }
    }

    /// One of going to a provider to sign in, which is taken back when somebody is:
    /// by the network alone, because it is not known yet who they are.
    pub(super) fn at_sign_in(peer: &Peer) -> Self {
        let network = hash(&[b"sign-in network", peer.network().as_bytes()]).to_vec();
        let subject = format!("sign-in from {}", peer.network());
        Self { network, free: (300, 300, 300), ..Self::new(&subject, peer) }
    }

    pub(super) fn params(&self) -> AttemptParams<'_> {
        AttemptParams {
            here: [&self.here, &self.free.0, &900f64, &None::<Vec<u8>>],
            anywhere: [&self.anywhere, &self.free.1, &60f64, &self.here],
            network: [&self.network, &self.free.2, &60f64, &None::<Vec<u8>>],
            wait: [&self.here, &self.anywhere, &self.network],
        }
    }

    /// What forgives it: the statements for the transaction in which it was right.
    pub(super) fn forgiven(&self) -> Forgiven<'_> {
        Forgiven { here: [&self.here], anywhere: [&self.anywhere], network: [&self.network] }
    }

    /// What the counting statements say; an error while there is to wait.
    pub(super) fn judge(rows: &[Vec<Row>]) -> Result<()> {
        let [here, anywhere, network, wait] = [&rows[0], &rows[1], &rows[2], &rows[3]];
        let known = here.first().is_some_and(|row| row.get(0));
        if !here.is_empty() && !network.is_empty() && (known || !anywhere.is_empty()) {
            return Ok(());
        }
        let seconds: Option<f64> = wait.first().and_then(|row| row.get(0));
        let wait = Duration::from_secs_f64(seconds.unwrap_or(1.0).clamp(1.0, 86_400.0).ceil());
        Err(Error::new(ErrorCode::TooManyRequests, "too many attempts; wait, then try again")
            .retry_in(wait))
    }
}

/// The parameters of the forgiving statements.
pub(super) struct Forgiven<'a> {
    here: [&'a (dyn ToSql + Sync); 1],
    anywhere: [&'a (dyn ToSql + Sync); 1],
    network: [&'a (dyn ToSql + Sync); 1],
}

impl Forgiven<'_> {
    pub(super) fn calls(&self) -> [Call<'_>; 3] {
        [
            Call { sql: CLEAR, params: &self.here, plan: Once },
            Call { sql: CLEAR, params: &self.anywhere, plan: Once },
            Call { sql: TAKE_BACK, params: &self.network, plan: Once },
        ]
    }
}

impl Authenticator {
    /// Counts an attempt at something that is not asked for in the same
    /// transaction.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(super) async fn count(&self, attempt: &Attempt) -> Result<()> {
        let params = attempt.params();
        let rows = self.identity().run(Mode::Write, Sight::NONE, &params.calls()).await?;
        Attempt::judge(&rows)
    }
}

/// The parameters of the counting statements.
pub(super) struct AttemptParams<'a> {
    here: [&'a (dyn ToSql + Sync); 4],
    anywhere: [&'a (dyn ToSql + Sync); 4],
    network: [&'a (dyn ToSql + Sync); 4],
    wait: [&'a (dyn ToSql + Sync); 3],
}

impl AttemptParams<'_> {
    pub(super) fn calls(&self) -> [Call<'_>; STATEMENTS] {
        [
            Call { sql: COUNT, params: &self.here, plan: Once },
            Call { sql: COUNT, params: &self.anywhere, plan: Once },
            Call { sql: COUNT, params: &self.network, plan: Once },
            Call { sql: WAIT, params: &self.wait, plan: Once },
            Call { sql: FORGET_OLD, params: &[], plan: Once },
        ]
    }
}
