//! What somebody sees first: how much there is, what happened, what is to be done.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text_enum::text_enum;
use super::{AuditAction, AuditEntry, Id, Profile, Task, User};

text_enum! {
    /// The services that an answer can be put together from.
    pub enum Service {
        /// Users, accounts, members and sessions.
        Auth = "auth",
        /// The records of an account.
        #[default]
        Crm = "crm",
    }
}

/// `GET /api/dashboard`. What the caller may not see is absent; numbers count what
/// they see and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dashboard {
    /// Who asks, and about their account; absent when that service is away.
    pub account: Option<DashboardAccount>,
    /// About the account's records; absent when that service is away.
    pub work: Option<DashboardWork>,
    /// Whether something is absent that would be there at another time.
    pub partial: bool,
    /// The services that were away.
    pub missing: Vec<Service>,
}

/// `GET /api/auth/dashboard`: who asks, and who else is in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DashboardAccount {
    /// The user, the account, and the role there; absent for an API key.
    pub profile: Option<Profile>,
    /// Absent without `member:read`.
    pub members: Option<MemberCount>,
    /// Invitations that can still be accepted; absent without `member:manage`.
    pub open_invitations: Option<u64>,
    /// Whether the counts could not be had, and would be there at another time.
    #[serde(default)]
    pub partial: bool,
}

/// How many members an account has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberCount {
    /// Those who can log in.
    pub active: u64,
    /// Those who are held out.
    pub disabled: u64,
}

/// `GET /api/crm/dashboard`: the records that the caller sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DashboardWork {
    /// How many records there are, by collection; null without the right to read
    /// any of it.
    pub counts: BTreeMap<String, Option<RecordCount>>,
    /// Where clients, projects and tasks stand.
    pub pipeline: Pipeline,
    /// What projects may cost, by currency, in the order of its code; absent
    /// without the right to read projects.
    pub budgets: Option<Vec<BudgetTotal>>,
    /// What the caller has to do; absent without the right to read tasks, and for
    /// a program's own work.
    pub my_tasks: Option<MyTasks>,
    /// The latest entries of the audit log, the newest first; absent without
    /// `audit:read`, and for whoever sees only some records.
    pub recent_activity: Option<Vec<RecentActivity>>,
    /// In its place, the records that changed last, the newest first.
    pub recent_records: Option<Vec<RecentRecord>>,
}

/// How many records of a collection there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordCount {
    /// Those in lists.
    pub active: u64,
    /// Those that were archived.
    pub archived: u64,
}

/// How many records stand where, archived ones not counted: every status by its
/// word, also those that none has. Null without the right to read them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pipeline {
    /// By [`ClientStatus`](super::ClientStatus).
    pub clients: Option<BTreeMap<String, u64>>,
    /// By [`ProjectStatus`](super::ProjectStatus).
    pub projects: Option<BTreeMap<String, u64>>,
    /// By [`TaskStatus`](super::TaskStatus).
    pub tasks: Option<BTreeMap<String, u64>>,
}

/// The budgets of one currency, of projects that are not archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BudgetTotal {
    /// ISO 4217.
    pub currency: String,
    /// The projects with a budget.
    pub projects: u64,
    /// Their sum, as a decimal string: exact, and possibly more than a
    /// [`Decimal`](super::Decimal) holds.
    pub total: String,
    /// The part of it that is planned, active or on hold.
    pub open: String,
}

/// The tasks of the caller that are not done: those that they own, and those that
/// they are assigned to as an employee, if they may see which employee they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MyTasks {
    /// How many there are.
    pub open: u64,
    /// Those whose last day is over, in UTC.
    pub overdue: u64,
    /// The first 20: those due soonest, and those without a day last.
    pub data: Vec<Task>,
}

/// An entry of the audit log, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentActivity {
    /// The entry.
    pub id: Id<AuditEntry>,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing, by its collection.
    pub subject: String,
    /// To which one.
    pub record_id: Option<Uuid>,
    /// Who did it; absent for a program.
    pub user_id: Option<Id<User>>,
    /// Their name, as far as the caller may see members.
    pub user_name: Option<String>,
}

/// A record that was changed, or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentRecord {
    /// Its collection.
    pub collection: String,
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub title: String,
    /// When.
    pub updated_at: Timestamp,
}
