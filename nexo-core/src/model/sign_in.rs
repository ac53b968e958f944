//! Signing in through an OpenID Connect provider, on the wire.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, FieldError, Id, Validate, Validator};

/// A sign-in at a provider, from its beginning until somebody is signed in.
///
/// The type only marks identifiers; its content stays in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn;

/// A provider that people can sign in through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInProvider {
    /// What it is called in requests.
    pub id: String,
    /// What it is called for people.
    pub name: String,
}

/// `GET /api/auth/oidc`: those that the operator has set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInProviders {
    /// In the order of the operator.
    pub data: Vec<SignInProvider>,
}

/// `POST /api/auth/oidc/start`: begins to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StartSignIn {
    /// The provider's id.
    pub provider: String,
    /// Where the provider sends the browser back to: one of those that the
    /// operator has named. Where one of these is a loopback address, so may be
    /// this, with any port.
    pub redirect_uri: String,
}

/// Where the browser goes next.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartedSignIn {
    /// The provider's page. It sends the browser back to the redirect URI with
    /// `state` and `code`.
    pub authorization_url: String,
    /// Stays where the sign-in was begun: whoever brings `state` and `code` back
    /// shows by it that it is theirs. Good for ten minutes.
    pub sign_in_token: String,
}

/// `POST /api/auth/oidc/finish`: the browser is back. Answers as a log-in does.
///
/// Once the provider's answer was found to be good, this can be sent again with
/// what was missing, the second factor or whom to register, until it succeeds or
/// the sign-in's time is over; the provider is asked no second time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishSignIn {
    /// What starting has told.
    pub sign_in_token: String,
    /// As the provider has sent it.
    pub state: String,
    /// As the provider has sent it.
    pub code: String,
    /// As the provider has sent it, if it did: who it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The account to log in to; the one that the user joined first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Id<Account>>,
    /// Of a user with a second factor: the code of their authenticator app, or
    /// one for when it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor_code: Option<String>,
    /// Of somebody new: makes them a user with an account of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<SignInRegistration>,
    /// The token of an invitation to the address that the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
}

impl FinishSignIn {
    /// Signs somebody in whose identity is known, to the account that they
    /// joined first.
    pub fn new(
        sign_in_token: impl Into<String>,
        state: impl Into<String>,
        code: impl Into<String>,
    ) -> Self {
        Self {
            sign_in_token: sign_in_token.into(),
            state: state.into(),
            code: code.into(),
            iss: None,
            account_id: None,
            second_factor_code: None,
            register: None,
            invitation: None,
        }
    }
}

/// Who becomes a user by signing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInRegistration {
    /// The organisation's name.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Text<1, 200>"))]
    pub account_name: String,
    /// The person's name; the provider's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Text<1, 200>>"))]
    pub name: Option<String>,
}

/// `POST /api/auth/identities/start`: begins to add an identity to those of the
/// session's user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StartIdentityLink {
    /// The provider's id.
    pub provider: String,
    /// As in [`StartSignIn`].
    pub redirect_uri: String,
    /// The user's password; absent of one who has none, and has signed in within
    /// the last ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `POST /api/auth/identities`: the browser is back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkIdentity {
    /// What starting has told.
    pub sign_in_token: String,
    /// As the provider has sent it.
    pub state: String,
    /// As the provider has sent it.
    pub code: String,
    /// As the provider has sent it, if it did: who it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

/// Who a user is at a provider, which signs them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExternalIdentity {
    /// Identifier.
    pub id: Id<ExternalIdentity>,
    /// The provider's id when it was added.
    pub provider: String,
    /// The provider itself, by its URL.
    pub issuer: String,
    /// The address that the provider told when it was added.
    pub email: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last signed in by.
    pub last_used_at: Option<Timestamp>,
}

/// `GET /api/auth/identities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExternalIdentities {
    /// The oldest first.
    pub data: Vec<ExternalIdentity>,
    /// Whether the user can log in by a password too.
    pub has_password: bool,
}

impl Validate for SignInRegistration {
    fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut check = Validator::new();
        check.text("register.account_name", &self.account_name, 1, 200);
        if let Some(name) = &self.name {
            check.text("register.name", name, 1, 200);
        }
        check.finish()
    }
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
secret!(StartedSignIn, FinishSignIn, StartIdentityLink, LinkIdentity);
