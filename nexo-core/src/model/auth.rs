//! Identity on the wire: requests, tokens, users and accounts.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permission::known;
use super::{Change, FieldError, Id, Permissions, RoleRef, Validate, Validator};

/// A tenant: the unit that rows belong to and that nothing crosses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Account {
    /// Identifier.
    pub id: Id<Account>,
    /// The organisation's name.
    pub name: String,
}

/// A person who can log in. Users are global; memberships join them to
/// accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// Identifier.
    pub id: Id<User>,
    /// Login e-mail address, in lower case, unique among all users.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// When the user registered.
    pub created_at: Timestamp,
    /// When it was shown that the address is theirs; absent until then.
    #[serde(default)]
    pub email_verified_at: Option<Timestamp>,
}

/// A login: it lives from log-in to log-out, and each of its tokens names it.
///
/// The type only marks identifiers; a session's content stays in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session;

/// `POST /api/auth/register`: a new user with a new account of their own.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// Login e-mail address.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Email"))]
    pub email: String,
    /// At least 15 characters, any characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Password"))]
    pub password: String,
    /// The person's name.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// The organisation's name.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub account_name: String,
}

/// `POST /api/auth/login`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Login e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The account to log in to; the one that the user joined first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Id<Account>>,
    /// Of a user with a second factor: the code of their authenticator app, or
    /// one for when it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl LoginRequest {
    /// A log-in to the account that the user joined first.
    #[must_use]
    pub fn new(email: impl Into<String>, password: impl Into<String>) -> Self {
        Self { email: email.into(), password: password.into(), account_id: None, code: None }
    }
}

/// `POST /api/auth/refresh`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The newest refresh token of the session.
    pub refresh_token: String,
}

/// `POST /api/auth/password`: changes the password and ends every other
/// session of the user.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub current_password: String,
    /// The password from now on.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Password"))]
    pub new_password: String,
}

/// `POST /api/auth/password/forgot`: a mail to the address, if it is somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    /// Login e-mail address.
    pub email: String,
}

/// `POST /api/auth/password/reset`: sets the password and ends every session of
/// the user.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// What was mailed.
    pub token: String,
    /// The password from now on.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Password"))]
    pub password: String,
}

/// `POST /api/auth/email/verify`: the address is the user's.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// What was mailed.
    pub token: String,
}

/// A token that is to be mailed to a user, and shown by them once.
#[derive(Clone)]
pub struct MailedToken {
    /// Where to.
    pub email: String,
    /// To whom.
    pub name: String,
    /// What whoever gets the mail can show.
    pub token: String,
    /// For how long.
    pub good_for: Duration,
}

/// The scheme of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TokenType {
    /// `Authorization: Bearer …`.
    #[default]
    Bearer,
}

/// What register, login and refresh answer.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthTokens {
    /// A JWT for `Authorization: Bearer`.
    pub access_token: String,
    /// Opaque, used once: each refresh gives its successor.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: TokenType,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Who logged in.
    pub user: User,
    /// The account that the tokens are for.
    pub account: Account,
    /// The user's role in the account.
    pub role: RoleRef,
    /// All that it permits.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
}

/// `GET /api/auth/profile`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Profile {
    /// The user of the token.
    pub user: User,
    /// The account of the token.
    pub account: Account,
    /// The user's role in the account.
    pub role: RoleRef,
    /// All that it permits.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
}

/// `PATCH /api/auth/profile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProfilePatch {
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
}

impl Validate for RegisterRequest {
    /// Checks form only; whether the password is a good one is the
    /// authenticator's to say.
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.email("email", &self.email);
        check.text("name", &self.name, 1, 200);
        check.text("account_name", &self.account_name, 1, 200);
        check.finish()
    }
}

impl Validate for ProfilePatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        if let Some(name) = self.name.value() {
            check.text("name", name, 1, 200);
        }
        check.finish()
    }
}

// A secret never prints, not even in a debugger's log line.
const REDACTED: &str = "[redacted]";

impl fmt::Debug for RegisterRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterRequest")
            .field("email", &self.email)
            .field("password", &REDACTED)
            .field("name", &self.name)
            .field("account_name", &self.account_name)
            .finish()
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("email", &self.email)
            .field("password", &REDACTED)
            .finish()
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").field("refresh_token", &REDACTED).finish()
    }
}

impl fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordChange").finish_non_exhaustive()
    }
}

impl fmt::Debug for ResetPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetPassword").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifyEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyEmail").finish_non_exhaustive()
    }
}

impl fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedToken").field("email", &self.email).finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthTokens")
            .field("access_token", &REDACTED)
            .field("refresh_token", &REDACTED)
            .field("expires_in", &self.expires_in)
            .field("user", &self.user)
            .field("account", &self.account)
            .field("role", &self.role)
            .finish()
    }
}
