//! Registering and logging in: controls A1 to A5.

use std::net::IpAddr;

use nexo_core::model::{ErrorCode, FieldCode, LoginRequest, RegisterRequest};
use nexo_core::testing::{PASSWORD, Tenant, TestDatabase, credentials};
use nexo_core::{AuthConfig, Authenticator, Peer};

fn from(ip: &str) -> Peer {
    Peer {
        ip: Some(ip.parse::<IpAddr>().expect("an address")),
        request_id: None,
        user_agent: Some("test\r\n".into()),
    }
}

fn login(email: &str, password: &str) -> LoginRequest {
    LoginRequest::new(email, password)
}

async fn code(authenticator: &Authenticator, request: &LoginRequest, peer: &Peer) -> ErrorCode {
    authenticator.login(request, peer).await.expect_err("refused").code()
}

#[tokio::test]
async fn registering_makes_user_account_and_session_at_once() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let request = RegisterRequest { email: " Ada@Example.COM".into(), ..credentials() };
    let tokens = authenticator.register(&request, &from("192.0.2.1")).await.expect("registered");
    assert_eq!(tokens.user.email, "ada@example.com");
    assert_eq!(tokens.account.name, request.account_name);
    assert_eq!(tokens.expires_in, 600);
    let scope = authenticator.verify(&tokens.access_token).await.expect("verified");
    assert_eq!((scope.account_id(), scope.user_id()), (tokens.account.id, Some(tokens.user.id)));

    // What is stored: a hash of the password, no token, a harmless agent.
    let row = test
        .superuser()
        .await
        .query_one("select u.password_hash, s.ip, s.user_agent from nexo.users u join nexo.sessions s on s.user_id = u.id", &[])
        .await
        .expect("one session");
    assert!(row.get::<_, &str>(0).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("192.0.2.1", "test"));

    let again = authenticator.register(&request, &Peer::default()).await.expect_err("taken");
    assert_eq!(again.code(), ErrorCode::EmailTaken);
    let accounts: i64 = test
        .superuser()
        .await
        .query_one("select count(*) from nexo.accounts", &[])
        .await
        .expect("counted")
        .get(0);
    assert_eq!(accounts, 1, "a refused registration leaves nothing");

    let back =
        authenticator.login(&login("ADA@example.com", &request.password), &Peer::default()).await;
    assert_eq!(back.expect("logged in").account, tokens.account);
}

/// A1, A2: the minimum, no composition rules, no truncation, the blocklist.
#[tokio::test]
async fn a1_a2_passwords_are_long_and_not_common() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let mut request = credentials();
    for (password, refused) in [
        ("fourteen chars", FieldCode::TooShort),
        ("passwordpassword1", FieldCode::TooCommon),
        (&"long ".repeat(300), FieldCode::TooLong),
    ] {
        request.password = password.to_owned();
        let error = authenticator.register(&request, &Peer::default()).await.expect_err(password);
        assert_eq!(
            (error.fields()[0].field.as_str(), error.fields()[0].code),
            ("password", refused)
        );
    }
    // 80 characters of Unicode; every one of them counts.
    let long =
        "pět žluťoučkých koní úpělo ďábelské ódy v noci, když měsíc svítil nad řekou 日本語🐎";
    request.password = long.to_owned();
    authenticator.register(&request, &Peer::default()).await.expect("accepted");
    authenticator.login(&login(&request.email, long), &Peer::default()).await.expect("logged in");
    let cut: String = long.chars().take(long.chars().count() - 1).collect();
    assert_eq!(
        code(&authenticator, &login(&request.email, &cut), &Peer::default()).await,
        ErrorCode::InvalidCredentials
    );
}

/// A3: a stored hash with lower costs is replaced at the next log-in.
#[tokio::test]
async fn a3_a_weaker_hash_is_replaced_at_login() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let superuser = test.superuser().await;
    // argon2id with 8 MiB and one pass, of the test password.
    let weak = weak_hash(PASSWORD);
    superuser
        .execute("update nexo.users set password_hash = $1", &[&weak])
        .await
        .expect("weakened");
    authenticator
        .login(&login(&tenant.email, PASSWORD), &Peer::default())
        .await
        .expect("logged in");
    let stored: String = superuser
        .query_one("select password_hash from nexo.users", &[])
        .await
        .expect("stored")
        .get(0);
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    authenticator.login(&login(&tenant.email, PASSWORD), &Peer::default()).await.expect("still");
}

fn weak_hash(password: &str) -> String {
    use argon2::password_hash::PasswordHasher;
    let params = argon2::Params::new(8 * 1024, 1, 1, None).expect("parameters");
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password(password.as_bytes()).expect("hashed").to_string()
}

/// A3: what would have to wait too long is refused at once.
#[tokio::test]
async fn a3_a_flood_of_logins_is_bounded() {
    let test = TestDatabase::create().await;
    let config = {
        let mut config = AuthConfig::default();
        (config.hash_concurrency, config.hash_queue) = (1, 3);
        config
    };
    let (_database, authenticator) = test.open_with_auth(config).await;
    let tenant = Tenant::register(&authenticator).await;
    let mut logins = tokio::task::JoinSet::new();
    for at in 0..20u8 {
        let (authenticator, email) = (authenticator.clone(), tenant.email.clone());
        let peer = from(&format!("192.0.2.{at}"));
        logins.spawn(async move { authenticator.login(&login(&email, PASSWORD), &peer).await });
    }
    let (mut good, mut busy) = (0, 0);
    for result in logins.join_all().await {
        match result {
            Ok(_) => good += 1,
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::Overloaded);
                assert!(error.is_transient() && error.retry_after().is_some());
                busy += 1;
            }
        }
    }
    assert!(good >= 4 && busy >= 1, "{good} good, {busy} refused");
}

/// A4: an unknown address and a wrong password get the same words, and pay for
/// the same hashing (the benches compare the times).
#[tokio::test]
async fn a4_unknown_address_and_wrong_password_are_alike() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let mut said = Vec::new();
    for email in
        [tenant.email.as_str(), "nobody@example.com", "no address", "nul\0@example.com", ""]
    {
        let error =
            authenticator.login(&login(email, "some wrong password"), &Peer::default()).await;
        let error = error.expect_err("refused");
        said.push((error.code(), error.to_string(), error.retry_after()));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].0, ErrorCode::InvalidCredentials);
    let endless = "x".repeat(100_000);
    assert_eq!(
        code(&authenticator, &login(&tenant.email, &endless), &Peer::default()).await,
        ErrorCode::InvalidCredentials
    );
}

/// A5: attempts slow down address and network together, growing; another
/// network logs in; a known network is not held up by a flood from elsewhere.
#[tokio::test]
async fn a5_failures_are_throttled_without_locking_out() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let (attacker, home) = (from("203.0.113.9"), from("198.51.100.7"));
    let request = credentials();
    authenticator.register(&request, &home).await.expect("home is known");
    let right = login(&request.email, &request.password);
    let wrong = login(&request.email, "a wrong password");

    let mut waits = Vec::new();
    let superuser = test.superuser().await;
    for _ in 0..24 {
        let error = authenticator.login(&wrong, &attacker).await.expect_err("refused");
        if error.code() == ErrorCode::TooManyRequests {
            waits.push(error.retry_after().expect("a wait"));
            let time_passes = "update nexo.login_attempts set blocked_until = now()";
            superuser.batch_execute(time_passes).await.expect("moved");
        }
    }
    assert!(
        waits.len() >= 4 && waits.is_sorted() && waits[0] < waits[waits.len() - 1],
        "{waits:?}"
    );

    // While the attacker is blocked, the right password from there is too ...
    while code(&authenticator, &wrong, &attacker).await != ErrorCode::TooManyRequests {}
    assert_eq!(code(&authenticator, &right, &attacker).await, ErrorCode::TooManyRequests);
    // ... and a stranger's and the owner's are not.
    authenticator.login(&right, &from("192.0.2.77")).await.expect("another network");

    // Sixty networks guess: the address itself is slowed down, but not at home.
    for at in 0..60u8 {
        let _ = authenticator.login(&wrong, &from(&format!("2001:db8:{at:x}::1"))).await;
    }
    assert_eq!(
        code(&authenticator, &right, &from("192.0.2.200")).await,
        ErrorCode::TooManyRequests
    );
    authenticator.login(&right, &home).await.expect("home gets in");
}

/// A5: attempts that come at once are counted before they are looked at, and
/// one network alone does not hold up the address for others.
#[tokio::test]
async fn a5_a_burst_gets_no_more_guesses_than_a_sequence() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let tenant = Tenant::register(&authenticator).await;
    let mut burst = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let (authenticator, email) = (authenticator.clone(), tenant.email.clone());
        burst.spawn(async move {
            let guess = login(&email, "a wrong password");
            authenticator.login(&guess, &from("203.0.113.9")).await.expect_err("refused").code()
        });
    }
    let codes = burst.join_all().await;
    let looked_at = codes.iter().filter(|code| **code == ErrorCode::InvalidCredentials).count();
    assert!((1..=11).contains(&looked_at), "{looked_at} of 60 guesses were looked at");
    let right = login(&tenant.email, PASSWORD);
    authenticator.login(&right, &from("192.0.2.1")).await.expect("another network");
}

/// A5: one password tried on many addresses from one network.
#[tokio::test]
async fn a5_spraying_addresses_is_throttled_by_network() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let sprayer = from("203.0.113.9");
    let mut held = false;
    for at in 0..130 {
        let guess = login(&format!("user-{at}@example.com"), "a popular pass phrase");
        held |= code(&authenticator, &guess, &sprayer).await == ErrorCode::TooManyRequests;
    }
    assert!(held);
    let tenant = Tenant::register(&authenticator).await;
    let right = login(&tenant.email, PASSWORD);
    authenticator.login(&right, &from("192.0.2.1")).await.expect("another network");
}

/// Full-width letters: what is accepted must also log in.
#[tokio::test]
async fn a1_what_registers_can_log_in() {
    let test = TestDatabase::create().await;
    let (_database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let mut request = credentials();
    request.password = "ｐａｓｓ　ｐｈｒａｓｅ　ｏｆ　ｆｉｖｅ　ｗｉｄｅ　ｗｏｒｄｓ".repeat(9);
    assert!(request.password.len() > 700);
    authenticator.register(&request, &Peer::default()).await.expect("accepted");
    let right = login(&request.email, &request.password);
    authenticator.login(&right, &Peer::default()).await.expect("logged in");
    request.password = "ｗ".repeat(400);
    let error = authenticator.register(&request, &Peer::default()).await.expect_err("1,200 bytes");
    assert_eq!(error.fields()[0].code, FieldCode::TooLong);
}
