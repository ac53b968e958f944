//! Departments: how an account is organised.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter_set::filters;
use super::{
    Change, Employee, Entity, FieldError, Id, OneOf, Permission, User, Validate, Validator,
};

/// A department as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Department {
    /// Identifier, chosen by the server.
    pub id: Id<Department>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// The department that it is part of.
    pub parent_id: Option<Id<Department>>,
    /// Who leads it.
    pub head_id: Option<Id<Employee>>,
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

/// A department to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDepartment {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// Its name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// The department that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Id<Department>>,
    /// Who leads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_id: Option<Id<Employee>>,
}

impl NewDepartment {
    /// A department with this name and nothing else.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The fields of a department to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DepartmentPatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
    /// New parent id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub parent_id: Change<Id<Department>>,
    /// New head id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub head_id: Change<Id<Employee>>,
}

filters! {
    /// Which departments a list shows.
    pub struct DepartmentFilter of Department {
        /// Any of these names, whole.
        name: OneOf<String>,
        /// Part of any of these.
        parent_id: OneOf<Id<Department>>,
        /// Led by any of these.
        head_id: OneOf<Id<Employee>>,
    }
}

impl Entity for Department {
    type New = NewDepartment;
    type Patch = DepartmentPatch;
    type Filter = DepartmentFilter;

    const TO_READ: Permission = Permission::DepartmentRead;
    const TO_WRITE: Permission = Permission::DepartmentWrite;
    const TO_DELETE: Permission = Permission::DepartmentDelete;
    const COLLECTION: &'static str = "departments";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "name",
        "parent_id",
        "head_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] = &["created_at", "updated_at", "name"];
    const EXPANDS: &'static [&'static str] = &["parent", "head"];

    fn example(number: u32) -> NewDepartment {
        NewDepartment {
            external_id: Some(format!("crm-{number}")),
            ..NewDepartment::named("Engines")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Validate for NewDepartment {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said { external_id: self.external_id.as_deref(), name: Some(&self.name) }.check(&mut check);
        check.finish()
    }
}

impl Validate for DepartmentPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("name", &self.name);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            name: self.name.value().map(String::as_str),
        }
        .check(&mut check);
        check.finish()
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    name: Option<&'a str>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(name) = self.name {
            check.text("name", name, 1, 200);
        }
    }
}
