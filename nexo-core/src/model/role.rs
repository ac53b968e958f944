//! Roles: what members of an account may do.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::permission::known;
use super::text_enum::text_enum;
use super::{Change, FieldCode, FieldError, Id, Permission, Permissions, Validate, Validator};

/// The most roles that a role inherits from by itself.
const MAX_INHERITED: usize = 20;

text_enum! {
    /// A role that every account has.
    pub enum BuiltInRole {
        /// Everything, and the only one who makes others owners. An account
        /// always has one.
        Owner = "owner",
        /// Everything but to make owners.
        Admin = "admin",
        /// All records, and imports; sees the members.
        Manager = "manager",
        /// Sees all records; creates and changes them, but departments and
        /// employees.
        #[default]
        Member = "member",
        /// Sees all records.
        Viewer = "viewer",
    }
}

impl BuiltInRole {
    /// What it permits.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let of = |permission: Permission| match permission {
            Permission::AccountAdmin => self == Self::Owner,
            Permission::MemberManage
            | Permission::RoleManage
            | Permission::AuditRead
            | Permission::KeyManage
            | Permission::PrivacyManage => {
                matches!(self, Self::Owner | Self::Admin)
            }
            Permission::ImportRun | Permission::MemberRead => {
                matches!(self, Self::Owner | Self::Admin | Self::Manager)
            }
            record => match record.as_str().split_once(':') {
                Some((_, "read" | "read_team" | "read_own")) => true,
                Some(("department" | "employee", _)) | Some((_, "delete")) => {
                    matches!(self, Self::Owner | Self::Admin | Self::Manager)
                }
                _ => self != Self::Viewer,
            },
        };
        Permission::ALL.iter().copied().filter(|one| of(*one)).collect()
    }
}

/// A role of either kind. On the wire, the word of a built-in one or the id of
/// one that the account has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleRef {
    /// One that every account has.
    BuiltIn(BuiltInRole),
    /// One of the account's own.
    Custom(Id<Role>),
}

impl RoleRef {
    /// The role of this text, if it has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let built_in = BuiltInRole::ALL.iter().find(|role| role.as_str() == text);
        built_in.map(|role| Self::BuiltIn(*role)).or_else(|| text.parse().ok().map(Self::Custom))
    }
}

impl From<BuiltInRole> for RoleRef {
    fn from(role: BuiltInRole) -> Self {
        Self::BuiltIn(role)
    }
}

impl From<Id<Role>> for RoleRef {
    fn from(role: Id<Role>) -> Self {
        Self::Custom(role)
    }
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => role.fmt(f),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl Serialize for RoleRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let expected = "owner, admin, manager, member, viewer or the id of a role";
            serde::de::Error::custom(format_args!("expected {expected}"))
        })
    }
}

/// A role that an account has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Role {
    /// Identifier, chosen by the server.
    pub id: Id<Role>,
    /// Name, unique in the account whatever its case.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it permits by itself.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
    /// The roles whose permissions it has too.
    pub inherits: Vec<RoleRef>,
    /// All that it permits.
    #[serde(deserialize_with = "known")]
    pub effective: Permissions,
    /// 1 when created, one more at each change. Also the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A built-in role and what it permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuiltIn {
    /// The role.
    pub role: BuiltInRole,
    /// What it permits.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
}

/// `GET /api/roles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Roles {
    /// Those that every account has, from the one that may most.
    pub built_in: Vec<BuiltIn>,
    /// Those of the account, by name.
    pub data: Vec<Role>,
}

/// A role to create. What writes or deletes is given what reads too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Name, 1 to 100 characters, unique in the account.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 100>"))]
    pub name: String,
    /// What it is for, up to 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub description: Option<String>,
    /// What it permits by itself; nothing if absent.
    #[serde(default)]
    pub permissions: Permissions,
    /// Up to 20 roles whose permissions it has too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 20), extend("uniqueItems" = true)))]
    pub inherits: Vec<RoleRef>,
}

/// The fields of a role to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RolePatch {
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 100>"))]
    pub name: Change<String>,
    /// New description.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 500>>"))]
    pub description: Change<String>,
    /// All that it permits by itself from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// All that it inherits from, from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherits: Option<Vec<RoleRef>>,
}

impl Validate for NewRole {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        role_name(&mut check, &self.name);
        if let Some(description) = &self.description {
            check.text("description", description, 1, 500);
        }
        inherited(&mut check, &self.inherits);
        check.finish()
    }
}

impl Validate for RolePatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        if let Some(name) = self.name.value() {
            role_name(&mut check, name);
        }
        if let Some(description) = self.description.value() {
            check.text("description", description, 1, 500);
        }
        inherited(&mut check, self.inherits.as_deref().unwrap_or_default());
        check.finish()
    }
}

fn role_name(check: &mut Validator, name: &str) {
    check.text("name", name, 1, 100);
    let folded = name.trim().to_lowercase();
    if folded == "custom" || BuiltInRole::ALL.iter().any(|role| role.as_str() == folded) {
        check.refuse("name", FieldCode::Duplicate, "is the name of a built-in role");
    }
}

fn inherited(check: &mut Validator, inherits: &[RoleRef]) {
    if inherits.len() > MAX_INHERITED {
        check.refuse("inherits", FieldCode::TooMany, "has more than 20 roles");
    }
    let again = |at: usize| inherits[..at].contains(&inherits[at]);
    if let Some(at) = (0..inherits.len()).find(|at| again(*at)) {
        check.refuse(format!("inherits[{at}]"), FieldCode::Duplicate, "is there already");
    }
}
