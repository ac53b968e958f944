//! Which records of a kind somebody sees.

use super::text_enum::text_enum;
use super::{Permission, Permissions};

text_enum! {
    /// Which records of a kind somebody sees.
    pub enum Visibility {
        /// Those that they own; of tasks also those that they are assigned to.
        Own = "own",
        /// Those also of the members of their department and of the departments
        /// below it.
        Team = "team",
        /// All of the account.
        #[default]
        All = "all",
    }
}

/// What sees all records of those kinds that may be seen in part.
#[cfg(feature = "db")]
const IN_PARTS: [Permission; 5] = [
    Permission::ClientRead,
    Permission::SupplierRead,
    Permission::ProfessionalRead,
    Permission::ProjectRead,
    Permission::TaskRead,
];

impl Permissions {
    /// Which records of a kind they let see; `read` is what lets see all.
    /// Nothing if they let see none.
    #[must_use]
    pub fn visibility(self, read: Permission) -> Option<Visibility> {
        let may = |permission: Permission| self.contain(permission.into());
        if may(read) {
            return Some(Visibility::All);
        }
        match read.narrower() {
            Some(team) if may(team) => Some(Visibility::Team),
            Some(_) if may(read.narrowest()) => Some(Visibility::Own),
            _ => None,
        }
    }

    /// Whether they let see only some records of some kind, and whether that is
    /// so because of a team.
    #[cfg(feature = "db")]
    pub(crate) fn limits(self) -> Limits {
        let mut limits = Limits::default();
        for read in IN_PARTS {
            match self.visibility(read) {
                Some(Visibility::Own) => limits.any = true,
                Some(Visibility::Team) => (limits.any, limits.by_team) = (true, true),
                Some(Visibility::All) | None => {}
            }
        }
        limits
    }
}

/// How much less than everything permissions let see.
#[cfg(feature = "db")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of some kind, only some records.
    pub(crate) any: bool,
    /// Of some kind, those of a team.
    pub(crate) by_team: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_counts() {
        let seen = |permissions: Permissions| permissions.visibility(Permission::ClientRead);
        assert_eq!(seen(Permissions::NONE), None);
        assert_eq!(seen(Permission::ClientReadOwn.into()), Some(Visibility::Own));
        assert_eq!(seen(Permission::ClientReadTeam.into()), Some(Visibility::Team));
        assert_eq!(seen(Permission::ClientReadOwn | Permission::ClientRead), Some(Visibility::All));
        let employees = Permissions::from(Permission::EmployeeRead);
        assert_eq!(employees.visibility(Permission::EmployeeRead), Some(Visibility::All));
        assert_eq!(employees.visibility(Permission::DepartmentRead), None);
    }
}
