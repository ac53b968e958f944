//! The audit logs: sealing them while the server runs, and `nexo-server audit`.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use nexo_core::model::{Account, AuditCheckpoint, Id};
use nexo_core::{Authenticator, Database, Error};
use tokio::task::JoinHandle;

use crate::config::{AuditCommand, Settings, VerifyArgs};
use crate::embedded::Embedded;
use crate::open::{OpenError, Opened, missing, open};
use crate::run::{print, stop};
use crate::signals::Signals;

/// How long entries wait for their seal.
const EVERY: Duration = Duration::from_secs(2);

/// How often all accounts are looked at: for what other ways have left.
const SWEEP: Duration = Duration::from_secs(300);

/// How long a drain waits for the last seals.
const LAST: Duration = Duration::from_secs(5);

/// Seals what this process writes while it runs.
pub(crate) struct Sealer {
    task: JoinHandle<()>,
    database: Database,
}

impl Sealer {
    /// Also looks at all accounts now and then, which takes somebody who knows them.
    pub(crate) fn start(database: Database, authenticator: Authenticator) -> Self {
        let task = tokio::spawn(seal(database.clone(), Some(authenticator)));
        Self { task, database }
    }

    /// Leaves that to the process that logs people in.
    pub(crate) fn of_a_service(database: Database) -> Self {
        let task = tokio::spawn(seal(database.clone(), None));
        Self { task, database }
    }

    /// Seals what the last requests have written.
    pub(crate) async fn stop(self) {
        self.task.abort();
        drop(self.task.await);
        match tokio::time::timeout(LAST, self.database.seal_audit_logs()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "audit logs are sealed by the next start"),
            Err(_) => tracing::warn!("audit logs are sealed by the next start"),
        }
    }
}

async fn seal(database: Database, sweeper: Option<Authenticator>) {
    let mut swept: Option<Instant> = None;
    loop {
        if let Some(authenticator) = &sweeper
            && swept.is_none_or(|at| at.elapsed() >= SWEEP)
        {
            if let Err(error) = sweep(&database, authenticator).await {
                tracing::warn!(%error, "audit logs were not looked at");
            }
            swept = Some(Instant::now());
        }
        tokio::time::sleep(EVERY).await;
        if let Err(error) = database.seal_audit_logs().await {
            tracing::warn!(%error, "audit logs are not sealed yet");
        }
    }
}

/// A log-in that failed, or a program that was killed, leaves what nobody has
/// said to seal; what is older than an account keeps it goes, and so do sign-ins that
/// nobody has finished.
async fn sweep(database: &Database, authenticator: &Authenticator) -> Result<(), AuditError> {
    authenticator.forget_old_sign_ins().await?;
    let mut after = None;
    while let Some(accounts) = page(authenticator, &mut after).await? {
        for account in accounts {
            // Before, so that what it tells is sealed too.
            database.expire_audit_log(account).await?;
            database.seal_audit_log(account).await?;
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Core(#[from] Error),
    #[error("{0} of the audit logs are not as they were sealed")]
    Wrong(usize),
    #[error("{path}: {error}")]
    Checkpoints { path: String, error: String },
    #[error("there is no database yet: {0}; name its folder with --data-dir, or DATABASE_URL")]
    Missing(String),
    #[error("there is no account {0}, or its audit log is empty")]
    NoAccount(Id<Account>),
    #[error("stopped before it was done")]
    Stopped,
    #[error("the system refused what a process needs: {0}")]
    Process(#[from] io::Error),
}

/// Does it, and stops what it has started.
pub(crate) async fn run(settings: &Settings, wanted: &AuditCommand) -> Result<(), AuditError> {
    let mut signals = Signals::install()?;
    let mut embedded = None;
    let worked = tokio::select! {
        worked = work(settings, wanted, &mut embedded) => worked,
        () = signals.next() => Err(AuditError::Stopped),
    };
    stop(embedded, &mut signals).await;
    worked
}

async fn work(
    settings: &Settings,
    wanted: &AuditCommand,
    embedded: &mut Option<Embedded>,
) -> Result<(), AuditError> {
    // A folder that was misspelt has nothing that could be wrong.
    if let Some(name) = missing(settings)? {
        return Err(AuditError::Missing(name));
    }
    let Opened { database, authenticator, .. } = open(settings, embedded).await?;
    match wanted {
        AuditCommand::Checkpoint => {
            let mut after = None;
            while let Some(accounts) = page(&authenticator, &mut after).await? {
                for account in accounts {
                    let scope = database.system_scope(account, "checkpoint of the audit log");
                    if let Some(checkpoint) = database.audit().checkpoint(&scope).await? {
                        print(&format!("{}\n", authenticator.sign_checkpoint(&checkpoint)?));
                    }
                }
            }
            Ok(())
        }
        AuditCommand::Verify(args) => verify(&database, &authenticator, args).await,
    }
}

async fn verify(
    database: &Database,
    authenticator: &Authenticator,
    args: &VerifyArgs,
) -> Result<(), AuditError> {
    let mut kept = kept(authenticator, args).await?;
    let (mut wrong, mut after) = (0, None);
    let mut accounts = match args.account {
        Some(account) => Some(vec![account]),
        None => page(authenticator, &mut after).await?,
    };
    while let Some(these) = accounts {
        for account in these {
            let scope = database.system_scope(account, "verify the audit log");
            let of_account = kept.remove(&account).unwrap_or_default();
            let found = database.audit().verify(&scope, &of_account).await?;
            let told = match found.fault {
                Some(fault) => format!("WRONG: {fault}"),
                None => "as it was sealed".to_owned(),
            };
            wrong += usize::from(found.fault.is_some());
            if args.account.is_some()
                && found.entries + found.unsealed == 0
                && found.fault.is_none()
            {
                return Err(AuditError::NoAccount(account));
            }
            let (entries, erased, unsealed) = (found.entries, found.erased, found.unsealed);
            let mut also = String::new();
            if erased > 0 {
                also.push_str(&format!(
                    ", {erased} of them without their fields, which were erased"
                ));
            }
            if let Some(seq) = found.expired {
                also.push_str(&format!(", those to seal {seq} gone for their age"));
            }
            print(&format!(
                "{account}: {entries} entries{also}, {unsealed} not sealed yet: {told}\n"
            ));
        }
        accounts = match args.account {
            Some(_) => None,
            // At last those that there were when a checkpoint was printed.
            None => page(authenticator, &mut after).await?.or_else(|| {
                let gone: Vec<_> = kept.keys().copied().collect();
                Some(gone).filter(|gone| !gone.is_empty())
            }),
        };
    }
    if wrong > 0 { Err(AuditError::Wrong(wrong)) } else { Ok(()) }
}

/// All checkpoints that the file has, by their account: an old one tells what a
/// newer one, printed after somebody made all seals anew, does not.
async fn kept(
    authenticator: &Authenticator,
    args: &VerifyArgs,
) -> Result<HashMap<Id<Account>, Vec<AuditCheckpoint>>, AuditError> {
    let mut kept = HashMap::<_, Vec<AuditCheckpoint>>::new();
    let Some(path) = &args.checkpoints else { return Ok(kept) };
    let told = |error: String| AuditError::Checkpoints { path: path.display().to_string(), error };
    let text = tokio::fs::read_to_string(path).await.map_err(|error| told(error.to_string()))?;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read = authenticator.read_checkpoint(line.trim()).await;
        let read = read.map_err(|error| told(format!("line {}: {error}", at + 1)))?;
        kept.entry(read.account_id).or_default().push(read);
    }
    Ok(kept)
}

/// The next accounts, until there are none.
async fn page(
    authenticator: &Authenticator,
    after: &mut Option<Id<Account>>,
) -> Result<Option<Vec<Id<Account>>>, AuditError> {
    let accounts = authenticator.account_ids(*after).await?;
    *after = accounts.last().copied().or(*after);
    Ok(Some(accounts).filter(|accounts| !accounts.is_empty()))
}
