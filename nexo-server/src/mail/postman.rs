//! Delivering letters, again and again while the mail server is away.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::{Letter, MailConfig, Queued};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Letters that are delivered at a time.
const AT_A_TIME: usize = 8;
/// The pauses between attempts. Whoever did not get a letter asks again.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Delivers until it is told that no more come, and then what is left.
pub(super) async fn run(
    config: MailConfig,
    mut letters: mpsc::Receiver<Queued>,
    mut closed: oneshot::Receiver<()>,
) {
    let transport = config.smtp.transport().timeout(Some(TIMEOUT)).build();
    let mut under_way = JoinSet::new();
    let mut is_open = true;
    loop {
        let letter = tokio::select! {
            letter = letters.recv() => letter,
            _ = &mut closed, if is_open => {
                is_open = false;
                letters.close();
                continue;
            }
        };
        let Some((letter, span)) = letter else { break };
        while under_way.len() >= AT_A_TIME {
            under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        match message(&config, &letter) {
            Some(message) => {
                let transport = transport.clone();
                let delivery = async move { deliver(&transport, message, letter.kind).await };
                under_way.spawn(delivery.instrument(span));
            }
            None => {
                let kind = letter.kind;
                tracing::warn!(parent: &span, letter = kind, "no mail can be sent to this address");
            }
        }
    }
    while under_way.join_next().await.is_some() {}
}

async fn deliver(transport: &Transport, message: Message, kind: &'static str) {
    let mut pauses = PAUSES.iter();
    loop {
        let error = match transport.send(message.clone()).await {
            Ok(_) => {
                tracing::info!(letter = kind, "mailed");
                return;
            }
            Err(error) => error,
        };
        match pauses.next().filter(|_| !error.is_permanent()) {
            Some(pause) => {
                tracing::info!(letter = kind, %error, "not mailed yet");
                tokio::time::sleep(*pause).await;
            }
            None => {
                tracing::warn!(letter = kind, %error, "not mailed");
                return;
            }
        }
    }
}

fn message(config: &MailConfig, letter: &Letter) -> Option<Message> {
    let to = Mailbox::new(letter.name.clone(), letter.to.parse().ok()?);
    Message::builder()
        .from(config.from.clone())
        .to(to)
        .subject(&letter.subject)
        .message_id(None)
        // RFC 3834: so that no robot answers it.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .singlepart(SinglePart::plain(letter.text(config.public_url.as_deref())))
        .ok()
}
