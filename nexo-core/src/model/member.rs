//! Members: the users of an account, and those who are invited to be.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permission::known;
use super::{Account, FieldError, Id, Permissions, RoleRef, User, Validate, Validator};

/// A user in an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// The user.
    pub user_id: Id<User>,
    /// The user's login e-mail address.
    pub email: String,
    /// The user's name.
    pub name: String,
    /// The member's role.
    pub role: RoleRef,
    /// All that it permits.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
    /// Since when the user is a member.
    pub joined_at: Timestamp,
    /// When the user last logged in to this account.
    pub last_login_at: Option<Timestamp>,
    /// Since when they are held out: they keep their role, and may nothing.
    pub disabled_at: Option<Timestamp>,
}

/// `GET /api/members`: a page of members, those who joined first at the top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Members {
    /// The members.
    pub data: Vec<Member>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// `PATCH /api/members/{id}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberPatch {
    /// The member's new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleRef>,
    /// Whether they are held out for a while: their sessions end and cannot
    /// begin, and their API keys come to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

impl MemberPatch {
    /// Another role.
    #[must_use]
    pub fn role(role: impl Into<RoleRef>) -> Self {
        Self { role: Some(role.into()), ..Self::default() }
    }

    /// Held out, or let in again.
    #[must_use]
    pub fn disabled(disabled: bool) -> Self {
        Self { disabled: Some(disabled), ..Self::default() }
    }
}

/// Somebody who is asked to join an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invitation {
    /// Identifier, chosen by the server.
    pub id: Id<Invitation>,
    /// Who is invited.
    pub email: String,
    /// The role that they will have.
    pub role: RoleRef,
    /// Who invited them.
    pub invited_by: Option<Id<User>>,
    /// When they were invited.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

/// What `POST /api/invitations` answers. The token is told this once: whoever
/// has it, and nobody else, can accept. A server that sends mail sends it to the
/// address that is invited, and tells it to nobody else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewInvitation {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: Invitation,
    /// What accepts it; empty where it was mailed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
}

/// `GET /api/invitations`: those that can still be accepted, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invitations {
    /// The invitations.
    pub data: Vec<Invitation>,
}

/// `POST /api/invitations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Whom to invite.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Email"))]
    pub email: String,
    /// The role that they will have.
    pub role: RoleRef,
}

/// `POST /api/auth/invitations/accept`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// What the invitation came with.
    pub token: String,
    /// The password of the user with the invited address; for somebody new,
    /// the one they choose.
    pub password: String,
    /// The name of somebody new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of a user with a second factor, as in a log-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// An account that the user is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// The account.
    pub account: Account,
    /// The user's role in it.
    pub role: RoleRef,
    /// Since when.
    pub joined_at: Timestamp,
}

/// `GET /api/auth/accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JoinedAccounts {
    /// The accounts, the one that was joined first at the top.
    pub data: Vec<Joined>,
}

/// `POST /api/auth/switch`: ends the session and opens one in another account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchAccount {
    /// Where to.
    pub account_id: Id<Account>,
    /// The session's refresh token: an access token alone, which does not last,
    /// opens no session that does.
    pub refresh_token: String,
}

impl Validate for Invite {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.email("email", &self.email);
        check.finish()
    }
}

// A secret never prints, not even in a debugger's log line.
impl fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewInvitation")
            .field("invitation", &self.invitation)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SwitchAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchAccount")
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AcceptInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptInvitation").field("name", &self.name).finish_non_exhaustive()
    }
}
