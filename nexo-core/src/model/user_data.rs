//! What is known of a user over all accounts.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Account, ApiKey, AuditAction, ExternalIdentity, Id, RoleRef, SecondFactorState, Session, User,
};

/// `GET /api/auth/profile/personal-data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserData {
    /// The user.
    pub user: User,
    /// When name or password were last changed.
    pub updated_at: Timestamp,
    /// Whether they have a second factor.
    pub second_factor: SecondFactorState,
    /// The accounts that they are a member of.
    pub memberships: Vec<Membership>,
    /// Their sessions, the newest first, until a week after their end.
    pub sessions: Vec<SessionData>,
    /// Their API keys in all accounts.
    pub api_keys: Vec<ApiKey>,
    /// What was mailed to them to be shown once.
    pub one_time_tokens: Vec<OneTimeTokenData>,
    /// Who they are at providers.
    pub identities: Vec<ExternalIdentity>,
    /// What the accounts' audit logs tell of their log-ins, the newest first.
    pub log_ins: Vec<LogIn>,
    /// Whether that is all: at most 10,000 log-ins are told of each account.
    pub is_complete: bool,
}

/// A user in an account, as they are told of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Membership {
    /// The account.
    pub account: Account,
    /// The user's role in it.
    pub role: RoleRef,
    /// Since when they are a member.
    pub joined_at: Timestamp,
    /// When they last logged in to it.
    pub last_login_at: Option<Timestamp>,
    /// Since when they are held out.
    pub disabled_at: Option<Timestamp>,
}

/// A session of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionData {
    /// Which one.
    pub id: Id<Session>,
    /// In which account.
    pub account_id: Id<Account>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Where it began.
    pub ip: Option<String>,
    /// In which program.
    pub user_agent: Option<String>,
}

/// Something that was mailed to be shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OneTimeTokenData {
    /// `password_reset` or `email_verification`.
    pub purpose: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// An entry of an audit log about a log-in of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogIn {
    /// The account that keeps it.
    pub account_id: Id<Account>,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// The session.
    pub session_id: Option<Id<Session>>,
    /// Where from.
    pub ip: Option<String>,
    /// In which program.
    pub user_agent: Option<String>,
}

/// `DELETE /api/auth/profile`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteUser {
    /// The user's password.
    pub password: String,
    /// The code of the authenticator app, or one for when it is lost, of a user who
    /// has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

// A secret never prints, not even in a debugger's log line.
impl fmt::Debug for DeleteUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeleteUser").finish_non_exhaustive()
    }
}
