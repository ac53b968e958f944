//! The process: start, serve, and stop in the right order.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::audit::{self, Sealer};
use crate::config::{self, Command, LogFormat, Refused, Role, Settings};
use crate::embedded::Embedded;
use crate::open::{OpenError, Opened, open, open_database};
use crate::server::{Drained, Provider, Server, ServerError};
use crate::signals::{HangUps, Signals};
use crate::{banner, demo, log, recover};

/// Runs `nexo-server`: reads flags and environment, does what they say, and
/// returns the exit code: 0 when it was asked to stop and did, 1 when it could
/// not start, 2 when the configuration is wrong.
#[must_use]
pub fn run() -> ExitCode {
    let (cli, matches) = match config::read(std::env::args_os()) {
        Ok(read) => read,
        Err(refused) => return refuse(refused),
    };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Config => {
            print(&config::print(&matches));
            ExitCode::SUCCESS
        }
        Command::Serve => block_on(&cli.settings, serve(&cli.settings)),
        Command::Audit(wanted) => block_on(&cli.settings, audit::run(&cli.settings, &wanted)),
        Command::ResetPassword(wanted) => {
            block_on(&cli.settings, recover::run(&cli.settings, &wanted, recover::password))
        }
        Command::ResetSecondFactor(wanted) => {
            block_on(&cli.settings, recover::run(&cli.settings, &wanted, recover::second_factor))
        }
        Command::Demo(wanted) => block_on(&cli.settings, demo::run(&cli.settings, &wanted)),
    }
}

/// Does the work, with a log and a runtime, and tells why it could not be done.
fn block_on<E>(settings: &Settings, work: impl Future<Output = Result<(), E>>) -> ExitCode
where
    E: std::fmt::Display + From<io::Error>,
{
    log::init(settings.log_format, &settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(E::from).and_then(|runtime| runtime.block_on(work));
    log::finish();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nexo-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader who has gone away is no reason to fail, as it is for `print!`.
pub(crate) fn print(text: &str) {
    drop(io::stdout().write_all(text.as_bytes()));
}

fn refuse(refused: Refused) -> ExitCode {
    match refused {
        // Help goes to standard output with 0, a wrong command line to
        // standard error with 2.
        Refused::Usage(error) => error.exit(),
        Refused::Setting(text) => {
            eprintln!("nexo-server: {text}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the system refused what a process needs: {0}")]
    Process(#[from] io::Error),
}

async fn serve(settings: &Settings) -> Result<(), StartError> {
    // First, because from here on there are things to undo.
    let mut signals = Signals::install()?;
    // Before the database, which may take a while: probes get answers, and a
    // port that is taken is known at once.
    let server = Server::listen(settings.http()).await?;
    let (address, provider) = (server.local_addr(), server.provider());
    let (metrics, certificates) = (server.metrics_addr(), server.certificates());
    let is_tls = certificates.is_some();
    if let Some(certificates) = certificates {
        // Without any, SIGHUP ends the process, as it does most.
        let mut hang_ups = HangUps::install()?;
        tokio::spawn(async move {
            while hang_ups.next().await.is_some() {
                certificates.reload().await;
            }
        });
    }
    let (quit, told) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { drop(told.await) }));

    let mut embedded = None;
    let started = tokio::select! {
        started = start(settings, &provider, &mut embedded) => started,
        () = signals.next() => Ok(None),
    };
    if let Ok(Some((database, _))) = &started {
        announce(settings, address, metrics, is_tls, database);
        signals.next().await;
    }
    drop(quit);
    finish(serving, &mut signals).await;
    // After the last request: nothing needs the database any more, and the
    // last handle on it goes before it does.
    drop(provider);
    let stopped = match started {
        Ok(Some((_, Some(sealer)))) => {
            sealer.stop().await;
            Ok(())
        }
        other => other.map(drop),
    };
    stop(embedded, &mut signals).await;
    stopped.map(|()| tracing::info!("stopped"))
}

/// Opens the database and tells which it is, and who seals its audit logs: whoever
/// has the keys that sign.
async fn start(
    settings: &Settings,
    provider: &Provider,
    embedded: &mut Option<Embedded>,
) -> Result<Option<(String, Option<Sealer>)>, StartError> {
    if !settings.split.role.is_entry() && settings.trusted_proxy.is_empty() {
        tracing::warn!(
            "NEXO_TRUSTED_PROXY is not set: no gateway is believed who calls, and all callers seem to be one"
        );
    }
    match settings.split.role {
        Role::Gateway => return Ok(Some(("none: requests are handed on".to_owned(), None))),
        Role::Crm => {
            let (database, name) = open_database(settings, embedded).await?;
            let sealer = Sealer::of_a_service(database.clone());
            provider.provide_crm(database);
            return Ok(Some((name, Some(sealer))));
        }
        Role::All | Role::Auth => {}
    }
    let Opened { database, authenticator, name } = open(settings, embedded).await?;
    let sealer = Sealer::start(database.clone(), authenticator.clone());
    let providers = settings.oidc_providers.clone().unwrap_or_default();
    provider.provide_with_sign_in(database, authenticator, settings.mail(), providers);
    Ok(Some((name, Some(sealer))))
}

fn announce(
    settings: &Settings,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    is_tls: bool,
    database: &str,
) {
    let role = settings.split.role;
    if let Some(address) = metrics {
        tracing::info!(%address, "metrics are told");
    }
    tracing::info!(%address, ?role, database, "listening");
    // The way in alone is for people.
    if settings.log_format == LogFormat::Pretty && role.is_entry() {
        print(&banner::text(address, metrics, is_tls, database));
    }
}

/// Stops the private database, if there is one; a signal ends the wait.
pub(crate) async fn stop(embedded: Option<Embedded>, signals: &mut Signals) {
    if let Some(embedded) = embedded {
        tokio::select! {
            () = embedded.stop() => {}
            () = signals.next() => {}
        }
    }
}

/// Waits for the drain; a second signal ends it.
async fn finish(mut serving: JoinHandle<Drained>, signals: &mut Signals) {
    tokio::select! {
        drained = &mut serving => match drained {
            Ok(Drained::Cut(connections)) => {
                tracing::warn!(connections, "cut after the drain timeout");
            }
            Ok(Drained::Completely) => {}
            Err(error) => tracing::error!(%error, "the listener failed"),
        },
        () = signals.next() => serving.abort(),
    }
}
