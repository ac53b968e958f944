//! What somebody may do in an account.

use std::fmt;
use std::ops::BitOr;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! permissions {
    ($( $(#[$doc:meta])* $variant:ident = $bit:literal $text:literal, )*) => {
        /// One thing that somebody may do in an account.
        ///
        /// What reads is needed for what writes and deletes too: a role that has
        /// the one is given the other.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $( $(#[$doc])* $variant = $bit, )*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The permission as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }
    };
}

// The numbers are places in the masks that the database keeps: never given to
// another permission. The database knows them by `nexo.permission`.
permissions! {
    /// See all clients.
    ClientRead = 0 "client:read",
    /// Create and change clients.
    ClientWrite = 1 "client:write",
    /// Delete clients.
    ClientDelete = 2 "client:delete",
    /// See departments.
    DepartmentRead = 3 "department:read",
    /// Create and change departments.
    DepartmentWrite = 4 "department:write",
    /// Delete departments.
    DepartmentDelete = 5 "department:delete",
    /// See employees.
    EmployeeRead = 6 "employee:read",
    /// Create and change employees.
    EmployeeWrite = 7 "employee:write",
    /// Delete employees.
    EmployeeDelete = 8 "employee:delete",
    /// See all suppliers.
    SupplierRead = 9 "supplier:read",
    /// Create and change suppliers.
    SupplierWrite = 10 "supplier:write",
    /// Delete suppliers.
    SupplierDelete = 11 "supplier:delete",
    /// See all professionals.
    ProfessionalRead = 12 "professional:read",
    /// Create and change professionals.
    ProfessionalWrite = 13 "professional:write",
    /// Delete professionals.
    ProfessionalDelete = 14 "professional:delete",
    /// See all projects.
    ProjectRead = 15 "project:read",
    /// Create and change projects.
    ProjectWrite = 16 "project:write",
    /// Delete projects.
    ProjectDelete = 17 "project:delete",
    /// See all tasks.
    TaskRead = 18 "task:read",
    /// Create and change tasks.
    TaskWrite = 19 "task:write",
    /// Delete tasks.
    TaskDelete = 20 "task:delete",
    /// See clients that one owns.
    ClientReadOwn = 21 "client:read_own",
    /// See suppliers that one owns.
    SupplierReadOwn = 22 "supplier:read_own",
    /// See professionals that one owns.
    ProfessionalReadOwn = 23 "professional:read_own",
    /// See projects that one owns.
    ProjectReadOwn = 24 "project:read_own",
    /// See tasks that one owns or is assigned to.
    TaskReadOwn = 25 "task:read_own",
    /// See clients of one's team.
    ClientReadTeam = 26 "client:read_team",
    /// See suppliers of one's team.
    SupplierReadTeam = 27 "supplier:read_team",
    /// See professionals of one's team.
    ProfessionalReadTeam = 28 "professional:read_team",
    /// See projects of one's team.
    ProjectReadTeam = 29 "project:read_team",
    /// See tasks of one's team.
    TaskReadTeam = 30 "task:read_team",
    /// Run imports, which write only what may be written otherwise, and see
    /// those of others.
    ImportRun = 40 "import:run",
    /// See who is a member of the account, and the roles that there are.
    MemberRead = 41 "member:read",
    /// Give members other roles, and take them out of the account.
    MemberManage = 42 "member:manage",
    /// Make and change roles.
    RoleManage = 43 "role:manage",
    /// What owners alone may: make others owners, and settle what holds for the
    /// whole account.
    AccountAdmin = 44 "account:admin",
    /// See who did what in the account.
    AuditRead = 45 "audit:read",
    /// Make API keys, and see and revoke those of all members.
    KeyManage = 46 "key:manage",
    /// Export and erase what the account knows of a person.
    PrivacyManage = 47 "privacy:manage",
}

impl Permission {
    /// The permission of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == name)
    }

    /// What is needed for it too: to read what is written. That is to read all,
    /// unless something less is permitted.
    #[must_use]
    pub fn implies(self) -> Option<Self> {
        if matches!(self, Self::RoleManage | Self::KeyManage) {
            return Some(Self::MemberRead);
        }
        let (subject, action) = self.as_str().split_once(':')?;
        let reads = |it: &Self| it.as_str().strip_suffix(":read") == Some(subject);
        (!action.starts_with("read")).then(|| Self::ALL.iter().copied().find(reads)).flatten()
    }

    /// The next less that may be seen, which is within it: of all records those
    /// of the team, and of these one's own.
    #[must_use]
    pub const fn narrower(self) -> Option<Self> {
        Some(match self {
            Self::ClientRead => Self::ClientReadTeam,
            Self::SupplierRead => Self::SupplierReadTeam,
            Self::ProfessionalRead => Self::ProfessionalReadTeam,
            Self::ProjectRead => Self::ProjectReadTeam,
            Self::TaskRead => Self::TaskReadTeam,
            Self::ClientReadTeam => Self::ClientReadOwn,
            Self::SupplierReadTeam => Self::SupplierReadOwn,
            Self::ProfessionalReadTeam => Self::ProfessionalReadOwn,
            Self::ProjectReadTeam => Self::ProjectReadOwn,
            Self::TaskReadTeam => Self::TaskReadOwn,
            _ => return None,
        })
    }

    /// The least that is within it.
    #[must_use]
    pub const fn narrowest(self) -> Self {
        match self.narrower() {
            Some(narrower) => narrower.narrowest(),
            None => self,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of permissions. In JSON, an array of their names in a fixed order; what
/// is within another one of them is not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(i64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Every one.
    pub const ALL: Self = {
        let (mut all, mut at) = (Self::NONE, 0);
        while at < Permission::ALL.len() {
            all = all.with(Permission::ALL[at]);
            at += 1;
        }
        all
    };

    /// These and this one, with what is within it.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        let with = Self(self.0 | 1 << permission as i64);
        match permission.narrower() {
            Some(narrower) => with.with(narrower),
            None => with,
        }
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that are not in the other set.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether all of these are in the set.
    #[must_use]
    pub const fn contain(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }

    /// Whether the bearer is held back until they have the second factor that
    /// their account asks for: a place that no permission has.
    #[cfg(feature = "db")]
    pub(crate) const fn lack_second_factor(self) -> bool {
        self.0 & 1 << 62 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With what each of them needs besides.
    #[must_use]
    pub fn closed(self) -> Self {
        let needed = self.iter().filter_map(Permission::implies);
        needed.filter(|needed| !self.contain(needed.narrowest().into())).fold(self, Self::with)
    }

    /// Each of them but what is within another one.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let has = move |one: Permission| self.0 & 1 << one as i64 != 0;
        let is_within = move |one: Permission| {
            Permission::ALL.iter().any(|it| has(*it) && it.narrower() == Some(one))
        };
        Permission::ALL.iter().copied().filter(move |one| has(*one) && !is_within(*one))
    }

    /// The mask that the database and tokens keep.
    #[cfg(feature = "db")]
    pub(crate) const fn bits(self) -> i64 {
        self.0
    }

    /// The set of a mask. Places that this version does not know stay, so that
    /// an older server agrees with a newer one about what a session may.
    #[cfg(feature = "db")]
    pub(crate) const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }
}

impl From<Permission> for Permissions {
    fn from(permission: Permission) -> Self {
        Self::NONE.with(permission)
    }
}

impl BitOr for Permission {
    type Output = Permissions;

    fn bitor(self, other: Self) -> Permissions {
        Permissions::NONE.with(self).with(other)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, permission) in self.iter().enumerate() {
            write!(f, "{}{permission}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&name)
            .ok_or_else(|| D::Error::custom(format_args!("there is no permission {name:?}")))
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of permissions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Permissions, A::Error> {
                let mut all = Permissions::NONE;
                while let Some(permission) = names.next_element::<Permission>()? {
                    all = all.with(permission);
                }
                Ok(all)
            }
        }

        deserializer.deserialize_seq(Names)
    }
}

/// Reads those names that this version knows: answers of a newer server may
/// have others.
pub(super) fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Permissions, D::Error> {
    let names = Vec::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| Permission::parse(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_arrays_of_names() {
        let set = Permission::TaskWrite | Permission::ClientRead;
        let json = serde_json::to_string(&set).expect("serialises");
        assert_eq!(json, r#"["client:read","task:write"]"#);
        assert_eq!(serde_json::from_str::<Permissions>(&json).expect("reads"), set);
        let refused =
            serde_json::from_str::<Permissions>(r#"["client:fly"]"#).expect_err("unknown");
        assert!(
            refused.to_string().starts_with("there is no permission \"client:fly\""),
            "{refused}"
        );
    }

    #[test]
    fn what_writes_reads() {
        let closed = Permissions::from(Permission::EmployeeDelete).closed();
        assert_eq!(closed, Permission::EmployeeDelete | Permission::EmployeeRead);
        let manage = Permissions::from(Permission::MemberManage).closed();
        assert_eq!(manage, Permission::MemberManage | Permission::MemberRead);
        let roles = Permissions::from(Permission::RoleManage).closed();
        assert_eq!(roles, Permission::RoleManage | Permission::MemberRead);
        assert_eq!(Permissions::from(Permission::ImportRun).closed().iter().count(), 1);
        assert_eq!(Permissions::ALL.closed(), Permissions::ALL);
    }

    #[test]
    fn what_sees_more_sees_less_and_names_only_itself() {
        let all = Permissions::from(Permission::ClientRead);
        assert!(all.contain(Permission::ClientReadOwn.into()));
        assert!(all.contain(Permission::ClientReadTeam.into()));
        assert_eq!(serde_json::to_string(&all).expect("serialises"), r#"["client:read"]"#);
        let team = Permissions::from(Permission::ClientReadTeam);
        assert!(team.contain(Permission::ClientReadOwn.into()) && !team.contain(all));
        assert_eq!(all.without(team).to_string(), "client:read");
        assert_eq!(Permission::TaskRead.narrowest(), Permission::TaskReadOwn);
        assert_eq!(Permission::ImportRun.narrowest(), Permission::ImportRun);
    }

    #[test]
    fn whoever_writes_their_own_need_not_read_all() {
        let own = Permission::ClientWrite | Permission::ClientReadOwn;
        assert_eq!(own.closed(), own);
    }
}
