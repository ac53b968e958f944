//! What somebody is told about themselves. No secret is one.

use nexo_core::model::{
    ApiKey, AuditAction, BuiltInRole, ExternalIdentity, LogIn, Membership, OneTimeTokenData,
    RecoveryCodes, SecondFactorSetup, SecondFactorState, SessionData, UserData,
};

use super::{ACCOUNT, NOW, SESSION, Sample, at, identity};

impl Sample for SecondFactorState {
    fn sample() -> Self {
        Self { enabled_at: Some(NOW), recovery_codes_left: 10 }
    }
}

impl Sample for SecondFactorSetup {
    fn sample() -> Self {
        Self {
            secret: "…".to_owned(),
            uri: "otpauth://totp/NEXO:ada%40example.com?secret=…&issuer=NEXO".to_owned(),
        }
    }
}

impl Sample for RecoveryCodes {
    fn sample() -> Self {
        Self { recovery_codes: vec!["…".to_owned(); 10] }
    }
}

impl Sample for UserData {
    fn sample() -> Self {
        let (ip, user_agent) = (Some("192.0.2.7".to_owned()), Some("nexo-client/0.1".to_owned()));
        let membership = Membership {
            account: identity::account(),
            role: BuiltInRole::Owner.into(),
            joined_at: NOW,
            last_login_at: Some(at(24)),
            disabled_at: None,
        };
        let session = SessionData {
            id: SESSION,
            account_id: ACCOUNT,
            created_at: at(24),
            expires_at: at(24 + 30 * 24),
            revoked_at: None,
            ip: ip.clone(),
            user_agent: user_agent.clone(),
        };
        let token = OneTimeTokenData {
            purpose: "email_verification".to_owned(),
            created_at: NOW,
            expires_at: at(24),
        };
        let log_in = LogIn {
            account_id: ACCOUNT,
            at: at(24),
            action: AuditAction::Login,
            session_id: Some(SESSION),
            ip,
            user_agent,
        };
        Self {
            user: identity::user(),
            updated_at: at(1),
            second_factor: SecondFactorState::sample(),
            memberships: vec![membership],
            sessions: vec![session],
            api_keys: vec![ApiKey::sample()],
            one_time_tokens: vec![token],
            identities: vec![ExternalIdentity::sample()],
            log_ins: vec![log_in],
            is_complete: true,
        }
    }
}
