//! Opening the database that the settings name.

use nexo_core::{AuthConfig, Authenticator, Database, DatabaseConfig};

use crate::config::{DatabaseUrl, Settings};
use crate::embedded::{Embedded, EmbeddedError, Storage, default_data_dir};

/// What its connections are called where PostgreSQL lists them.
const APPLICATION: &str = concat!("nexo-server/", env!("CARGO_PKG_VERSION"));

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Core(#[from] nexo_core::Error),
}

/// A database, and what to call it.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) authenticator: Authenticator,
    pub(crate) name: String,
}

/// Opens the database, an own one if no other is named. That is left in
/// `embedded` even when this is given up, for the caller to stop.
pub(crate) async fn open(
    settings: &Settings,
    embedded: &mut Option<Embedded>,
) -> Result<Opened, OpenError> {
    let (database, name) = open_database(settings, embedded).await?;
    let mut auth = AuthConfig::default();
    auth.issuer.clone_from(&settings.issuer);
    auth.access_ttl = settings.access_token_ttl;
    let authenticator = database.authenticator(auth).await?;
    Ok(Opened { database, authenticator, name })
}

/// The same without the keys that sign, for a process that logs nobody in.
pub(crate) async fn open_database(
    settings: &Settings,
    embedded: &mut Option<Embedded>,
) -> Result<(Database, String), OpenError> {
    let (config, name) = match external(settings) {
        Some(external) => external,
        None => {
            let (storage, name) = storage(settings)?;
            let started = embedded.insert(Embedded::start(storage).await?);
            (DatabaseConfig::from_owner(started.owner_config().clone()), name)
        }
    };
    let mut config = config
        .pool_size(settings.pool_size)
        .prepared_statements(settings.pooler.prepared_statements)
        .application_name(APPLICATION);
    if let Some(file) = &settings.database_ca_file {
        config = config.ca_file(file);
    }
    Ok((Database::open(config).await?, name))
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

/// The folder in which there is no database yet, if one would be made there: for
/// what only looks at one. An ephemeral one has none.
pub(crate) fn missing(settings: &Settings) -> Result<Option<String>, OpenError> {
    if external(settings).is_some() {
        return Ok(None);
    }
    let (storage, name) = storage(settings)?;
    let is_there = match storage {
        Storage::Folder(folder) => folder.join("postgres").join("PG_VERSION").exists(),
        Storage::Ephemeral => false,
    };
    Ok((!is_there).then_some(name))
}

fn storage(settings: &Settings) -> Result<(Storage, String), OpenError> {
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
