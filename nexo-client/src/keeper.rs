//! Keeps the newest session of a handle, and lets one refresh at a time run.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::{BoxFuture, Shared};
use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::session::Session;

/// A refresh under way. Every waiter has a clone; it ends for all of them.
pub(crate) type Flight = Shared<BoxFuture<'static, Result<Arc<Session>>>>;

/// Called with each new session, and with `None` when there is none any more.
pub(crate) type Listener = Arc<dyn Fn(Option<&Session>) + Send + Sync>;

/// The session of a handle. An access token is known by the `Arc` it came in:
/// while the keeper still has that one, nobody has replaced it.
pub(crate) struct Keeper {
    state: Mutex<State>,
    // Held while a change is made and told, so that changes are told in order;
    // the listener may read the state meanwhile.
    changing: Mutex<()>,
    listener: Option<Listener>,
    api_key: Option<SecretString>,
}

enum State {
    LoggedOut,
    /// The server ended the session.
    Ended,
    LoggedIn(Live),
}

struct Live {
    session: Arc<Session>,
    flight: Option<Flight>,
    /// No early refresh before this, because the last one failed.
    not_before: Option<Instant>,
}

/// What to do for a token that works.
pub(crate) enum Token {
    Use(Arc<Session>),
    /// Refresh it; if that fails, it still works.
    RefreshEarly(Arc<Session>),
    /// Refresh it first: it has expired.
    RefreshFirst(Arc<Session>),
}

/// Where a caller with a stale token finds a new one.
pub(crate) enum Renewal {
    Done(Arc<Session>),
    UnderWay(Flight),
}

impl Keeper {
    pub(crate) fn new(session: Option<Session>, listener: Option<Listener>) -> Self {
        let state = session.map_or(State::LoggedOut, |session| State::live(Arc::new(session)));
        Self { state: Mutex::new(state), changing: Mutex::new(()), listener, api_key: None }
    }

    /// Of a handle that has an API key, and so never a session.
    pub(crate) fn of_key(api_key: SecretString) -> Self {
        Self { api_key: Some(api_key), ..Self::new(None, None) }
    }

    pub(crate) fn api_key(&self) -> Option<&SecretString> {
        self.api_key.as_ref()
    }

    /// A handle that has an API key has no session, and gets none.
    pub(crate) fn refuse_key(&self) -> Result<()> {
        match self.api_key {
            None => Ok(()),
            Some(_) => Err(Error::usage("this handle has an API key; build another to log in")),
        }
    }

    /// The session, or why there is none.
    pub(crate) fn session(&self) -> Result<Arc<Session>> {
        self.refuse_key()?;
        lock(&self.state).live_mut().map(|live| Arc::clone(&live.session))
    }

    /// The token to use now. Of callers that come when a refresh is due, one
    /// is told to do it early and the others go on with the token they have.
    pub(crate) fn token(&self) -> Result<Token> {
        let mut state = lock(&self.state);
        let live = state.live_mut()?;
        let session = Arc::clone(&live.session);
        let now = Instant::now();
        let left = session.remaining(now);
        if left.is_zero() {
            return Ok(Token::RefreshFirst(session));
        }
        let due = session.is_ageing(now)
            && live.flight.is_none()
            && live.not_before.is_none_or(|instant| now >= instant);
        if !due {
            return Ok(Token::Use(session));
        }
        // Should it fail, the next try is when half of the rest has gone.
        live.not_before = Some(now + left / 2);
        Ok(Token::RefreshEarly(session))
    }

    /// Joins the refresh of `stale`, which `start` starts if there is none.
    pub(crate) fn renew(
        &self,
        stale: &Arc<Session>,
        start: impl FnOnce() -> Flight,
    ) -> Result<Renewal> {
        let mut state = lock(&self.state);
        let live = state.live_mut()?;
        if !Arc::ptr_eq(&live.session, stale) {
            return Ok(Renewal::Done(Arc::clone(&live.session)));
        }
        // A flight that is over and still here was cancelled with its runtime:
        // one that ended well or badly has removed itself.
        let flight = match live.flight.take() {
            Some(flight) if flight.peek().is_none() => flight,
            _ => start(),
        };
        live.flight = Some(flight.clone());
        Ok(Renewal::UnderWay(flight))
    }

    /// Ends the refresh of `stale`: the new session takes its place, or a
    /// session that is dead is given up. If another login or a log-out has
    /// come between, that one stays.
    pub(crate) fn settle(
        &self,
        stale: &Arc<Session>,
        outcome: Result<Session>,
    ) -> Result<Arc<Session>> {
        match outcome {
            Ok(session) => {
                let session = Arc::new(session);
                if self.change(Some(stale), State::live(Arc::clone(&session))) {
                    return Ok(session);
                }
                self.session()
            }
            Err(error) if error.is_session_ended() => {
                self.end(stale);
                Err(error)
            }
            Err(error) => {
                if let Ok(live) = lock(&self.state).live_mut()
                    && Arc::ptr_eq(&live.session, stale)
                {
                    live.flight = None;
                }
                Err(error)
            }
        }
    }

    pub(crate) fn log_in(&self, session: Session) {
        self.change(None, State::live(Arc::new(session)));
    }

    pub(crate) fn log_out(&self) {
        self.change(None, State::LoggedOut);
    }

    /// Gives up a session that the server has ended.
    pub(crate) fn end(&self, session: &Arc<Session>) {
        self.change(Some(session), State::Ended);
    }

    /// Sets the state, if the session is still the expected one, and tells it.
    fn change(&self, expected: Option<&Arc<Session>>, next: State) -> bool {
        let _turn = lock(&self.changing);
        {
            let mut state = lock(&self.state);
            if let Some(expected) = expected
                && !state.live_mut().is_ok_and(|live| Arc::ptr_eq(&live.session, expected))
            {
                return false;
            }
            *state = next;
        }
        if let Some(listener) = &self.listener {
            listener(self.session().ok().as_deref());
        }
        true
    }
}

impl State {
    fn live(session: Arc<Session>) -> Self {
        Self::LoggedIn(Live { session, flight: None, not_before: None })
    }

    fn live_mut(&mut self) -> Result<&mut Live> {
        match self {
            Self::LoggedIn(live) => Ok(live),
            Self::LoggedOut => Err(Error::logged_out()),
            Self::Ended => Err(Error::session_ended()),
        }
    }
}

/// A panic while the lock was held was a listener's, after the change: what is
/// behind the lock is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("session", &self.session()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::session::tests::session;

    fn flight() -> Flight {
        std::future::pending().boxed().shared()
    }

    #[test]
    fn of_many_callers_one_refreshes_early() {
        let keeper = Keeper::new(Some(session(100, Duration::from_secs(95))), None);
        assert!(matches!(keeper.token(), Ok(Token::RefreshEarly(_))));
        assert!(matches!(keeper.token(), Ok(Token::Use(_))));
        assert!(matches!(keeper.token(), Ok(Token::Use(_))));
    }

    #[test]
    fn fresh_tokens_are_used_and_dead_ones_are_not() {
        let keeper = Keeper::new(Some(session(600, Duration::ZERO)), None);
        assert!(matches!(keeper.token(), Ok(Token::Use(_))));
        let keeper = Keeper::new(Some(session(10, Duration::from_secs(10))), None);
        assert!(matches!(keeper.token(), Ok(Token::RefreshFirst(_))));
        assert!(matches!(keeper.token(), Ok(Token::RefreshFirst(_))), "all callers must wait");
    }

    #[test]
    fn one_flight_at_a_time() {
        let keeper = Keeper::new(Some(session(600, Duration::ZERO)), None);
        let stale = keeper.session().expect("a session");
        assert!(matches!(keeper.renew(&stale, flight), Ok(Renewal::UnderWay(_))));
        let second = keeper.renew(&stale, || panic!("there is one already"));
        assert!(matches!(second, Ok(Renewal::UnderWay(_))));

        let new = session(600, Duration::ZERO);
        let new = keeper.settle(&stale, Ok(new)).expect("the new session");
        let after = keeper.renew(&stale, || panic!("the token is new already"));
        assert!(matches!(after, Ok(Renewal::Done(session)) if Arc::ptr_eq(&session, &new)));
        assert!(matches!(keeper.renew(&new, flight), Ok(Renewal::UnderWay(_))));
    }

    #[test]
    fn a_refresh_that_comes_late_changes_nothing() {
        let keeper = Keeper::new(Some(session(600, Duration::ZERO)), None);
        let stale = keeper.session().expect("a session");
        keeper.log_in(session(600, Duration::ZERO));
        let newest = keeper.session().expect("a session");
        let settled = keeper.settle(&stale, Ok(session(600, Duration::ZERO)));
        assert!(settled.is_ok_and(|settled| Arc::ptr_eq(&settled, &newest)));
        keeper.end(&stale);
        assert!(keeper.session().is_ok());
        keeper.log_out();
        assert!(keeper.settle(&newest, Ok(session(600, Duration::ZERO))).is_err());
        assert!(keeper.session().is_err());
    }
}
