//! Who is in the account, and what they may do. No secret is one.

use std::collections::BTreeMap;

use nexo_core::model::{
    AccountSettings, ApiKey, ApiKeys, BuiltIn, BuiltInRole, Invitation, Invitations, IssuedApiKey,
    Member, Members, NewInvitation, Permission, Role, Roles, Transferred,
};

use super::{ADA, CHARLES, NOW, ROLE, Sample, at, id};

impl Sample for AccountSettings {
    fn sample() -> Self {
        Self { second_factor_required: true, audit_retention_days: Some(365) }
    }
}

impl Sample for Role {
    fn sample() -> Self {
        let own = Permission::ClientDelete | Permission::ProjectDelete;
        let inherited = BuiltInRole::Viewer;
        Self {
            id: ROLE,
            name: "Sales".to_owned(),
            description: Some("Keeps clients, and runs their projects".to_owned()),
            permissions: own,
            inherits: vec![inherited.into()],
            effective: own.and(inherited.permissions()),
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }
}

impl Sample for Roles {
    fn sample() -> Self {
        let built_in =
            |role: &BuiltInRole| BuiltIn { role: *role, permissions: role.permissions() };
        Self {
            built_in: BuiltInRole::ALL.iter().map(built_in).collect(),
            data: vec![Role::sample()],
        }
    }
}

impl Sample for Member {
    fn sample() -> Self {
        let role = BuiltInRole::Viewer;
        Self {
            user_id: CHARLES,
            email: "charles@example.com".to_owned(),
            name: "Charles".to_owned(),
            role: role.into(),
            permissions: role.permissions(),
            joined_at: NOW,
            last_login_at: Some(at(24)),
            disabled_at: None,
        }
    }
}

impl Sample for Members {
    fn sample() -> Self {
        Self { data: vec![Member::sample()], next_cursor: Some("…".to_owned()) }
    }
}

impl Sample for Transferred {
    fn sample() -> Self {
        Self { transferred: BTreeMap::from([("clients".to_owned(), 12)]), more: false }
    }
}

impl Sample for Invitation {
    fn sample() -> Self {
        Self {
            id: id(0x07),
            email: "charles@example.com".to_owned(),
            role: BuiltInRole::Member.into(),
            invited_by: Some(ADA),
            created_at: NOW,
            expires_at: at(7 * 24),
        }
    }
}

impl Sample for Invitations {
    fn sample() -> Self {
        Self { data: vec![Invitation::sample()] }
    }
}

impl Sample for NewInvitation {
    fn sample() -> Self {
        Self { invitation: Invitation::sample(), token: "nxi_…".to_owned() }
    }
}

impl Sample for ApiKey {
    fn sample() -> Self {
        Self {
            id: id(0x08),
            name: "Web shop".to_owned(),
            user_id: ADA,
            permissions: Permission::ClientRead.into(),
            effective: Permission::ClientRead.into(),
            created_at: NOW,
            expires_at: at(365 * 24),
            last_used_at: Some(at(24)),
        }
    }
}

impl Sample for ApiKeys {
    fn sample() -> Self {
        Self { data: vec![ApiKey::sample()] }
    }
}

impl Sample for IssuedApiKey {
    fn sample() -> Self {
        let key = ApiKey { last_used_at: None, ..ApiKey::sample() };
        Self { key, secret: "nxk_…".to_owned() }
    }
}
