//! `nexo-server reset-password`: for whoever runs a server that sends no mail, or
//! whose mail does not arrive.

use std::io;

use nexo_core::model::ForgotPassword;
use nexo_core::{Error, Peer};

use crate::config::{ResetPasswordArgs, Settings};
use crate::embedded::Embedded;
use crate::open::{OpenError, Opened, open};
use crate::run::{print, stop};
use crate::signals::Signals;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Core(#[from] Error),
    #[error("nobody has the address {0}")]
    Nobody(String),
    #[error("stopped before it was done")]
    Stopped,
    #[error("the system refused what a process needs: {0}")]
    Process(#[from] io::Error),
}

/// Prints what sets the password anew, and stops what it has started.
pub(crate) async fn run(
    settings: &Settings,
    wanted: &ResetPasswordArgs,
) -> Result<(), RecoverError> {
    let mut signals = Signals::install()?;
    let mut embedded = None;
    let worked = tokio::select! {
        worked = work(settings, wanted, &mut embedded) => worked,
        () = signals.next() => Err(RecoverError::Stopped),
    };
    stop(embedded, &mut signals).await;
    worked
}

async fn work(
    settings: &Settings,
    wanted: &ResetPasswordArgs,
    embedded: &mut Option<Embedded>,
) -> Result<(), RecoverError> {
    let Opened { authenticator, .. } = open(settings, embedded).await?;
    let forgot = ForgotPassword { email: wanted.email.clone() };
    let issued = authenticator.issue_password_reset(&forgot, &Peer::default()).await?;
    let issued = issued.ok_or_else(|| RecoverError::Nobody(wanted.email.clone()))?;
    match &settings.public_url {
        Some(url) => print(&format!("{url}/reset-password#{}\n", issued.token)),
        None => print(&format!("{}\n", issued.token)),
    }
    Ok(())
}
