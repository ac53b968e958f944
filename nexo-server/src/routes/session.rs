//! What somebody does who is logged in, for themselves.

use http::Method;
use nexo_core::model::{
    AuthTokens, ConfirmSecondFactor, DeleteUser, ErrorCode as E, ExternalIdentities,
    ExternalIdentity, JoinedAccounts, LinkIdentity, PasswordChange, Profile, ProfilePatch,
    RecoveryCodes, SecondFactorProof, SecondFactorSetup, SecondFactorState, SetUpSecondFactor,
    StartIdentityLink, StartedSignIn, SwitchAccount, UserData,
};

use super::operation::{Operation, Tag, operation};
use super::route::{Limit, Route, tenant};
use crate::examples;
use crate::handlers::{auth, oidc, people, privacy, second_factor};

fn of_session(id: &'static str, summary: &'static str) -> Operation {
    operation(Tag::Session, id, summary).sessions_only()
}

pub(super) fn session() -> [Route; 11] {
    [
        tenant(Method::POST, "/api/auth/email/verification", |to, scope, _| {
            Box::pin(auth::mail_verification(to, scope))
        })
        .limited(Limit::Credentials)
        .documented(
            of_session("mailVerification", "Have the way to confirm one's address mailed")
                .accepts()
                .fails(&[E::MailUnavailable]),
        ),
        tenant(Method::GET, "/api/auth/accounts", |to, scope, _| {
            Box::pin(auth::accounts(to, scope))
        })
        .documented(
            of_session("listAccounts", "List the accounts that the user is a member of")
                .answers::<JoinedAccounts>(),
        ),
        tenant(Method::POST, "/api/auth/switch", |to, scope, call| {
            Box::pin(auth::switch(to, scope, call))
        })
        .limited(Limit::Credentials)
        .example(examples::switch_account)
        .documented(
            of_session("switchAccount", "End the session and open one in another account")
                .takes::<SwitchAccount>()
                .answers::<AuthTokens>()
                .fails(&[E::InvalidRefreshToken, E::NotFound]),
        ),
        tenant(Method::POST, "/api/auth/leave", |to, scope, _| Box::pin(people::leave(to, scope)))
            .documented(of_session("leaveAccount", "Leave the account")),
        tenant(Method::POST, "/api/auth/logout", |to, scope, _| Box::pin(auth::logout(to, scope)))
            .documented(of_session("logout", "End the session")),
        tenant(Method::POST, "/api/auth/logout-all", |to, scope, _| {
            Box::pin(auth::logout_everywhere(to, scope))
        })
        .documented(of_session("logoutEverywhere", "End every session of the user")),
        tenant(Method::GET, "/api/auth/profile", |to, scope, _| Box::pin(auth::profile(to, scope)))
            .documented(
                of_session("getProfile", "Tell who is logged in, to which account, as what")
                    .answers::<Profile>(),
            ),
        tenant(Method::PATCH, "/api/auth/profile", |to, scope, call| {
            Box::pin(auth::update_profile(to, scope, call))
        })
        .example(examples::profile)
        .documented(
            of_session("updateProfile", "Change the user's name")
                .takes::<ProfilePatch>()
                .answers::<Profile>(),
        ),
        tenant(Method::DELETE, "/api/auth/profile", |to, scope, call| {
            Box::pin(privacy::delete_user(to, scope, call))
        })
        .example(examples::delete_user)
        .limited(Limit::Credentials)
        .documented(
            of_session("deleteUser", "Delete the user, in all accounts")
                .about("Refused while an account would be left without an owner.")
                .takes::<DeleteUser>()
                .fails(&[E::SecondFactorRequired, E::InvalidCode]),
        ),
        tenant(Method::GET, "/api/auth/profile/personal-data", |to, scope, _| {
            Box::pin(privacy::user(to, scope))
        })
        .documented(
            of_session("getUserData", "Get all that is known of the user").answers::<UserData>(),
        ),
        tenant(Method::POST, "/api/auth/password", |to, scope, call| {
            Box::pin(auth::change_password(to, scope, call))
        })
        .example(examples::password)
        .limited(Limit::Credentials)
        .documented(
            of_session("changePassword", "Change the password")
                .about("The user's other sessions end.")
                .takes::<PasswordChange>(),
        ),
    ]
}

/// What somebody shows besides their password.
pub(super) fn second_factor() -> [Route; 5] {
    const PATH: &str = "/api/auth/second-factor";
    let of = |id, summary| operation(Tag::SecondFactor, id, summary).sessions_only();
    [
        tenant(Method::GET, PATH, |to, scope, _| Box::pin(second_factor::state(to, scope)))
            .documented(
                of("getSecondFactor", "Tell whether the user has a second factor")
                    .answers::<SecondFactorState>(),
            ),
        tenant(Method::POST, PATH, |to, scope, call| {
            Box::pin(second_factor::set_up(to, scope, call))
        })
        .example(examples::set_up_second_factor)
        .limited(Limit::Credentials)
        .documented(
            of("setUpSecondFactor", "Begin to set up a second factor")
                .about("Nothing is asked for before it is confirmed.")
                .takes::<SetUpSecondFactor>()
                .creates::<SecondFactorSetup>(),
        ),
        tenant(Method::POST, format!("{PATH}/confirm"), |to, scope, call| {
            Box::pin(second_factor::confirm(to, scope, call))
        })
        .example(examples::confirm_second_factor)
        .limited(Limit::Credentials)
        .documented(
            of("confirmSecondFactor", "Show that the app has the second factor")
                .takes::<ConfirmSecondFactor>()
                .answers::<RecoveryCodes>()
                .fails(&[E::InvalidCode]),
        ),
        tenant(Method::POST, format!("{PATH}/recovery-codes"), |to, scope, call| {
            Box::pin(second_factor::recovery_codes(to, scope, call))
        })
        .example(examples::second_factor_proof)
        .limited(Limit::Credentials)
        .documented(
            of("renewRecoveryCodes", "Get new recovery codes; the old ones end")
                .takes::<SecondFactorProof>()
                .answers::<RecoveryCodes>()
                .fails(&[E::InvalidCode]),
        ),
        tenant(Method::POST, format!("{PATH}/remove"), |to, scope, call| {
            Box::pin(second_factor::remove(to, scope, call))
        })
        .example(examples::second_factor_proof)
        .limited(Limit::Credentials)
        .documented(
            of("removeSecondFactor", "Take the second factor away")
                .takes::<SecondFactorProof>()
                .fails(&[E::InvalidCode]),
        ),
    ]
}

/// Who the user is at providers.
pub(super) fn identities() -> [Route; 4] {
    const PATH: &str = "/api/auth/identities";
    let of = |id, summary| operation(Tag::Identities, id, summary).sessions_only();
    [
        tenant(Method::GET, PATH, |to, scope, _| Box::pin(oidc::identities(to, scope))).documented(
            of("listIdentities", "List who the user is at providers")
                .answers::<ExternalIdentities>(),
        ),
        tenant(Method::POST, PATH, |to, scope, call| Box::pin(oidc::link(to, scope, call)))
            .example(examples::link_identity)
            .limited(Limit::Credentials)
            .documented(
                of("linkIdentity", "Add an identity: the browser is back from the provider")
                    .takes::<LinkIdentity>()
                    .creates::<ExternalIdentity>()
                    .fails(&[E::InvalidOidcReply, E::OidcUnavailable]),
            ),
        tenant(Method::POST, format!("{PATH}/start"), |to, scope, call| {
            Box::pin(oidc::start_link(to, scope, call))
        })
        .example(examples::start_identity_link)
        .documented(
            of("startIdentityLink", "Begin to add an identity")
                .takes::<StartIdentityLink>()
                .answers::<StartedSignIn>()
                .fails(&[E::OidcUnavailable]),
        ),
        tenant(Method::DELETE, format!("{PATH}/{{id}}"), |to, scope, call| {
            Box::pin(oidc::unlink(to, scope, call))
        })
        .documented(of("unlinkIdentity", "Take an identity away")),
    ]
}
