//! Mail: letters are queued by handlers and sent behind their backs, so that no
//! request waits for a mail server, and nobody can tell by the time of an answer
//! whether there was a letter.

mod letter;
mod postman;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use nexo_core::model::ErrorCode;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use crate::config::SmtpUrl;
use crate::failure::{Failure, Outcome};

pub(crate) use letter::Letter;

/// Letters that wait. More are refused as overloaded.
const QUEUE: usize = 1000;
/// Work behind a request's back at a time: finding out whether there is a letter.
const BEHIND: usize = 64;
/// How long a drain waits for what is on its way.
const LAST: Duration = Duration::from_secs(5);

/// How a server sends mail.
#[derive(Clone)]
pub struct MailConfig {
    pub(crate) smtp: SmtpUrl,
    pub(crate) from: Mailbox,
    pub(crate) public_url: Option<String>,
}

/// Why mail cannot be sent like that.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MailConfigError(String);

impl MailConfig {
    /// Through this mail server (`smtps://user:password@host`, or
    /// `smtp://…?tls=required`), from this address (`NEXO <crm@example.com>`).
    ///
    /// # Errors
    /// When one of them cannot be used. Without TLS, that is every host but this
    /// machine.
    pub fn new(smtp_url: &str, from: &str) -> Result<Self, MailConfigError> {
        let smtp = smtp_url.parse().map_err(MailConfigError)?;
        let from = from.parse().map_err(|_| {
            MailConfigError("expected a sender such as NEXO <crm@example.com>".to_owned())
        })?;
        Ok(Self { smtp, from, public_url: None })
    }

    /// The pages that links lead to: `https://crm.example.com`. Without them,
    /// letters have the token alone.
    #[must_use]
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }
}

/// A letter, and the request that it is of, for the log.
type Queued = (Letter, Span);

/// Takes letters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mailer {
    queue: mpsc::Sender<Queued>,
    behind: Arc<Semaphore>,
}

/// What sends them, until it is stopped.
#[derive(Debug)]
pub(crate) struct Mailing {
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mailer {
    pub(crate) fn start(config: MailConfig) -> (Self, Mailing) {
        let (queue, letters) = mpsc::channel(QUEUE);
        let (closing, closed) = oneshot::channel();
        let task = tokio::spawn(postman::run(config, letters, closed));
        let behind = Arc::new(Semaphore::new(BEHIND));
        (Self { queue, behind }, Mailing { closing, task })
    }

    /// How many letters wait, and how many may.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.queue.max_capacity() - self.queue.capacity(), self.queue.max_capacity())
    }

    /// Queues a letter.
    pub(crate) fn send(&self, letter: Letter) -> Outcome<()> {
        self.queue.try_send((letter, Span::current())).map_err(|_| overloaded())
    }

    /// Finds out behind the caller's back whether there is a letter, and queues
    /// it.
    pub(crate) fn send_behind<W>(&self, work: W) -> Outcome<()>
    where
        W: Future<Output = nexo_core::Result<Option<Letter>>> + Send + 'static,
    {
        let place = Arc::clone(&self.behind).try_acquire_owned().map_err(|_| overloaded())?;
        let queue = self.queue.clone();
        let work = async move {
            let _place = place;
            match work.await {
                Ok(None) => {}
                Ok(Some(letter)) => {
                    if queue.send((letter, Span::current())).await.is_err() {
                        tracing::warn!("a letter came too late to be sent");
                    }
                }
                Err(error) => tracing::warn!(%error, "a letter could not be written"),
            }
        };
        tokio::spawn(work.in_current_span());
        Ok(())
    }
}

impl Mailing {
    /// Sends what is queued, for a while.
    pub(crate) async fn stop(self) {
        let _already_over = self.closing.send(());
        let mut task = self.task;
        if tokio::time::timeout(LAST, &mut task).await.is_err() {
            tracing::warn!("letters were not sent: their receivers have to ask again");
            task.abort();
        }
    }
}

fn overloaded() -> Failure {
    Failure::new(ErrorCode::Overloaded, "there are too many letters to send")
}

// Without the password of the mail server.
impl fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailConfig")
            .field("smtp", &self.smtp)
            .field("from", &self.from.to_string())
            .field("public_url", &self.public_url)
            .finish()
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}
