//! The audit log: who did what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::list_query::limit;
use super::text_enum::text_enum;
use super::{Account, ApiKey, FilterValue, Id, Session, User, Visibility};

text_enum! {
    /// What was done.
    pub enum AuditAction {
        /// A record was created, a member joined, a role was made.
        Create = "create",
        /// A record was changed.
        #[default]
        Update = "update",
        /// A record was deleted, a member taken out.
        Delete = "delete",
        /// A session began.
        Login = "login",
        /// A password was wrong; attempts that had to wait are not told.
        FailLogin = "fail_login",
        /// A session ended; `after` tells what for.
        Logout = "logout",
        /// A session ended because one of its used refresh tokens came again.
        TokenReuse = "token_reuse",
        /// A user has another password.
        ChangePassword = "change_password",
        /// Somebody was told that they may not; `after` tells what.
        Refuse = "refuse",
        /// Entries went that were older than the account keeps them; `after` tells
        /// how many, and where the log begins since.
        Expire = "expire",
        /// What was known of a person was erased; `after` tells how much, and of
        /// which entries.
        Erase = "erase",
    }
}

/// One thing that was done. Entries are written by the database in the
/// transaction of what they tell, and never change, but that the fields of a
/// person who was erased go from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Ids are ordered by time.
    pub id: Id<AuditEntry>,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing, by its collection: `clients`, `members`, `roles`,
    /// `sessions`, `users`, …
    pub subject: String,
    /// To which one.
    pub record_id: Option<Uuid>,
    /// Who did it; absent for a program. Of a wrong password and a token that
    /// came again, whose it was.
    pub user_id: Option<Id<User>>,
    /// The name of who did it, while they are a member.
    pub user_name: Option<String>,
    /// In which session.
    pub session_id: Option<Id<Session>>,
    /// By which of the user's API keys.
    #[serde(default)]
    pub key_id: Option<Id<ApiKey>>,
    /// What a program did it for.
    pub reason: Option<String>,
    /// The request's name in logs.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub ip: Option<String>,
    /// The program that it said it was.
    pub user_agent: Option<String>,
    /// The fields that were changed or deleted, as they had been.
    pub before: Option<Map<String, Value>>,
    /// The fields that were changed or created, as they became.
    pub after: Option<Map<String, Value>>,
    /// The entry that tells that these fields were erased, if they were.
    #[serde(default)]
    pub erased_by: Option<Id<AuditEntry>>,
}

text_enum! {
    /// What reports are about.
    pub enum AuditTopic {
        /// Who may do what: members, roles, invitations, API keys, and the account's
        /// settings.
        #[default]
        Permissions = "permissions",
        /// Wrong passwords, and refresh tokens that came again.
        SignInFailures = "sign_in_failures",
    }
}

/// Which entries are wanted, the newest first. What is absent asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditParams {
    /// About this.
    pub topic: Option<AuditTopic>,
    /// Of this kind of thing: `clients`.
    pub subject: Option<String>,
    /// Of this one.
    pub record_id: Option<Uuid>,
    /// By this user.
    pub user_id: Option<Id<User>>,
    /// Of this kind.
    pub action: Option<AuditAction>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Entries, 1 to [`MAX_LIMIT`](super::MAX_LIMIT);
    /// [`DEFAULT_LIMIT`](super::DEFAULT_LIMIT) if absent.
    pub limit: Option<u16>,
    /// Those after a page that ended with this.
    pub cursor: Option<Id<AuditEntry>>,
}

/// `GET /api/audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// The entries, the newest first.
    pub data: Vec<AuditEntry>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<Id<AuditEntry>>,
}

/// From when to when somebody could read a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditAccess {
    /// The member.
    pub user_id: Option<Id<User>>,
    /// Their name, as far as it is known.
    pub user_name: Option<String>,
    /// By this API key of theirs; absent for the member's own right.
    pub key_id: Option<Id<ApiKey>>,
    /// Whether the record was among all that they saw, or was only while it was of
    /// their team or their own, which is not told.
    pub visibility: Visibility,
    /// Since when; absent for longer than the log tells.
    pub since: Option<Timestamp>,
    /// Until when; absent if they still can, or, of a record that is gone, could
    /// to its end.
    pub until: Option<Timestamp>,
}

/// `GET /api/crm/{collection}/{id}/access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditAccesses {
    /// The spans, the earliest first; up to 10,000.
    pub data: Vec<AuditAccess>,
}

/// Where an account's audit log was sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditCheckpoint {
    /// The account.
    pub account_id: Id<Account>,
    /// The number of the seal.
    pub seq: i64,
    /// Its hash, which stands for everything up to it, in hexadecimal.
    pub hash: String,
    /// When it was sealed.
    pub at: Timestamp,
}

impl AuditParams {
    /// Takes a query parameter.
    ///
    /// # Errors
    /// What is wrong with it, for people to read.
    pub fn accept(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "topic" => once(name, &mut self.topic, read(name, value)?),
            "subject" => once(name, &mut self.subject, read(name, value)?),
            "record_id" => once(name, &mut self.record_id, read(name, value)?),
            "user_id" => once(name, &mut self.user_id, read(name, value)?),
            "action" => once(name, &mut self.action, read(name, value)?),
            "from" => once(name, &mut self.from, read(name, value)?),
            "to" => once(name, &mut self.to, read(name, value)?),
            "cursor" => once(name, &mut self.cursor, read(name, value)?),
            "limit" => once(name, &mut self.limit, limit(value)?),
            _ => {
                let name: String = name.chars().take(40).collect();
                Err(format!(
                    "unknown parameter {name:?}; known are topic, subject, record_id, user_id, action, from, to, limit and cursor"
                ))
            }
        }
    }

    /// The parameters as a query.
    #[must_use]
    pub fn to_query(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("topic", self.topic.map(|it| it.to_string())),
            ("subject", self.subject.clone()),
            ("record_id", self.record_id.map(|it| it.to_string())),
            ("user_id", self.user_id.map(|it| it.to_string())),
            ("action", self.action.map(|it| it.to_string())),
            ("from", self.from.map(|it| it.to_string())),
            ("to", self.to.map(|it| it.to_string())),
            ("limit", self.limit.map(|it| it.to_string())),
            ("cursor", self.cursor.map(|it| it.to_string())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn read<V: FilterValue>(name: &str, value: &str) -> Result<V, String> {
    V::read(value).ok_or_else(|| format!("{name} must be {}", V::EXPECTED))
}

fn once<V>(name: &str, place: &mut Option<V>, value: V) -> Result<(), String> {
    match place.replace(value) {
        Some(_) => Err(format!("the parameter {name} is given twice")),
        None => Ok(()),
    }
}
