//! Accounts with a user who is logged in.

use uuid::Uuid;

use crate::model::{AuthTokens, RegisterRequest};
use crate::{Authenticator, Peer, TenantScope};

/// A password that is accepted.
pub const PASSWORD: &str = "seven mauve otters juggle";

/// A user, their account, and a session in it.
#[derive(Debug)]
pub struct Tenant {
    /// Log-in address; the password is [`PASSWORD`].
    pub email: String,
    /// What registering answered.
    pub tokens: AuthTokens,
    /// The scope of that session.
    pub scope: TenantScope,
}

impl Tenant {
    /// Registers a new one.
    ///
    /// # Panics
    /// When that fails.
    pub async fn register(authenticator: &Authenticator) -> Self {
        let request = credentials();
        let tokens = authenticator.register(&request, &Peer::default()).await.expect("registers");
        let scope = authenticator.verify(&tokens.access_token).await.expect("verifies");
        Self { email: request.email, tokens, scope }
    }
}

/// A registration with an address that nobody has.
#[must_use]
pub fn credentials() -> RegisterRequest {
    RegisterRequest {
        email: format!("user-{}@example.com", Uuid::now_v7().simple()),
        password: PASSWORD.to_owned(),
        name: "Test User".to_owned(),
        account_name: "Test Account".to_owned(),
    }
}
