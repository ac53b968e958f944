//! Tasks: what is to be done, in a project or outside of any.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::day;
use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{
    Change, Decimal, Employee, Entity, FieldCode, FieldError, Id, OneOf, Permission, Professional,
    Project, User, Validate, Validator, Within,
};

text_enum! {
    /// Where a task stands.
    pub enum TaskStatus {
        /// Not begun.
        #[default]
        Todo = "todo",
        /// Being done.
        InProgress = "in_progress",
        /// Waiting for something.
        Blocked = "blocked",
        /// Done. It may be taken up again, but is not blocked any more.
        Done = "done",
        /// Given up. It may be taken up again.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How urgent a task is. Lists sort from low to urgent.
    pub enum TaskPriority {
        /// As any other.
        #[default]
        Normal = "normal",
        /// When there is time.
        Low = "low",
        /// Before others.
        High = "high",
        /// Now.
        Urgent = "urgent",
    }
}

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Identifier, chosen by the server.
    pub id: Id<Task>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// The project that it belongs to.
    pub project_id: Option<Id<Project>>,
    /// The task that it is a part of.
    pub parent_id: Option<Id<Task>>,
    /// What is to be done.
    pub title: String,
    /// Free text.
    pub description: Option<String>,
    /// Where it stands.
    pub status: TaskStatus,
    /// How urgent it is.
    pub priority: TaskPriority,
    /// The employee who does it; a task has one assignee at most.
    pub assignee_employee_id: Option<Id<Employee>>,
    /// The professional who does it; a task has one assignee at most.
    pub assignee_professional_id: Option<Id<Professional>>,
    /// Last day.
    pub due_on: Option<Date>,
    /// Hours that it should take.
    pub estimate_hours: Option<Decimal>,
    /// Hours that it has taken.
    pub spent_hours: Option<Decimal>,
    /// When it was done; absent unless it is.
    pub completed_at: Option<Timestamp>,
    /// The member whose task it is.
    pub owner_id: Option<Id<User>>,
    /// 1 when created, one more at each change. Also the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it; absent if a job without a user did.
    pub created_by: Option<Id<User>>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived, which takes it out of lists.
    pub archived_at: Option<Timestamp>,
}

/// A task to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// The project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<Id<Project>>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Id<Task>>,
    /// What is to be done, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub title: String,
    /// Free text, up to 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub description: Option<String>,
    /// Where it stands; `todo` if absent.
    #[serde(default)]
    pub status: TaskStatus,
    /// How urgent it is; `normal` if absent.
    #[serde(default)]
    pub priority: TaskPriority,
    /// The employee who does it; a task has one assignee at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_employee_id: Option<Id<Employee>>,
    /// The professional who does it; a task has one assignee at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_professional_id: Option<Id<Professional>>,
    /// Last day.
    #[serde(default, deserialize_with = "day::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub due_on: Option<Date>,
    /// Hours that it should take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub estimate_hours: Option<Decimal>,
    /// Hours that it has taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub spent_hours: Option<Decimal>,
    /// The member whose task it is. If absent, whoever creates it; when it is
    /// replaced, it stays with whom it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

impl NewTask {
    /// A task with this title and nothing else.
    #[must_use]
    pub fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// The fields of a task to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskPatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New project id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub project_id: Change<Id<Project>>,
    /// New parent id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub parent_id: Change<Id<Task>>,
    /// New title; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub title: Change<String>,
    /// New description.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub description: Change<String>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "TaskStatus"))]
    pub status: Change<TaskStatus>,
    /// New priority; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "TaskPriority"))]
    pub priority: Change<TaskPriority>,
    /// New assignee employee id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub assignee_employee_id: Change<Id<Employee>>,
    /// New assignee professional id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub assignee_professional_id: Change<Id<Professional>>,
    /// New due on.
    #[serde(default, deserialize_with = "day::change", skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub due_on: Change<Date>,
    /// New estimate hours.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub estimate_hours: Change<Decimal>,
    /// New spent hours.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub spent_hours: Change<Decimal>,
    /// New owner: a member, or nobody.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_id: Change<Id<User>>,
}

filters! {
    /// Which tasks a list shows.
    pub struct TaskFilter of Task {
        /// Any of these.
        status: OneOf<TaskStatus>,
        /// Any of these.
        priority: OneOf<TaskPriority>,
        /// In any of these projects.
        project_id: OneOf<Id<Project>>,
        /// Parts of any of these.
        parent_id: OneOf<Id<Task>>,
        /// Done by any of these employees or professionals.
        assignee_id: OneOf<Uuid>,
        /// Any of these titles, whole.
        title: OneOf<String>,
        /// Due within these days.
        due_on: Within<Date>,
        /// Done within these times.
        completed_at: Within<Timestamp>,
        /// Any of these owners.
        owner_id: OneOf<Id<User>>,
    }
}

impl Entity for Task {
    type New = NewTask;
    type Patch = TaskPatch;
    type Filter = TaskFilter;

    const TO_READ: Permission = Permission::TaskRead;
    const TO_WRITE: Permission = Permission::TaskWrite;
    const TO_DELETE: Permission = Permission::TaskDelete;
    const COLLECTION: &'static str = "tasks";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "project_id",
        "parent_id",
        "title",
        "description",
        "status",
        "priority",
        "assignee_employee_id",
        "assignee_professional_id",
        "due_on",
        "estimate_hours",
        "spent_hours",
        "completed_at",
        "owner_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] =
        &["created_at", "updated_at", "title", "due_on", "priority"];
    const EXPANDS: &'static [&'static str] = &["project", "parent", "assignee"];

    fn example(number: u32) -> NewTask {
        NewTask {
            external_id: Some(format!("crm-{number}")),
            description: Some("Brass, 40 teeth.".to_owned()),
            due_on: Some(date(2026, 4, 30)),
            estimate_hours: Some(Decimal::from(12)),
            spent_hours: Some(Decimal::from(3)),
            ..NewTask::titled("Cut the gears")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Validate for NewTask {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said {
            external_id: self.external_id.as_deref(),
            title: Some(&self.title),
            description: self.description.as_deref(),
            due_on: self.due_on,
            estimate_hours: self.estimate_hours,
            spent_hours: self.spent_hours,
        }
        .check(&mut check);
        self.one_assignee(&mut check);
        check.finish()
    }
}

impl Validate for TaskPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("title", &self.title);
        check.not_cleared("status", &self.status);
        check.not_cleared("priority", &self.priority);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            title: self.title.value().map(String::as_str),
            description: self.description.value().map(String::as_str),
            due_on: self.due_on.value().copied(),
            estimate_hours: self.estimate_hours.value().copied(),
            spent_hours: self.spent_hours.value().copied(),
        }
        .check(&mut check);
        check.finish()
    }
}

impl NewTask {
    fn one_assignee(&self, check: &mut Validator) {
        if self.assignee_employee_id.is_some() && self.assignee_professional_id.is_some() {
            check.refuse(
                "assignee_professional_id",
                FieldCode::TooMany,
                "must not be given beside an assignee_employee_id",
            );
        }
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    title: Option<&'a str>,
    description: Option<&'a str>,
    due_on: Option<Date>,
    estimate_hours: Option<Decimal>,
    spent_hours: Option<Decimal>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(title) = self.title {
            check.text("title", title, 1, 200);
        }
        if let Some(description) = self.description {
            check.text("description", description, 1, 10_000);
        }
        if let Some(due_on) = self.due_on {
            check.day("due_on", due_on);
        }
        if let Some(estimate_hours) = self.estimate_hours {
            check.amount("estimate_hours", estimate_hours);
        }
        if let Some(spent_hours) = self.spent_hours {
            check.amount("spent_hours", spent_hours);
        }
    }
}
