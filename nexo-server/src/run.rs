//! The process: start, serve, and stop in the right order.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use nexo_core::{AuthConfig, Authenticator, Database, DatabaseConfig};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{self, Command, DatabaseUrl, LogFormat, Refused, Settings};
use crate::embedded::{Embedded, EmbeddedError, Storage, default_data_dir};
use crate::server::{Drained, Provider, Server, ServerError};
use crate::signals::Signals;
use crate::{banner, log};

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
        Command::Serve => {
            log::init(cli.settings.log_format, &cli.settings.log);
            let served = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(StartError::Process)
                .and_then(|runtime| runtime.block_on(serve(&cli.settings)));
            match served {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("nexo-server: {error}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}

/// A reader who has gone away is no reason to fail, as it is for `print!`.
fn print(text: &str) {
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
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Core(#[from] nexo_core::Error),
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
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { drop(stopped.await) }));

    let mut embedded = None;
    let started = tokio::select! {
        started = start(settings, &provider, &mut embedded) => started,
        () = signals.next() => Ok(None),
    };
    if let Ok(Some(database)) = &started {
        announce(settings.log_format, address, database);
        signals.next().await;
    }
    drop(stop);
    finish(serving, &mut signals).await;
    // After the last request: nothing needs the database any more, and the
    // last handle on it goes before it does.
    drop(provider);
    if let Some(embedded) = embedded {
        tokio::select! {
            () = embedded.stop() => {}
            () = signals.next() => {}
        }
    }
    started.map(|_| tracing::info!("stopped"))
}

/// Opens the database, an own one if no other is named, and tells which it is.
async fn start(
    settings: &Settings,
    provider: &Provider,
    embedded: &mut Option<Embedded>,
) -> Result<Option<String>, StartError> {
    let (config, name) = match external(settings) {
        Some(external) => external,
        None => {
            let (storage, name) = storage(settings)?;
            let started = embedded.insert(Embedded::start(storage).await?);
            (DatabaseConfig::from_owner(started.owner_config().clone()), name)
        }
    };
    let (database, authenticator) = open(settings, config).await?;
    provider.provide(database, authenticator);
    Ok(Some(name))
}

fn external(settings: &Settings) -> Option<(DatabaseConfig, String)> {
    let config = |url: &DatabaseUrl| url.config().clone();
    let owner = settings.database_url.as_ref();
    match (&settings.app_database_url, &settings.auth_database_url, owner) {
        (Some(app), Some(auth), owner) => Some((
            DatabaseConfig::from_roles(owner.map(config), config(app), config(auth)),
            format!("{} (NEXO_APP_DATABASE_URL)", app.place()),
        )),
        (_, _, Some(owner)) => Some((
            DatabaseConfig::from_owner(config(owner)),
            format!("{} (DATABASE_URL)", owner.place()),
        )),
        _ => None,
    }
}

fn storage(settings: &Settings) -> Result<(Storage, String), StartError> {
    if settings.ephemeral {
        return Ok((Storage::Ephemeral, "an own PostgreSQL that keeps nothing".to_owned()));
    }
    let folder = match &settings.data_dir {
        Some(folder) => folder.clone(),
        None => default_data_dir()?,
    };
    let name = format!("an own PostgreSQL in {}", folder.display());
    Ok((Storage::Folder(folder), name))
}

async fn open(
    settings: &Settings,
    config: DatabaseConfig,
) -> Result<(Database, Authenticator), StartError> {
    let mut config = config.pool_size(settings.pool_size);
    if let Some(file) = &settings.database_ca_file {
        config = config.ca_file(file);
    }
    let mut auth = AuthConfig::default();
    auth.issuer.clone_from(&settings.issuer);
    auth.access_ttl = settings.access_token_ttl;
    let database = Database::open(config).await?;
    let authenticator = database.authenticator(auth).await?;
    Ok((database, authenticator))
}

fn announce(format: LogFormat, address: SocketAddr, database: &str) {
    tracing::info!(%address, database, "listening");
    if format == LogFormat::Pretty {
        print(&banner::text(address, database));
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
