//! Sealing entries, behind those who write them, and letting the oldest go.

use crate::db::{Call, Database, Mode, translate};
use crate::error::Result;
use crate::model::{Account, Id};
use crate::tenant::TenantScope;

const SEAL: &str = "select sealed, more from nexo.seal_audit() where $1::uuid is not null";
const EXPIRE: &str = "select entries, more from nexo.expire_audit() where $1::uuid is not null";

/// Blocks of an account at a time; the rest is left for the next time.
const BLOCKS: usize = 100;

impl Database {
    /// Seals what this program has written to audit logs; to be called every
    /// few seconds. `nexo-server` does so by itself.
    ///
    /// What was written a moment before a program was killed, or by a log-in
    /// that failed, is left for [`seal_audit_log`](Self::seal_audit_log).
    ///
    /// # Errors
    /// When the database is away; what is not sealed is tried the next time.
    pub async fn seal_audit_logs(&self) -> Result<()> {
        let written = self.app().written();
        let mut outcome = Ok(());
        for account in written.take() {
            match self.seal(account).await {
                Ok(false) => {}
                Ok(true) => written.add(account),
                Err(error) => {
                    written.add(account);
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    /// Seals what an account's audit log has, whoever wrote it.
    ///
    /// # Errors
    /// As [`seal_audit_logs`](Self::seal_audit_logs).
    pub async fn seal_audit_log(&self, account: Id<Account>) -> Result<()> {
        if self.seal(account).await? {
            self.app().written().add(account);
        }
        Ok(())
    }

    /// Takes out of an account's audit log what is older than the account keeps it,
    /// and tells of it in the log; to be called every day or more often.
    /// `nexo-server` does so by itself.
    ///
    /// # Errors
    /// When the database is away; what is left goes the next time.
    pub async fn expire_audit_log(&self, account: Id<Account>) -> Result<()> {
        let scope = TenantScope::of_system(account, "remove what is older than the account keeps");
        for _ in 0..BLOCKS {
            let rows =
                self.scoped_to_account(&scope).send(Mode::Write, &[Call::new(EXPIRE, &[])]).await?;
            let gone: i32 = rows[0][0].try_get(0).map_err(translate)?;
            let more: bool = rows[0][0].try_get(1).map_err(translate)?;
            if gone > 0 {
                self.app().written().add(account);
            }
            if !more || gone == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Seals an account's entries, and tells whether some are left.
    pub(super) async fn seal(&self, account: Id<Account>) -> Result<bool> {
        let scope = TenantScope::of_system(account, "seal the audit log");
        for _ in 0..BLOCKS {
            let calls = [Call::new(SEAL, &[])];
            let rows = self.scoped_to_account(&scope).send(Mode::Write, &calls).await?;
            let sealed: i32 = rows[0][0].try_get(0).map_err(translate)?;
            let more: bool = rows[0][0].try_get(1).map_err(translate)?;
            if !more || sealed == 0 {
                return Ok(more);
            }
        }
        Ok(true)
    }
}
