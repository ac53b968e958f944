//! One believable body for each route that reads one.

use nexo_core::model::{
    AcceptInvitation, AccountSettingsPatch, Batch, BatchMode, BatchOperation, BuiltInRole,
    ConfirmSecondFactor, DeleteUser, Entity, Erase, FinishSignIn, ForgotPassword, Id, Invite,
    LinkIdentity, LoginRequest, MemberPatch, NewApiKey, NewImport, NewRole, PasswordChange,
    Permission, ProfilePatch, RefreshRequest, RegisterRequest, ResetPassword, RolePatch,
    SecondFactorProof, SetUpSecondFactor, StartIdentityLink, StartSignIn, SwitchAccount, Transfer,
    VerifyEmail,
};
use serde_json::Value;

use super::json;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "wooden engines weave numbers";

pub(crate) fn register(_: u32) -> Value {
    json(&RegisterRequest {
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        name: "Ada".to_owned(),
        account_name: "Engines".to_owned(),
    })
}

pub(crate) fn login(_: u32) -> Value {
    json(&LoginRequest::new(EMAIL, PASSWORD))
}

pub(crate) fn refresh(_: u32) -> Value {
    json(&RefreshRequest { refresh_token: "nxr_…".to_owned() })
}

pub(crate) fn accept_invitation(_: u32) -> Value {
    json(&AcceptInvitation {
        token: "nxi_…".to_owned(),
        password: PASSWORD.to_owned(),
        name: Some("Charles".to_owned()),
        code: None,
    })
}

pub(crate) fn forgot_password(_: u32) -> Value {
    json(&ForgotPassword { email: EMAIL.to_owned() })
}

pub(crate) fn reset_password(_: u32) -> Value {
    json(&ResetPassword {
        token: "nxp_…".to_owned(),
        password: "punched cards in a drawer".to_owned(),
    })
}

pub(crate) fn verify_email(_: u32) -> Value {
    json(&VerifyEmail { token: "nxv_…".to_owned() })
}

pub(crate) fn start_sign_in(_: u32) -> Value {
    let (provider, redirect_uri) =
        ("corp".to_owned(), "https://app.example.com/callback".to_owned());
    json(&StartSignIn { provider, redirect_uri })
}

pub(crate) fn finish_sign_in(_: u32) -> Value {
    json(&FinishSignIn::new("nxs_…", "…", "…"))
}

pub(crate) fn start_identity_link(_: u32) -> Value {
    json(&StartIdentityLink {
        provider: "corp".to_owned(),
        redirect_uri: "https://app.example.com/callback".to_owned(),
        password: Some(PASSWORD.to_owned()),
    })
}

pub(crate) fn link_identity(_: u32) -> Value {
    json(&LinkIdentity {
        sign_in_token: "nxs_…".to_owned(),
        state: "…".to_owned(),
        code: "…".to_owned(),
        iss: None,
    })
}

pub(crate) fn switch_account(_: u32) -> Value {
    json(&SwitchAccount {
        account_id: Id::from_uuid(uuid::Uuid::nil()),
        refresh_token: "nxr_…".to_owned(),
    })
}

pub(crate) fn role(number: u32) -> Value {
    json(&NewRole {
        name: format!("Sales {number}"),
        description: Some("Keeps clients, and runs their projects".to_owned()),
        permissions: Permission::ClientDelete | Permission::ProjectDelete,
        inherits: vec![BuiltInRole::Member.into()],
    })
}

pub(crate) fn role_patch(_: u32) -> Value {
    json(&RolePatch { permissions: Some(Permission::ClientDelete.into()), ..RolePatch::default() })
}

pub(crate) fn settings(_: u32) -> Value {
    json(&AccountSettingsPatch {
        second_factor_required: Some(false),
        audit_retention_days: 365.into(),
    })
}

pub(crate) fn member(_: u32) -> Value {
    json(&MemberPatch::role(BuiltInRole::Manager))
}

pub(crate) fn transfer(_: u32) -> Value {
    json(&Transfer {
        to: Id::from_uuid(uuid::Uuid::nil()),
        collections: Some(vec!["clients".to_owned()]),
    })
}

pub(crate) fn invitation(number: u32) -> Value {
    let email = format!("charles{number}@example.com");
    json(&Invite { email, role: BuiltInRole::Member.into() })
}

pub(crate) fn api_key(number: u32) -> Value {
    json(&NewApiKey::named(format!("Web shop {number}"), Permission::ClientRead))
}

pub(crate) fn profile(_: u32) -> Value {
    json(&ProfilePatch { name: "Ada, Countess of Lovelace".to_owned().into() })
}

pub(crate) fn set_up_second_factor(_: u32) -> Value {
    json(&SetUpSecondFactor { password: PASSWORD.to_owned() })
}

pub(crate) fn confirm_second_factor(_: u32) -> Value {
    json(&ConfirmSecondFactor { code: "123456".to_owned() })
}

pub(crate) fn second_factor_proof(_: u32) -> Value {
    json(&SecondFactorProof { password: PASSWORD.to_owned(), code: "123456".to_owned() })
}

pub(crate) fn password(_: u32) -> Value {
    json(&PasswordChange {
        current_password: PASSWORD.to_owned(),
        new_password: "punched cards in a drawer".to_owned(),
    })
}

pub(crate) fn delete_user(_: u32) -> Value {
    json(&DeleteUser { password: PASSWORD.to_owned(), code: Some("123456".to_owned()) })
}

pub(crate) fn erase(_: u32) -> Value {
    json(&Erase {
        confirm: "Ada".to_owned(),
        reason: Some("asked for by mail on 31 January".to_owned()),
    })
}

/// For creating and for replacing; and, since it names every field, as a patch.
pub(crate) fn entity<T: Entity>(number: u32) -> Value {
    json(&T::example(number))
}

/// A batch of one.
pub(crate) fn batch<T: Entity>(number: u32) -> Value {
    let operations = vec![BatchOperation::<T>::Create { record: T::example(number) }];
    json(&Batch { mode: BatchMode::Each, operations })
}

/// A file of clients.
pub(crate) const FILE: &[u8] = b"external_id,name\nc-1,Babbage & Sons\n";

/// An import of that file.
pub(crate) fn import(_: u32) -> Value {
    json(&NewImport::csv("clients", FILE.len() as u64))
}
