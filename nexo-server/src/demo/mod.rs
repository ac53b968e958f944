//! `nexo-server demo`: an account filled with believable data.

mod progress;
mod report;

use std::io;
use std::time::{Duration, Instant};

use nexo_core::demo::{Demo, Filled, fill, pass_phrase};
use nexo_core::model::{ErrorCode, RegisterRequest};
use nexo_core::{Authenticator, Database, Error, Peer};

use crate::config::{DemoArgs, Settings};
use crate::embedded::Embedded;
use crate::open::{OpenError, Opened, open};
use crate::run::{print, stop};
use crate::signals::Signals;
use progress::ProgressLine;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Core(#[from] Error),
    #[error("--email {0} is registered already: choose another address with --email")]
    EmailTaken(String),
    #[error("this user cannot be registered: {0}")]
    Refused(String),
    #[error("stopped before it was done")]
    Stopped,
    #[error("the system refused what a process needs: {0}")]
    Process(#[from] io::Error),
}

/// Who can log in to the account.
struct Registered {
    email: String,
    /// Absent if it was given: then it is known, and need not be shown.
    password: Option<String>,
}

/// What is known when this ends, in whatever way.
#[derive(Default)]
struct Done {
    registered: Option<Registered>,
    filled: Option<(Filled, Duration)>,
}

/// Registers a user, fills their account, and prints how to go on.
pub(crate) async fn run(settings: &Settings, wanted: &DemoArgs) -> Result<(), DemoError> {
    // First, because from here on there are things to undo.
    let mut signals = Signals::install()?;
    let (mut embedded, mut done) = (None, Done::default());
    let worked = tokio::select! {
        worked = work(settings, wanted, &mut embedded, &mut done) => worked,
        () = signals.next() => Err(DemoError::Stopped),
    };
    // Also after a failure: there is a user then, and only this knows how they
    // log in.
    if let Some(user) = &done.registered {
        print(&report::text(settings, user, done.filled.as_ref()));
    }
    stop(embedded, &mut signals).await;
    worked
}

async fn work(
    settings: &Settings,
    wanted: &DemoArgs,
    embedded: &mut Option<Embedded>,
    done: &mut Done,
) -> Result<(), DemoError> {
    let demo = Demo::of(wanted.clients)?.seed(wanted.seed);
    let Opened { database, authenticator, name } = open(settings, embedded).await?;
    tracing::info!(database = name, clients = wanted.clients, "filling a new account");
    let begun = Instant::now();
    let (account, demo) = register(&database, &authenticator, wanted, demo, done).await?;
    let mut line = ProgressLine::new();
    let filled = fill(&database, &account, &demo, |progress| line.show(progress)).await;
    line.end();
    done.filled = Some((filled?, begun.elapsed()));
    Ok(())
}

/// Registers the user. Their first session ends at once: they log in later.
async fn register(
    database: &Database,
    authenticator: &Authenticator,
    wanted: &DemoArgs,
    demo: Demo,
    done: &mut Done,
) -> Result<(nexo_core::TenantScope, Demo), DemoError> {
    let made = match &wanted.password {
        Some(_) => None,
        None => Some(pass_phrase()?),
    };
    let request = RegisterRequest {
        email: wanted.email.clone(),
        password: made.clone().or_else(|| wanted.password.clone()).unwrap_or_default(),
        name: "Demo User".to_owned(),
        account_name: "Demo Company".to_owned(),
    };
    let registered = authenticator.register(&request, &Peer::default()).await;
    let tokens = registered.map_err(|error| match error.code() {
        ErrorCode::EmailTaken => DemoError::EmailTaken(wanted.email.clone()),
        ErrorCode::ValidationFailed => DemoError::Refused(fields(&error)),
        _ => DemoError::Core(error),
    })?;
    done.registered = Some(Registered { email: tokens.user.email.clone(), password: made });
    authenticator.logout(&authenticator.verify(&tokens.access_token).await?).await?;
    let scope = database.system_scope(tokens.account.id, "demo data");
    Ok((scope, demo.owner(tokens.user.id)))
}

/// The fields, by the flags that they come from.
fn fields(error: &Error) -> String {
    let fields = error.fields().iter();
    fields
        .map(|field| format!("--{} {}", field.field, field.message))
        .collect::<Vec<_>>()
        .join("; ")
}
