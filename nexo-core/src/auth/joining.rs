//! What somebody becomes a member of by signing in: an account of their own, or the
//! one that an invitation is to.

use tokio_postgres::types::ToSql;

use super::invitation::{Invited, JOIN, MARK};
use crate::db::Call;
use crate::db::Plan::Once;
use crate::model::{Account, Id, User};
use crate::people::ONE_AFTER_THE_OTHER;

/// What somebody new becomes a member of.
pub(super) enum Joining {
    Invited(Invited),
    /// An account of their own, with its name.
    Own(Id<Account>, String),
}

impl Joining {
    pub(super) fn account(&self) -> Id<Account> {
        match self {
            Self::Invited(invited) => invited.account,
            Self::Own(account, _) => *account,
        }
    }

    pub(super) fn invited(&self) -> Option<&Invited> {
        match self {
            Self::Invited(invited) => Some(invited),
            Self::Own(..) => None,
        }
    }

    pub(super) fn own(&self) -> Option<(&Id<Account>, &String)> {
        match self {
            Self::Invited(_) => None,
            Self::Own(account, name) => Some((account, name)),
        }
    }
}

/// The parameters of accepting an invitation.
pub(super) struct Joins<'a> {
    account: [&'a (dyn ToSql + Sync); 1],
    mark: [&'a (dyn ToSql + Sync); 2],
    join: [&'a (dyn ToSql + Sync); 3],
}

impl<'a> Joins<'a> {
    pub(super) fn of(invited: &'a Invited, user: &'a Id<User>) -> Self {
        let Invited { account, token_hash, .. } = invited;
        let (account, token): (&'a (dyn ToSql + Sync), &'a (dyn ToSql + Sync)) =
            (account, token_hash);
        Self { account: [account], mark: [account, token], join: [account, token, user] }
    }

    pub(super) fn before(&self) -> [Call<'_>; 2] {
        [
            Call { sql: ONE_AFTER_THE_OTHER, params: &self.account, plan: Once },
            Call { sql: MARK, params: &self.mark, plan: Once },
        ]
    }

    /// Once there is the user.
    pub(super) fn after(&self) -> Call<'_> {
        Call { sql: JOIN, params: &self.join, plan: Once }
    }
}
