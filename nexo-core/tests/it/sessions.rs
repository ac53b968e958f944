//! Sessions and refresh tokens: controls A6 to A12.

use std::time::Duration;

use nexo_core::model::{
    AuthTokens, Client, ErrorCode, FieldCode, ListParams, LoginRequest, NewClient, PasswordChange,
    ProfilePatch, RefreshRequest,
};
use nexo_core::testing::{PASSWORD, Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator, Error, Peer};
use tokio::task::JoinSet;

async fn refresh(authenticator: &Authenticator, token: &str) -> Result<AuthTokens, Error> {
    authenticator
        .refresh(&RefreshRequest { refresh_token: token.to_owned() }, &Peer::default())
        .await
}

/// As if the last rotations had happened so long ago.
async fn age_rotations(test: &TestDatabase, by: &str) {
    let sql = format!("update nexo.refresh_tokens set rotated_at = rotated_at - interval '{by}'");
    test.superuser().await.batch_execute(&sql).await.expect("aged");
}

/// A6: 256 random bits, stored as a hash; an idle and an absolute end.
#[tokio::test]
async fn a6_refresh_tokens_are_stored_hashed_and_end() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let first = &tenant.tokens.refresh_token;
    assert!(first.len() > 60, "user and 256 bits, base64");
    let superuser = test.superuser().await;
    let dump: String = superuser
        .query_one("select string_agg(t::text, ' ') from nexo.refresh_tokens t", &[])
        .await
        .expect("stored")
        .get(0);
    assert!(!dump.contains(&first[20..]));
    let ends: (i64, i64) = {
        let row = superuser
            .query_one(
                "select round(extract(epoch from t.expires_at - now()) / 86400)::bigint, round(extract(epoch from s.expires_at - now()) / 86400)::bigint
                 from nexo.refresh_tokens t, nexo.sessions s",
                &[],
            )
            .await
            .expect("one");
        (row.get(0), row.get(1))
    };
    assert_eq!(ends, (14, 90));

    superuser
        .batch_execute("update nexo.refresh_tokens set expires_at = now()")
        .await
        .expect("idle");
    let idle = refresh(&authenticator, first).await.expect_err("too old");
    assert_eq!(idle.code(), ErrorCode::InvalidRefreshToken);
    superuser
        .batch_execute("update nexo.refresh_tokens set expires_at = now() + interval '1 day'; update nexo.sessions set expires_at = now()")
        .await
        .expect("over");
    let over = refresh(&authenticator, first).await.expect_err("the session is over");
    assert_eq!(over.code(), ErrorCode::InvalidRefreshToken);
    assert!(authenticator.profile(&tenant.scope).await.expect_err("ended").is_unauthenticated());
}

/// A7, A9: parallel refreshes of one token make one rotation, though the first
/// that asked went away at any moment; every one of them is answered with the
/// same successor, and the session lives.
#[tokio::test]
async fn a7_parallel_refreshes_rotate_once() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    // A second server on the same database.
    let other = database.authenticator(AuthConfig::default()).await.expect("keys");
    let superuser = test.superuser().await;
    let mut token = Tenant::register(&authenticator).await.tokens.refresh_token;
    for round in 1..=1_000i64 {
        let of = |at: i64| if at % 2 == 0 { authenticator.clone() } else { other.clone() };
        let started = |server: Authenticator| {
            let token = token.clone();
            async move { refresh(&server, &token).await }
        };
        let gone = tokio::spawn(started(of(round)));
        tokio::time::sleep(Duration::from_micros(u64::try_from(round % 16).unwrap() * 250)).await;
        gone.abort();
        let successors: Vec<String> = (0..32)
            .map(|at| started(of(at)))
            .collect::<JoinSet<_>>()
            .join_all()
            .await
            .into_iter()
            .map(|result| result.expect("every one is answered").refresh_token)
            .collect();
        assert_ne!(successors[0], token);
        assert!(successors.iter().all(|successor| *successor == successors[0]));
        token.clone_from(&successors[0]);
        let row = superuser
            .query_one(
                "select count(*), count(*) filter (where rotated_at is not null), (select count(*) from nexo.sessions where revoked_at is not null) from nexo.refresh_tokens",
                &[],
            )
            .await
            .expect("counted");
        assert_eq!(
            (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)),
            (round + 1, round, 0)
        );
    }
}

/// A8: a used token after the grace, or the second-to-last one even inside of
/// it, ends the session for whoever holds any of its tokens.
#[tokio::test]
async fn a8_reuse_revokes_the_family() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    for late in [true, false] {
        let tenant = Tenant::register(&authenticator).await;
        let first = tenant.tokens.refresh_token.clone();
        let second = refresh(&authenticator, &first).await.expect("rotated");
        let newest = if late {
            age_rotations(&test, "31 seconds").await;
            second
        } else {
            refresh(&authenticator, &second.refresh_token).await.expect("rotated again")
        };
        let scope = authenticator.verify(&newest.access_token).await.expect("signed");
        authenticator.profile(&scope).await.expect("alive");

        let reused = refresh(&authenticator, &first).await.expect_err("reused");
        assert_eq!(reused.code(), ErrorCode::InvalidRefreshToken);
        for token in [&newest.refresh_token, &first] {
            refresh(&authenticator, token).await.expect_err("the family is dead");
        }
        let ended = authenticator.profile(&scope).await.expect_err("at once");
        assert_eq!(ended.code(), ErrorCode::SessionEnded);
        let why: String = test
            .superuser()
            .await
            .query_one(
                "select revoked_for from nexo.sessions where id = $1",
                &[&scope.session_id()],
            )
            .await
            .expect("kept")
            .get(0);
        assert_eq!(why, "token_reuse");
    }
}

/// A9: whoever lost the reply asks again within the grace and gets the same.
#[tokio::test]
async fn a9_a_lost_reply_is_answered_again() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let first = Tenant::register(&authenticator).await.tokens.refresh_token;
    let lost = refresh(&authenticator, &first).await.expect("rotated");
    age_rotations(&test, "20 seconds").await;
    let again = refresh(&authenticator, &first).await.expect("inside of the grace");
    assert_eq!(again.refresh_token, lost.refresh_token);
    refresh(&authenticator, &again.refresh_token).await.expect("the session goes on");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let a = Tenant::register(&authenticator).await.tokens;
    let b = Tenant::register(&authenticator).await.tokens;
    // B's secret under A's user: the claim of a user opens nothing.
    let (a_user, b_secret) = (&a.refresh_token[..24], &b.refresh_token[24..]);
    for token in [
        "",
        "nxr_",
        &a.access_token,
        &a.refresh_token[..50],
        &format!("{a_user}{b_secret}"),
        &"x".repeat(10_000),
    ] {
        let error = refresh(&authenticator, token).await.expect_err("refused");
        assert_eq!(error.code(), ErrorCode::InvalidRefreshToken, "{token}");
    }
    refresh(&authenticator, &a.refresh_token).await.expect("untouched");
    refresh(&authenticator, &b.refresh_token).await.expect("untouched");
}

/// A10: log-out ends the unexpired access token on its very next use, and a
/// write that travels with a dead session is not done.
#[tokio::test]
async fn a10_a_revoked_session_ends_at_once() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let clients = database.repository::<Client>();
    clients.create(&tenant.scope, &NewClient::named("before")).await.expect("alive");
    authenticator.logout(&tenant.scope).await.expect("logged out");

    let scope = authenticator.verify(&tenant.tokens.access_token).await.expect("still signed");
    let new = NewClient::named("after");
    for result in [
        clients.create(&scope, &new).await.map(drop),
        clients.list(&scope, &ListParams::default()).await.map(drop),
        database.unit_of_work(&scope).await.map(drop),
        authenticator.profile(&scope).await.map(drop),
        authenticator.logout(&scope).await,
        refresh(&authenticator, &tenant.tokens.refresh_token).await.map(drop),
    ] {
        assert!(result.expect_err("ended").is_unauthenticated());
    }
    let stored: i64 = test
        .superuser()
        .await
        .query_one("select count(*) from nexo.clients", &[])
        .await
        .expect("counted")
        .get(0);
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn a10_logout_everywhere_ends_every_session_of_the_user_alone() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let bystander = Tenant::register(&authenticator).await;
    let login = LoginRequest::new(&tenant.email, PASSWORD);
    let second = authenticator.login(&login, &Peer::default()).await.expect("a second session");
    let second = authenticator.verify(&second.access_token).await.expect("signed");
    authenticator.logout_everywhere(&second).await.expect("ended");
    for scope in [&tenant.scope, &second] {
        assert_eq!(
            authenticator.profile(scope).await.expect_err("ended").code(),
            ErrorCode::SessionEnded
        );
    }
    authenticator.profile(&bystander.scope).await.expect("not meant");
}

/// A11: changing the password needs the current one, ends the other sessions
/// and keeps this one.
#[tokio::test]
async fn a11_changing_the_password_ends_other_sessions() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let mut login = LoginRequest::new(&tenant.email, PASSWORD);
    let other = authenticator.login(&login, &Peer::default()).await.expect("a second session");
    let other_scope = authenticator.verify(&other.access_token).await.expect("signed");
    let change = |current: &str, new: &str| PasswordChange {
        current_password: current.into(),
        new_password: new.into(),
    };
    let peer = Peer::default();
    let wrong = authenticator
        .change_password(&tenant.scope, &change("not the password", "nine amber foxes whistle"))
        .await
        .expect_err("wrong");
    assert_eq!(
        (wrong.fields()[0].field.as_str(), wrong.fields()[0].code),
        ("current_password", FieldCode::Mismatch)
    );
    let weak = authenticator.change_password(&tenant.scope, &change(PASSWORD, "short")).await;
    assert_eq!(weak.expect_err("weak").fields()[0].field, "new_password");
    authenticator.profile(&other_scope).await.expect("nothing has changed");

    authenticator
        .change_password(&tenant.scope, &change(PASSWORD, "nine amber foxes whistle"))
        .await
        .expect("changed");
    authenticator.profile(&tenant.scope).await.expect("this session stays");
    refresh(&authenticator, &tenant.tokens.refresh_token).await.expect("with its refresh token");
    assert_eq!(
        authenticator.profile(&other_scope).await.expect_err("ended").code(),
        ErrorCode::SessionEnded
    );
    refresh(&authenticator, &other.refresh_token).await.expect_err("dies with its session");
    authenticator.login(&login, &peer).await.expect_err("the old password");
    login.password = "nine amber foxes whistle".into();
    authenticator.login(&login, &peer).await.expect("the new one");
}

/// A11: a log-in with the old password that is on its way while the password
/// changes either fails or is ended with the others.
#[tokio::test]
async fn a11_no_log_in_with_the_old_password_survives_the_change() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let mut logins = JoinSet::new();
    for _ in 0..6 {
        let (authenticator, email) = (authenticator.clone(), tenant.email.clone());
        logins.spawn(async move {
            let login = LoginRequest::new(email, PASSWORD);
            let mut scopes = Vec::new();
            while let Ok(tokens) = authenticator.login(&login, &Peer::default()).await {
                let scope = authenticator.verify(&tokens.access_token).await.expect("signed");
                scopes.push(scope);
            }
            scopes
        });
    }
    let change = PasswordChange {
        current_password: PASSWORD.into(),
        new_password: "nine amber foxes whistle".into(),
    };
    authenticator.change_password(&tenant.scope, &change).await.expect("changed");
    let scopes: Vec<_> = logins.join_all().await.into_iter().flatten().collect();
    for scope in scopes {
        let ended = authenticator.profile(&scope).await.expect_err("ended");
        assert_eq!(ended.code(), ErrorCode::SessionEnded);
    }
    authenticator.profile(&tenant.scope).await.expect("this session stays");
}

/// A guess at the current password through a stolen token is throttled too.
#[tokio::test]
async fn a5_guessing_the_current_password_is_throttled() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let guess =
        PasswordChange { current_password: "a guess".into(), new_password: PASSWORD.into() };
    let mut codes = Vec::new();
    for _ in 0..13 {
        let error = authenticator.change_password(&tenant.scope, &guess).await;
        codes.push(error.expect_err("refused").code());
    }
    assert!(codes.contains(&ErrorCode::TooManyRequests), "{codes:?}");
    // Whoever logs in is not held up by it.
    let login = LoginRequest::new(&tenant.email, PASSWORD);
    authenticator.login(&login, &Peer::default()).await.expect("logged in");
}

#[tokio::test]
async fn the_profile_is_read_and_changed() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let profile = authenticator.profile(&tenant.scope).await.expect("read");
    assert_eq!((&profile.user, &profile.account), (&tenant.tokens.user, &tenant.tokens.account));
    let patch = ProfilePatch { name: "Grace".to_owned().into() };
    let changed = authenticator.update_profile(&tenant.scope, &patch).await.expect("changed");
    assert_eq!(changed.user.name, "Grace");
    assert_eq!(authenticator.profile(&tenant.scope).await.expect("read"), changed);
    let same = authenticator.update_profile(&tenant.scope, &ProfilePatch::default()).await;
    assert_eq!(same.expect("nothing asked"), changed);
}

/// A short life, for programs that want one: the token expires, the session
/// does not.
#[tokio::test]
async fn an_expired_token_says_so() {
    let test = TestDatabase::create().await;
    let mut config = AuthConfig::default();
    config.access_ttl = Duration::ZERO;
    let (_database, authenticator) = test.open_with_auth(config).await;
    let tokens = Tenant::register(&authenticator).await.tokens;
    // Clocks may differ by 5 seconds; past that it has expired.
    loop {
        match authenticator.verify(&tokens.access_token).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::TokenExpired);
                break;
            }
        }
    }
    refresh(&authenticator, &tokens.refresh_token).await.expect("the session goes on");
}
