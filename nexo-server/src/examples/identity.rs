//! Users, and the tokens with which they act. No secret is one.

use nexo_core::model::{
    Account, AuthTokens, BuiltInRole, ExternalIdentities, ExternalIdentity, Joined, JoinedAccounts,
    Profile, SignInProvider, SignInProviders, StartedSignIn, TokenType, User,
};

use super::{ACCOUNT, ADA, NOW, Sample, at, id};

pub(super) fn user() -> User {
    User {
        id: ADA,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        created_at: NOW,
        email_verified_at: Some(at(1)),
    }
}

pub(super) fn account() -> Account {
    Account { id: ACCOUNT, name: "Engines".to_owned() }
}

impl Sample for AuthTokens {
    fn sample() -> Self {
        let Profile { user, account, role, permissions } = Profile::sample();
        Self {
            access_token: "eyJ…".to_owned(),
            refresh_token: "nxr_…".to_owned(),
            token_type: TokenType::Bearer,
            expires_in: 600,
            user,
            account,
            role,
            permissions,
        }
    }
}

impl Sample for Profile {
    fn sample() -> Self {
        let role = BuiltInRole::Owner;
        let (user, account) = (user(), account());
        Self { user, account, role: role.into(), permissions: role.permissions() }
    }
}

impl Sample for JoinedAccounts {
    fn sample() -> Self {
        let role = BuiltInRole::Owner.into();
        Self { data: vec![Joined { account: account(), role, joined_at: NOW }] }
    }
}

impl Sample for SignInProviders {
    fn sample() -> Self {
        let provider = SignInProvider { id: "corp".to_owned(), name: "Example Corp".to_owned() };
        Self { data: vec![provider] }
    }
}

impl Sample for StartedSignIn {
    fn sample() -> Self {
        Self {
            authorization_url: "https://id.example.com/authorize?response_type=code&state=…"
                .to_owned(),
            sign_in_token: "nxs_…".to_owned(),
        }
    }
}

impl Sample for ExternalIdentity {
    fn sample() -> Self {
        Self {
            id: id(0x06),
            provider: "corp".to_owned(),
            issuer: "https://id.example.com".to_owned(),
            email: Some("ada@example.com".to_owned()),
            created_at: NOW,
            last_used_at: Some(at(24)),
        }
    }
}

impl Sample for ExternalIdentities {
    fn sample() -> Self {
        Self { data: vec![ExternalIdentity::sample()], has_password: true }
    }
}
