//! Projects: what is done for a client, by whom and by when.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::day;
use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{
    Change, Client, Decimal, Entity, FieldError, Id, OneOf, Permission, ProjectMember, User,
    Validate, Validator, Within,
};

text_enum! {
    /// Where a project stands.
    pub enum ProjectStatus {
        /// Not begun.
        #[default]
        Planned = "planned",
        /// Being worked on.
        Active = "active",
        /// Begun, and waiting.
        OnHold = "on_hold",
        /// Done. It may be taken up again, but is not planned any more.
        Completed = "completed",
        /// Given up. It may be planned or taken up again.
        Cancelled = "cancelled",
    }
}

/// A project as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Project {
    /// Identifier, chosen by the server.
    pub id: Id<Project>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// Whom it is done for.
    pub client_id: Option<Id<Client>>,
    /// Its name.
    pub name: String,
    /// The account's own short name for it, unique in it.
    pub code: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Where it stands.
    pub status: ProjectStatus,
    /// First day.
    pub starts_on: Option<Date>,
    /// Last day, not before the first.
    pub ends_on: Option<Date>,
    /// What it may cost.
    pub budget: Option<Decimal>,
    /// Currency of the budget (ISO 4217); given if and only if the budget is.
    pub currency: Option<String>,
    /// The user who answers for it.
    pub owner_id: Option<Id<User>>,
    /// Who works on it.
    pub members: Vec<ProjectMember>,
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

/// A project to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// Whom it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Id<Client>>,
    /// Its name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// The account's own short name for it, unique in it, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<40>>"))]
    pub code: Option<String>,
    /// Free text, up to 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub description: Option<String>,
    /// Where it stands; `planned` if absent.
    #[serde(default)]
    pub status: ProjectStatus,
    /// First day.
    #[serde(default, deserialize_with = "day::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub starts_on: Option<Date>,
    /// Last day, not before the first.
    #[serde(default, deserialize_with = "day::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub ends_on: Option<Date>,
    /// What it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub budget: Option<Decimal>,
    /// Currency of the budget (ISO 4217); given if and only if the budget is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Currency>"))]
    pub currency: Option<String>,
    /// The user who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100), extend("uniqueItems" = true)))]
    pub members: Vec<ProjectMember>,
}

impl NewProject {
    /// A project with this name and nothing else.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The fields of a project to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectPatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New client id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub client_id: Change<Id<Client>>,
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
    /// New code.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<40>>"))]
    pub code: Change<String>,
    /// New description.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 10000>>"))]
    pub description: Change<String>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "ProjectStatus"))]
    pub status: Change<ProjectStatus>,
    /// New starts on.
    #[serde(default, deserialize_with = "day::change", skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub starts_on: Change<Date>,
    /// New ends on.
    #[serde(default, deserialize_with = "day::change", skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub ends_on: Change<Date>,
    /// New budget.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Amount>"))]
    pub budget: Change<Decimal>,
    /// New currency.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Currency>"))]
    pub currency: Change<String>,
    /// New owner id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub owner_id: Change<Id<User>>,
    /// The whole new list of members; `null` means none.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub members: Change<Vec<ProjectMember>>,
}

filters! {
    /// Which projects a list shows.
    pub struct ProjectFilter of Project {
        /// Any of these.
        status: OneOf<ProjectStatus>,
        /// For any of these.
        client_id: OneOf<Id<Client>>,
        /// Of any of these users.
        owner_id: OneOf<Id<User>>,
        /// Any of these codes.
        code: OneOf<String>,
        /// With a budget in any of these.
        currency: OneOf<String>,
        /// Any of these names, whole.
        name: OneOf<String>,
        /// Budgets within these, whatever the currency.
        budget: Within<Decimal>,
        /// Starting within these days.
        starts_on: Within<Date>,
        /// Ending within these days.
        ends_on: Within<Date>,
    }
}

impl Entity for Project {
    type New = NewProject;
    type Patch = ProjectPatch;
    type Filter = ProjectFilter;

    const TO_READ: Permission = Permission::ProjectRead;
    const TO_WRITE: Permission = Permission::ProjectWrite;
    const TO_DELETE: Permission = Permission::ProjectDelete;
    const COLLECTION: &'static str = "projects";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "client_id",
        "name",
        "code",
        "description",
        "status",
        "starts_on",
        "ends_on",
        "budget",
        "currency",
        "owner_id",
        "members",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] =
        &["created_at", "updated_at", "name", "starts_on", "ends_on"];
    const EXPANDS: &'static [&'static str] = &["client", "members"];

    fn example(number: u32) -> NewProject {
        NewProject {
            external_id: Some(format!("crm-{number}")),
            code: Some(format!("P-{number}")),
            description: Some("Tables to six decimals.".to_owned()),
            starts_on: Some(date(2026, 3, 1)),
            ends_on: Some(date(2026, 12, 18)),
            budget: Some(Decimal::from(17_000)),
            currency: Some("GBP".to_owned()),
            ..NewProject::named("Difference engine")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Validate for NewProject {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said {
            external_id: self.external_id.as_deref(),
            name: Some(&self.name),
            code: self.code.as_deref(),
            description: self.description.as_deref(),
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            budget: self.budget,
            currency: self.currency.as_deref(),
            members: Some(&self.members),
        }
        .check(&mut check);
        check.not_before("ends_on", self.ends_on, "starts_on", self.starts_on);
        check.money(("budget", self.budget.is_some()), ("currency", self.currency.is_some()));
        check.finish()
    }
}

impl Validate for ProjectPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        check.not_cleared("status", &self.status);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            name: self.name.value().map(String::as_str),
            code: self.code.value().map(String::as_str),
            description: self.description.value().map(String::as_str),
            starts_on: self.starts_on.value().copied(),
            ends_on: self.ends_on.value().copied(),
            budget: self.budget.value().copied(),
            currency: self.currency.value().map(String::as_str),
            members: self.members.value().map(Vec::as_slice),
        }
        .check(&mut check);
        check.finish()
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    name: Option<&'a str>,
    code: Option<&'a str>,
    description: Option<&'a str>,
    starts_on: Option<Date>,
    ends_on: Option<Date>,
    budget: Option<Decimal>,
    currency: Option<&'a str>,
    members: Option<&'a [ProjectMember]>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(name) = self.name {
            check.text("name", name, 1, 200);
        }
        if let Some(code) = self.code {
            check.code("code", code, 40);
        }
        if let Some(description) = self.description {
            check.text("description", description, 1, 10_000);
        }
        if let Some(starts_on) = self.starts_on {
            check.day("starts_on", starts_on);
        }
        if let Some(ends_on) = self.ends_on {
            check.day("ends_on", ends_on);
        }
        if let Some(budget) = self.budget {
            check.amount("budget", budget);
        }
        if let Some(currency) = self.currency {
            check.currency("currency", currency);
        }
        if let Some(members) = self.members {
            ProjectMember::check_all(check, members);
        }
    }
}
