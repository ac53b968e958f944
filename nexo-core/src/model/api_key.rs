//! API keys: how a program acts without anybody's password.

use std::fmt;

use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::permission::known;
use super::{FieldCode, FieldError, Id, Permission, Permissions, User, Validate, Validator};

/// A key that acts for a member, as far as it was permitted and never beyond
/// what the member may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiKey {
    /// Identifier, chosen by the server.
    pub id: Id<ApiKey>,
    /// What it is for.
    pub name: String,
    /// The member who made it, and for whom it acts.
    pub user_id: Id<User>,
    /// What it was made for.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
    /// What of that its member has now, and it with them.
    #[serde(deserialize_with = "known")]
    pub effective: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// `GET /api/keys`: the keys of all members, the newest first; also those that
/// have expired, until they are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiKeys {
    /// The keys.
    pub data: Vec<ApiKey>,
}

/// What `POST /api/keys` answers. The secret is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IssuedApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// What stands in `Authorization: Bearer`.
    pub secret: String,
}

/// `POST /api/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 100>"))]
    pub name: String,
    /// What it may do, at most what its maker may; all but `key:manage`. What
    /// is needed for these besides comes with them.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub permissions: Permissions,
    /// When it ends; in a year if absent, in five at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// A key for a year.
    #[must_use]
    pub fn named(name: impl Into<String>, permissions: impl Into<Permissions>) -> Self {
        Self { name: name.into(), permissions: permissions.into(), expires_at: None }
    }
}

impl Validate for NewApiKey {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.text("name", &self.name, 1, 100);
        if self.permissions.is_empty() {
            check.refuse("permissions", FieldCode::Required, "must name what the key is for");
        } else if self.permissions.contain(Permission::KeyManage.into()) {
            let told = "cannot have key:manage: a key makes no keys";
            check.refuse("permissions", FieldCode::OutOfRange, told);
        }
        let now = Timestamp::now();
        let latest = now + (5 * 366 * 24).hours();
        if self.expires_at.is_some_and(|end| end <= now || end > latest) {
            let told = "must be in the future, and at most five years away";
            check.refuse("expires_at", FieldCode::OutOfRange, told);
        }
        check.finish()
    }
}

// A secret never prints, not even in a debugger's log line.
impl fmt::Debug for IssuedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}
