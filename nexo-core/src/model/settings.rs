//! What holds for a whole account.

use serde::{Deserialize, Serialize};

/// `GET /api/settings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSettings {
    /// Whether members need a second factor: without one they may nothing but set
    /// it up. API keys need none.
    pub second_factor_required: bool,
}

/// `PATCH /api/settings`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSettingsPatch {
    /// Whether members need a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor_required: Option<bool>,
}
