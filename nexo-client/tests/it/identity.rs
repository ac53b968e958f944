//! Registering, logging in and out, the profile, the password.

use std::sync::{Arc, Mutex};

use nexo_client::Nexo;
use nexo_client::model::{ErrorCode, ForgotPassword, ProfilePatch};
use nexo_core::Peer;

use crate::world::{PASSWORD, World, registration};

#[tokio::test]
async fn register_logs_in() {
    let world = World::start().await;
    let nexo = Nexo::new(&world.proxy.url).unwrap();
    let profile = nexo.register(&registration("ada")).await.unwrap();
    assert_eq!(profile.user.name, "ada");
    assert_eq!(profile.account.name, "ada's account");
    assert_eq!(nexo.profile().await.unwrap(), profile);
    let session = nexo.session().unwrap();
    assert_eq!((session.user(), session.account()), (&profile.user, &profile.account));
}

#[tokio::test]
async fn login_and_logout() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let email = ada.session().unwrap().user().email.clone();

    let nexo = Nexo::new(&world.proxy.url).unwrap();
    let profile = nexo.login(&email, PASSWORD).await.unwrap();
    assert_eq!(profile, ada.profile().await.unwrap());

    nexo.logout().await.unwrap();
    assert!(nexo.session().is_none());
    let error = nexo.profile().await.unwrap_err();
    assert!(error.is_unauthenticated() && !error.is_session_ended(), "{error}");
    assert_eq!(error.to_string(), "not logged in");

    nexo.logout().await.expect("whoever is logged out can log out");
    ada.profile().await.expect("the other session goes on");
}

#[tokio::test]
async fn a_log_out_whose_answer_is_lost_is_done() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.lose("POST /api/auth/logout", 1);
    ada.logout().await.unwrap();
    assert!(ada.session().is_none());
    assert_eq!(world.proxy.count("POST /api/auth/logout"), 2);
}

#[tokio::test]
async fn a_log_out_that_the_server_does_not_hear_can_be_tried_again() {
    let world = World::start().await;
    let tokens = world.register("ada").await.session().unwrap();
    let ada = Nexo::builder(&world.proxy.url).session(tokens).retries(0).build().unwrap();
    world.proxy.lose("POST /api/auth/logout", 1);
    assert!(ada.logout().await.unwrap_err().is_transient());
    assert!(ada.session().is_some());
    ada.logout().await.unwrap();
    assert!(ada.session().is_none());
}

#[tokio::test]
async fn logout_everywhere_ends_every_session() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let email = ada.session().unwrap().user().email.clone();
    let other = Nexo::new(&world.proxy.url).unwrap();
    other.login(&email, PASSWORD).await.unwrap();

    ada.logout_everywhere().await.unwrap();
    assert!(ada.session().is_none());

    let error = other.profile().await.unwrap_err();
    assert!(error.is_session_ended() && error.is_unauthenticated(), "{error}");
    assert!(other.session().is_none(), "a dead session is given up");
    world.proxy.reset();
    let error = other.profile().await.unwrap_err();
    assert!(error.is_session_ended(), "{error}");
    assert_eq!(world.proxy.count(""), 0, "without a session nothing is sent");

    other.login(&email, PASSWORD).await.unwrap();
    other.profile().await.expect("a new login is a new session");
}

#[tokio::test]
async fn profile_and_password_change() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let email = ada.session().unwrap().user().email.clone();
    let other = Nexo::new(&world.proxy.url).unwrap();
    other.login(&email, PASSWORD).await.unwrap();

    let patch = ProfilePatch { name: "Ada L.".to_owned().into() };
    assert_eq!(ada.update_profile(&patch).await.unwrap().user.name, "Ada L.");

    let new = "another, even longer one: 7391";
    ada.change_password("not the password", new).await.expect_err("the wrong password");
    ada.change_password(PASSWORD, new).await.unwrap();
    ada.profile().await.expect("this session stays");
    assert!(other.profile().await.unwrap_err().is_session_ended());

    let error = other.login(&email, PASSWORD).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidCredentials));
    assert!(error.is_unauthenticated() && !error.is_session_ended());
    other.login(&email, new).await.unwrap();
}

#[tokio::test]
async fn health_needs_no_session() {
    let world = World::start().await;
    let health = Nexo::new(&world.proxy.url).unwrap().health().await.unwrap();
    assert!(health.is_ok(), "{health:?}");
}

#[tokio::test]
async fn a_session_moves_to_another_handle() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let stored = serde_json::to_string(&ada.session().unwrap().export()).unwrap();
    let tokens: nexo_client::model::AuthTokens = serde_json::from_str(&stored).unwrap();
    let restored = Nexo::builder(&world.proxy.url).session(tokens).build().unwrap();
    assert_eq!(restored.profile().await.unwrap(), ada.profile().await.unwrap());
    assert_eq!(world.proxy.count("POST /api/auth/refresh"), 0);
}

#[tokio::test]
async fn every_change_of_the_session_is_told() {
    let world = World::start().await;
    let expired = world.expired_session("ada").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let nexo = Nexo::builder(&world.proxy.url)
        .session(expired.clone())
        .on_session_change(move |session| {
            let token = session.map(|session| session.export().refresh_token);
            log.lock().unwrap().push(token);
        })
        .build()
        .unwrap();

    nexo.profile().await.unwrap();
    let refreshed = nexo.session().unwrap().export().refresh_token;
    assert_ne!(refreshed, expired.export().refresh_token);
    nexo.login(&expired.user().email, PASSWORD).await.unwrap();
    let logged_in = nexo.session().unwrap().export().refresh_token;
    nexo.logout().await.unwrap();
    assert_eq!(*told.lock().unwrap(), [Some(refreshed), Some(logged_in), None]);
}

/// The tokens are those that a server would mail.
#[tokio::test]
async fn what_was_mailed_sets_a_password_and_verifies_an_address() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let user = ada.session().unwrap().user().clone();
    let (auth, peer) = (&world.authenticator, Peer::default());
    let mailed = auth.issue_first_email_verification(&user, &peer).await.unwrap();
    ada.verify_email(&mailed.token).await.unwrap();
    let again = ada.verify_email(&mailed.token).await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::InvalidToken));
    assert!(ada.profile().await.unwrap().user.email_verified_at.is_some());

    let forgot = ForgotPassword { email: user.email.clone() };
    let mailed = auth.issue_password_reset(&forgot, &peer).await.unwrap().unwrap();
    let nexo = Nexo::new(&world.proxy.url).unwrap();
    assert!(nexo.reset_password(&mailed.token, "short").await.unwrap_err().is_validation());
    let new = "another long enough phrase";
    nexo.reset_password(&mailed.token, new).await.unwrap();
    assert!(ada.profile().await.unwrap_err().is_session_ended());
    nexo.login(&user.email, new).await.unwrap();

    // This server has nobody to mail by.
    for refused in [nexo.forgot_password(&user.email).await, nexo.mail_email_verification().await] {
        assert_eq!(refused.unwrap_err().code(), Some(ErrorCode::MailUnavailable));
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_by_its_own_error() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let email = ada.session().unwrap().user().email.clone();
    assert_eq!(ada.second_factor().await.unwrap().enabled_at, None);
    let setup = ada.set_up_second_factor(PASSWORD).await.unwrap();
    assert!(setup.uri.contains(&setup.secret) && !format!("{setup:?}").contains(&setup.secret));
    let refused = ada.confirm_second_factor("x").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidCode));
    ada.second_factor().await.expect("a wrong code ends no session");

    let app = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::try_from_base32(&setup.secret).unwrap())
        .build()
        .unwrap();
    let codes = ada.confirm_second_factor(&app.generate_current().to_string()).await.unwrap();
    let nexo = Nexo::new(&world.proxy.url).unwrap();
    let refused = nexo.login(&email, PASSWORD).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::SecondFactorRequired));
    let code = &codes.recovery_codes[0];
    nexo.login_with_code(&email, PASSWORD, code).await.unwrap();
    assert_eq!(nexo.second_factor().await.unwrap().recovery_codes_left, 9);
    let renewed = nexo.renew_recovery_codes(PASSWORD, &codes.recovery_codes[1]).await.unwrap();
    nexo.remove_second_factor(PASSWORD, &renewed.recovery_codes[0]).await.unwrap();
    nexo.login(&email, PASSWORD).await.unwrap();
}
