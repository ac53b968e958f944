//! A second factor: setting it up, and taking it away.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `GET /api/auth/second-factor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecondFactorState {
    /// Since when it is asked for; absent if it is not.
    pub enabled_at: Option<Timestamp>,
    /// Codes for when the app is lost that were not used.
    pub recovery_codes_left: u32,
}

/// `POST /api/auth/second-factor`: begins to set one up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetUpSecondFactor {
    /// The user's password.
    pub password: String,
}

/// What an authenticator app is given. It is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecondFactorSetup {
    /// In Base32, for people to type.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub uri: String,
}

/// `POST /api/auth/second-factor/confirm`: the app has it. From now on it is
/// asked for, and the user's other sessions end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmSecondFactor {
    /// What the app shows.
    pub code: String,
}

/// Codes for when the app is lost, each good once. They are told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecoveryCodes {
    /// Ten of them.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/auth/second-factor/remove` and `/recovery-codes`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecondFactorProof {
    /// The user's password.
    pub password: String,
    /// The code of the app, or one for when it is lost.
    pub code: String,
}

// A secret never prints, not even in a debugger's log line.
macro_rules! secret {
    ($($name:ident),*) => { $(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )* };
}
secret!(
    SetUpSecondFactor,
    SecondFactorSetup,
    ConfirmSecondFactor,
    RecoveryCodes,
    SecondFactorProof
);
