//! Who works on a project.

use serde::{Deserialize, Serialize};

use super::{Employee, FieldCode, Id, Professional, Validator};

const MAX_MEMBERS: usize = 100;

/// Somebody who works on a project: an employee or a professional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProjectMember {
    /// The employee, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee_id: Option<Id<Employee>>,
    /// The professional, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub professional_id: Option<Id<Professional>>,
    /// What they do in it, up to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 100>>"))]
    pub role: Option<String>,
}

impl ProjectMember {
    /// Up to 100 different people, each an employee or a professional.
    pub(super) fn check_all(check: &mut Validator, members: &[Self]) {
        if members.len() > MAX_MEMBERS {
            check.refuse("members", FieldCode::TooMany, "must have at most 100 entries");
            return;
        }
        for (at, member) in members.iter().enumerate() {
            let field = |name: &str| format!("members[{at}].{name}");
            let person = (member.employee_id, member.professional_id);
            match person {
                (Some(_), None) | (None, Some(_)) => {}
                (None, None) => check.refuse(
                    field("employee_id"),
                    FieldCode::Required,
                    "must be given, or a professional_id",
                ),
                (Some(_), Some(_)) => check.refuse(
                    field("professional_id"),
                    FieldCode::TooMany,
                    "must not be given beside an employee_id",
                ),
            }
            let is_same = |other: &Self| (other.employee_id, other.professional_id) == person;
            if members[..at].iter().any(is_same) {
                check.refuse(format!("members[{at}]"), FieldCode::Duplicate, "stands twice");
            }
            if let Some(role) = &member.role {
                check.text(&field("role"), role, 1, 100);
            }
        }
    }
}

#[cfg(feature = "db")]
mod sql {
    use std::error::Error;

    use tokio_postgres::types::private::BytesMut;
    use tokio_postgres::types::{FromSql, IsNull, Json, ToSql, Type, to_sql_checked};

    use super::ProjectMember;

    /// As `jsonb`.
    impl ToSql for ProjectMember {
        fn to_sql(
            &self,
            ty: &Type,
            out: &mut BytesMut,
        ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
            Json(self).to_sql(ty, out)
        }

        fn accepts(ty: &Type) -> bool {
            *ty == Type::JSONB
        }

        to_sql_checked!();
    }

    impl<'a> FromSql<'a> for ProjectMember {
        fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
            Json::<Self>::from_sql(ty, raw).map(|Json(member)| member)
        }

        fn accepts(ty: &Type) -> bool {
            *ty == Type::JSONB
        }
    }
}
