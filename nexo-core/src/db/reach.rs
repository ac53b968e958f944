//! How far the statements of a scope reach: to all records of its account, or to
//! those that its bearer sees.

use std::fmt::Write as _;

use crate::model::{Id, Permission, Permissions, User, Visibility};
use crate::tenant::TenantScope;

/// As which role a transaction runs, and what that role is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// As `nexo_app`, which is held to the account and to what may be done.
    Account,
    /// As `nexo_limited`, which is also held to the records that this user sees.
    Visible {
        user: Id<User>,
        /// Whether more must be known for it than who they are: what they are
        /// assigned to, or who is of their team.
        look_up: bool,
    },
}

impl Reach {
    /// Of statements about records. `needs` tells which kinds, if that is known.
    pub(crate) fn of_records(scope: &TenantScope, needs: Permissions) -> Self {
        let limits = scope.permissions().limits();
        match scope.user_id().filter(|_| limits.any) {
            None => Self::Account,
            Some(user) => {
                let tasks = scope.permissions().visibility(Permission::TaskRead);
                let assigned = tasks == Some(Visibility::Own) && may_be_about_tasks(needs);
                let look_up = limits.by_team || assigned;
                Self::Visible { user, look_up }
            }
        }
    }

    pub(super) const fn is_limited(self) -> bool {
        matches!(self, Self::Visible { .. })
    }

    /// Adds to a transaction's opening what makes it so.
    pub(super) fn open(self, opening: &mut String) {
        let Self::Visible { user, look_up } = self else { return };
        // A formatted UUID cannot carry SQL.
        let _infallible =
            write!(opening, "; SET LOCAL nexo.own = '{user}'; SET LOCAL ROLE nexo_limited");
        if look_up {
            opening.push_str("; SELECT nexo.set_visibility()");
        }
    }
}

/// Tasks are also those of whom they are assigned to, who is an employee.
fn may_be_about_tasks(needs: Permissions) -> bool {
    let of_tasks = [Permission::TaskReadOwn, Permission::TaskWrite, Permission::TaskDelete];
    needs.is_empty() || of_tasks.iter().any(|one| needs.contain((*one).into()))
}
