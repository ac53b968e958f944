//! What holds for a whole account.

use serde::{Deserialize, Serialize};

use super::{Change, FieldCode, FieldError, Validate, Validator};

/// The days that an account can keep its audit log, if not for ever.
const RETENTION: std::ops::RangeInclusive<i32> = 30..=36_500;

/// `GET /api/settings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccountSettings {
    /// Whether members need a second factor: without one they may nothing but set
    /// it up. API keys need none.
    pub second_factor_required: bool,
    /// After how many days entries go from the audit log; absent if never.
    #[serde(default)]
    pub audit_retention_days: Option<i32>,
}

/// `PATCH /api/settings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountSettingsPatch {
    /// Whether members need a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor_required: Option<bool>,
    /// After how many days entries go from the audit log, 30 to 36,500; null for
    /// never.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Whole<30, 36500>>"))]
    pub audit_retention_days: Change<i32>,
}

impl Validate for AccountSettingsPatch {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut validator = Validator::default();
        if self.audit_retention_days.value().is_some_and(|days| !RETENTION.contains(days)) {
            let told = "must be 30 to 36500 days, or null";
            validator.refuse("audit_retention_days", FieldCode::OutOfRange, told);
        }
        validator.finish()
    }
}
