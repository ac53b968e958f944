//! Requests under a session: a token that works, and the refresh that gets one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use nexo_core::model::{AuthTokens, RefreshRequest};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};
use crate::keeper::{Flight, Keeper, Renewal, Token};
use crate::retry::{Policy, Repeat};
use crate::session::Session;
use crate::transport::{Call, Content, Reply, Transport};

/// What all clones of a handle share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) transport: Transport,
    pub(crate) keeper: Keeper,
}

/// How long one attempt to refresh may take. Short, because the server answers
/// a refresh token that it has replaced already for a short time only.
const ATTEMPT: Duration = Duration::from_secs(5);
/// A refresh whose answer is lost costs the session, so it is repeated even
/// where the caller wants no retries.
const POLICY: Policy = Policy { retries: 3 };

/// How many servers behind one address may each have to learn that what an API
/// key may has changed.
const SERVERS: u32 = 4;

impl Inner {
    /// Sends a call with the session's token. If the server does not accept
    /// the token, it has done nothing, be it a read or a write: the call is
    /// sent once more with a new one.
    pub(crate) async fn send_authenticated(self: &Arc<Self>, call: &Call) -> Result<Reply> {
        if let Some(key) = self.keeper.api_key() {
            return self.send_by_key(key, call).await;
        }
        let session = self.usable_session().await?;
        let error = match self.send_as(&session, call).await {
            Err(error) if error.is_stale_token() => error,
            answer => return answer,
        };
        let in_doubt = error.is_outcome_unknown();
        let answer = match self.renew(&session).await {
            Ok(renewed) if renewed.is_same_identity(&session) => self.send_as(&renewed, call).await,
            // Somebody logged in as another user meanwhile, for whom this
            // call was not meant.
            Ok(_) => Err(error),
            Err(error) => Err(error),
        };
        answer.map_err(|error| error.or_in_doubt(in_doubt))
    }

    /// An API key is not refreshed. Of one whose permissions have changed, each
    /// server learns by refusing it once, with nothing done.
    async fn send_by_key(&self, key: &SecretString, call: &Call) -> Result<Reply> {
        let mut in_doubt = false;
        let mut left = SERVERS;
        loop {
            match self.transport.send(call, Some(key)).await {
                Err(error) if error.is_permissions_changed() && left > 0 => {
                    in_doubt |= error.is_outcome_unknown();
                    left -= 1;
                }
                answer => return answer.map_err(|error| error.or_in_doubt(in_doubt)),
            }
        }
    }

    async fn send_as(&self, session: &Arc<Session>, call: &Call) -> Result<Reply> {
        let answer = self.transport.send(call, Some(session.access_token())).await;
        if answer.as_ref().is_err_and(Error::is_session_ended) {
            self.keeper.end(session);
        }
        answer
    }

    async fn usable_session(self: &Arc<Self>) -> Result<Arc<Session>> {
        match self.keeper.token()? {
            Token::Use(session) => Ok(session),
            Token::RefreshFirst(session) => self.renew(&session).await,
            // It is waited for, though the token still works: a program that
            // ended now would lose the new refresh token, and with it the
            // session.
            Token::RefreshEarly(session) => match self.renew(&session).await {
                Err(error) if !error.is_session_ended() => Ok(session),
                renewed => renewed,
            },
        }
    }

    /// A newer session than `stale`, from the one refresh that all callers
    /// share.
    async fn renew(self: &Arc<Self>, stale: &Arc<Session>) -> Result<Arc<Session>> {
        loop {
            let flight = match self.keeper.renew(stale, || self.take_off(stale))? {
                Renewal::Done(session) => return Ok(session),
                Renewal::UnderWay(flight) => flight,
            };
            match flight.await {
                // It went down with the runtime of another caller.
                Err(error) if error.is_refresh_cancelled() => {}
                outcome => return outcome,
            }
        }
    }

    /// Starts the refresh as a task of its own, so that it ends well though
    /// every caller that waits for it is dropped.
    fn take_off(self: &Arc<Self>, stale: &Arc<Session>) -> Flight {
        let (inner, stale) = (Arc::clone(self), Arc::clone(stale));
        let task = tokio::spawn(async move {
            let outcome = inner.refresh(&stale).await;
            inner.keeper.settle(&stale, outcome)
        });
        async { task.await.unwrap_or_else(|e| Err(Error::refresh_lost(e.is_cancelled()))) }
            .boxed()
            .shared()
    }

    async fn refresh(&self, stale: &Session) -> Result<Session> {
        let body =
            RefreshRequest { refresh_token: stale.refresh_token().expose_secret().to_owned() };
        let mut call = Call::new(Method::POST, "/api/auth/refresh");
        let bytes = serde_json::to_vec(&body).map_err(Error::encode)?;
        call.body = Some(Content { mime: "application/json", bytes });
        // The server answers the same token twice with the same successor.
        call.repeat = Repeat::Stubborn;
        let asked_at = Instant::now();
        let timeout = ATTEMPT.min(self.transport.timeout);
        let tokens: AuthTokens = self
            .transport
            .send_with(&call, None, timeout, POLICY)
            .await
            .and_then(Reply::decode)
            .map_err(Error::before_call)?;
        Ok(Session::new(tokens, asked_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;
    use crate::transport::tests::transport;

    #[tokio::test]
    async fn an_early_refresh_that_fails_leaves_the_token_that_works() {
        let ageing = session(100, Duration::from_secs(95));
        let nobody_listens = transport("http://127.0.0.1:1");
        let keeper = Keeper::new(Some(ageing), None);
        let inner = Arc::new(Inner { transport: nobody_listens, keeper });
        let usable = inner.usable_session().await.expect("the token still works");
        let newest = inner.keeper.session().expect("the session is still there");
        assert!(Arc::ptr_eq(&usable, &newest));
    }
}
