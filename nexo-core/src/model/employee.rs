//! Employees: the people who work in an account.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::day;
use super::filter_set::filters;
use super::text_enum::text_enum;
use super::{
    Change, Department, Entity, FieldError, Id, OneOf, Permission, Person, User, Validate,
    Validator, Within,
};

text_enum! {
    /// Whether an employee works here.
    pub enum EmployeeStatus {
        /// At work.
        #[default]
        Active = "active",
        /// Away for a time.
        OnLeave = "on_leave",
        /// No longer employed.
        Left = "left",
    }
}

/// An employee as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Employee {
    /// Identifier, chosen by the server.
    pub id: Id<Employee>,
    /// Its identifier in another system, unique in the account.
    pub external_id: Option<String>,
    /// The account's own number for them, unique in it.
    pub employee_code: String,
    /// Full name.
    pub name: String,
    /// E-mail address, in lower case.
    pub email: Option<String>,
    /// Phone number, as given.
    pub phone: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// The department that they work in.
    pub department_id: Option<Id<Department>>,
    /// Whom they report to.
    pub manager_id: Option<Id<Employee>>,
    /// Salary level, 1 to 99.
    pub salary_level: Option<i16>,
    /// First day of work.
    pub hired_on: Option<Date>,
    /// Last day of work; the day of the change, if the status becomes `left`
    /// without one.
    pub left_on: Option<Date>,
    /// Whether they work here.
    pub status: EmployeeStatus,
    /// The user who they are, if they log in; each user is one employee at most.
    pub user_id: Option<Id<User>>,
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

/// An employee to create, or the whole new content of one to replace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEmployee {
    /// Its identifier in another system, unique in the account, up to 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Option<String>,
    /// The account's own number for them, unique in it, up to 40 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Code<40>"))]
    pub employee_code: String,
    /// Full name, 1 to 200 characters.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: String,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Option<String>,
    /// Phone number, up to 40 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Option<String>,
    /// Job title, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub title: Option<String>,
    /// The department that they work in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<Id<Department>>,
    /// Whom they report to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<Id<Employee>>,
    /// Salary level, 1 to 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Whole<1, 99>>"))]
    pub salary_level: Option<i16>,
    /// First day of work.
    #[serde(default, deserialize_with = "day::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub hired_on: Option<Date>,
    /// Last day of work; the day of the change, if the status becomes `left`
    /// without one.
    #[serde(default, deserialize_with = "day::option", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub left_on: Option<Date>,
    /// Whether they work here; `active` if absent.
    #[serde(default)]
    pub status: EmployeeStatus,
    /// The user who they are, if they log in; each user is one employee at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id<User>>,
}

impl NewEmployee {
    /// An employee with this code and name and nothing else.
    #[must_use]
    pub fn named(employee_code: impl Into<String>, name: impl Into<String>) -> Self {
        Self { employee_code: employee_code.into(), name: name.into(), ..Self::default() }
    }
}

/// The fields of an employee to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EmployeePatch {
    /// New external id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Code<100>>"))]
    pub external_id: Change<String>,
    /// New employee code; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Code<40>"))]
    pub employee_code: Change<String>,
    /// New name; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub name: Change<String>,
    /// New email.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Email>"))]
    pub email: Change<String>,
    /// New phone.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Phone>"))]
    pub phone: Change<String>,
    /// New title.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub title: Change<String>,
    /// New department id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub department_id: Change<Id<Department>>,
    /// New manager id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub manager_id: Change<Id<Employee>>,
    /// New salary level.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Whole<1, 99>>"))]
    pub salary_level: Change<i16>,
    /// New hired on.
    #[serde(default, deserialize_with = "day::change", skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub hired_on: Change<Date>,
    /// New left on.
    #[serde(default, deserialize_with = "day::change", skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Day>"))]
    pub left_on: Change<Date>,
    /// New status; it cannot be cleared.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "EmployeeStatus"))]
    pub status: Change<EmployeeStatus>,
    /// New user id.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub user_id: Change<Id<User>>,
}

filters! {
    /// Which employees a list shows.
    pub struct EmployeeFilter of Employee {
        /// Any of these.
        status: OneOf<EmployeeStatus>,
        /// In any of these departments.
        department_id: OneOf<Id<Department>>,
        /// Reporting to any of these.
        manager_id: OneOf<Id<Employee>>,
        /// Any of these users.
        user_id: OneOf<Id<User>>,
        /// Any of these codes.
        employee_code: OneOf<String>,
        /// Any of these names, whole.
        name: OneOf<String>,
        /// Any of these addresses, in lower case.
        email: OneOf<String>,
        /// Levels within these.
        salary_level: Within<i16>,
        /// Hired within these days.
        hired_on: Within<Date>,
    }
}

impl Entity for Employee {
    type New = NewEmployee;
    type Patch = EmployeePatch;
    type Filter = EmployeeFilter;

    const TO_READ: Permission = Permission::EmployeeRead;
    const TO_WRITE: Permission = Permission::EmployeeWrite;
    const TO_DELETE: Permission = Permission::EmployeeDelete;
    const COLLECTION: &'static str = "employees";
    const FIELDS: &'static [&'static str] = &[
        "id",
        "external_id",
        "employee_code",
        "name",
        "email",
        "phone",
        "title",
        "department_id",
        "manager_id",
        "salary_level",
        "hired_on",
        "left_on",
        "status",
        "user_id",
        "version",
        "created_at",
        "created_by",
        "updated_at",
        "archived_at",
    ];
    const SORTS: &'static [&'static str] =
        &["created_at", "updated_at", "name", "employee_code", "hired_on"];
    const EXPANDS: &'static [&'static str] = &["department", "manager"];

    fn example(number: u32) -> NewEmployee {
        NewEmployee {
            external_id: Some(format!("crm-{number}")),
            email: Some("ada@engines.example".to_owned()),
            phone: Some("+44 20 7946 0100".to_owned()),
            title: Some("Analyst".to_owned()),
            salary_level: Some(7),
            hired_on: Some(date(2026, 2, 1)),
            ..NewEmployee::named(format!("E-{number}"), "Ada Byron")
        }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl Person for Employee {
    const ERASED: &'static str = "Erased employee";
}

impl Validate for NewEmployee {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        Said {
            external_id: self.external_id.as_deref(),
            employee_code: Some(&self.employee_code),
            name: Some(&self.name),
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            title: self.title.as_deref(),
            salary_level: self.salary_level,
            hired_on: self.hired_on,
            left_on: self.left_on,
        }
        .check(&mut check);
        check.not_before("left_on", self.left_on, "hired_on", self.hired_on);
        check.finish()
    }
}

impl Validate for EmployeePatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.not_cleared("employee_code", &self.employee_code);
        check.not_cleared("name", &self.name);
        check.not_cleared("status", &self.status);
        Said {
            external_id: self.external_id.value().map(String::as_str),
            employee_code: self.employee_code.value().map(String::as_str),
            name: self.name.value().map(String::as_str),
            email: self.email.value().map(String::as_str),
            phone: self.phone.value().map(String::as_str),
            title: self.title.value().map(String::as_str),
            salary_level: self.salary_level.value().copied(),
            hired_on: self.hired_on.value().copied(),
            left_on: self.left_on.value().copied(),
        }
        .check(&mut check);
        check.finish()
    }
}

/// What a new content or a patch says of each field.
struct Said<'a> {
    external_id: Option<&'a str>,
    employee_code: Option<&'a str>,
    name: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    title: Option<&'a str>,
    salary_level: Option<i16>,
    hired_on: Option<Date>,
    left_on: Option<Date>,
}

impl Said<'_> {
    fn check(&self, check: &mut Validator) {
        if let Some(external_id) = self.external_id {
            check.code("external_id", external_id, 100);
        }
        if let Some(employee_code) = self.employee_code {
            check.code("employee_code", employee_code, 40);
        }
        if let Some(name) = self.name {
            check.text("name", name, 1, 200);
        }
        if let Some(email) = self.email {
            check.email("email", email);
        }
        if let Some(phone) = self.phone {
            check.phone("phone", phone);
        }
        if let Some(title) = self.title {
            check.text("title", title, 1, 100);
        }
        if let Some(salary_level) = self.salary_level {
            check.whole("salary_level", salary_level, 1..=99);
        }
        if let Some(hired_on) = self.hired_on {
            check.day("hired_on", hired_on);
        }
        if let Some(left_on) = self.left_on {
            check.day("left_on", left_on);
        }
    }
}
