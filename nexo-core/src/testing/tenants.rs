//! Accounts with a user who is logged in.

use uuid::Uuid;

use crate::model::{AcceptInvitation, AuthTokens, Invite, RegisterRequest, RoleRef};
use crate::{Authenticator, Database, Peer, TenantScope};

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

    /// Somebody new, who was invited to an account and has accepted.
    ///
    /// # Panics
    /// When that fails.
    pub async fn join(
        database: &Database,
        authenticator: &Authenticator,
        inviter: &TenantScope,
        role: impl Into<RoleRef>,
    ) -> Self {
        let email = credentials().email;
        let invite = Invite { email: email.clone(), role: role.into() };
        let invited = database.invitations().create(inviter, &invite).await.expect("invites");
        let accept = AcceptInvitation {
            token: invited.token,
            password: PASSWORD.to_owned(),
            name: Some("Test Member".to_owned()),
            code: None,
        };
        let accepted = authenticator.accept_invitation(&accept, &Peer::default()).await;
        let tokens = accepted.expect("accepts");
        let scope = authenticator.verify(&tokens.access_token).await.expect("verifies");
        Self { email, tokens, scope }
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
