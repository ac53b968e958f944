//! What an account knows of a person: telling all of it, and forgetting it.

mod erase;
mod export;

use std::fmt;

use crate::db::Database;

/// What the account of whichever scope is given knows of persons: clients,
/// employees, suppliers and professionals.
#[derive(Clone)]
pub struct PrivacyRepository {
    database: Database,
}

impl Database {
    /// What is known of persons.
    #[must_use]
    pub fn privacy(&self) -> PrivacyRepository {
        PrivacyRepository { database: self.clone() }
    }
}

impl fmt::Debug for PrivacyRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivacyRepository").finish_non_exhaustive()
    }
}
