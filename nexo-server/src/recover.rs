//! `nexo-server reset-password` and `reset-second-factor`: for whoever runs a
//! server, and for users who are locked out of it.

use std::io;

use nexo_core::model::ForgotPassword;
use nexo_core::{Authenticator, Error};

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

/// Does it, and stops what it has started.
pub(crate) async fn run(
    settings: &Settings,
    wanted: &ResetPasswordArgs,
    how: impl AsyncFnOnce(&Settings, &Authenticator, ForgotPassword) -> Result<(), RecoverError>,
) -> Result<(), RecoverError> {
    let mut signals = Signals::install()?;
    let mut embedded: Option<Embedded> = None;
    let work = async {
        let Opened { authenticator, .. } = open(settings, &mut embedded).await?;
        how(settings, &authenticator, ForgotPassword { email: wanted.email.clone() }).await
    };
    let worked = tokio::select! {
        worked = work => worked,
        () = signals.next() => Err(RecoverError::Stopped),
    };
    stop(embedded, &mut signals).await;
    worked
}

/// Prints what sets the password anew.
pub(crate) async fn password(
    settings: &Settings,
    authenticator: &Authenticator,
    of: ForgotPassword,
) -> Result<(), RecoverError> {
    let token = authenticator.hand_out_password_reset(&of).await?;
    let token = token.ok_or_else(|| RecoverError::Nobody(of.email.clone()))?;
    match &settings.public_url {
        Some(url) => print(&format!("{url}/reset-password#{token}\n")),
        None => print(&format!("{token}\n")),
    }
    Ok(())
}

/// Takes the second factor away.
pub(crate) async fn second_factor(
    _: &Settings,
    authenticator: &Authenticator,
    of: ForgotPassword,
) -> Result<(), RecoverError> {
    if !authenticator.reset_second_factor(&of).await? {
        return Err(RecoverError::Nobody(of.email));
    }
    print("their password alone logs them in now\n");
    Ok(())
}
