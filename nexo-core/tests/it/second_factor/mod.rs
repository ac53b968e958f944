//! The second factor, with codes that are computed here by other means.

mod required;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use nexo_core::model::{
    AcceptInvitation, AuditAction, AuditParams, AuthTokens, BuiltInRole, ConfirmSecondFactor,
    ErrorCode, ForgotPassword, Invite, LoginRequest, NewApiKey, PasswordChange, Permission,
    ResetPassword, SecondFactorProof, SetUpSecondFactor,
};
use nexo_core::testing::{PASSWORD, Tenant, TestDatabase};
use nexo_core::{AuthConfig, Authenticator, Database, Peer, Result, TenantScope};

struct World {
    test: TestDatabase,
    database: Database,
    auth: Authenticator,
    owner: Tenant,
}

/// An authenticator app.
struct App {
    secret: Vec<u8>,
}

impl App {
    fn of(base32: &str) -> Self {
        let (mut bits, mut secret) = (String::new(), Vec::new());
        for letter in base32.bytes() {
            let at = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|it| *it == letter);
            bits.push_str(&format!("{:05b}", at.expect("Base32")));
        }
        while bits.len() >= 8 {
            secret.push(u8::from_str_radix(&bits[..8], 2).expect("bits"));
            bits.drain(..8);
        }
        Self { secret }
    }

    /// RFC 6238: six digits of the HMAC of the step, from where its end says.
    fn at(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let mac = hmac::sign(&key, &step.to_be_bytes());
        let mac = mac.as_ref();
        let from = usize::from(mac[19] & 15);
        let number = u32::from_be_bytes(mac[from..from + 4].try_into().expect("four"));
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }

    fn code(&self, steps_ahead: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        self.at((now / 30).checked_add_signed(steps_ahead).expect("a step"))
    }
}

impl World {
    async fn create() -> Self {
        let test = TestDatabase::create().await;
        let (database, auth) = test.open_with_auth(AuthConfig::default()).await;
        let owner = Tenant::register(&auth).await;
        Self { test, database, auth, owner }
    }

    /// Sets it up for the owner: the app, the code that was used, and those for when
    /// it is lost.
    async fn set_up(&self) -> (App, String, Vec<String>) {
        let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
        let told =
            self.auth.set_up_second_factor(&self.owner.scope, &set_up).await.expect("set up");
        let app = App::of(&told.secret);
        let used = app.code(0);
        let codes = self.confirm(&used).await.expect("confirmed");
        (app, used, codes)
    }

    async fn confirm(&self, code: &str) -> Result<Vec<String>> {
        let confirm = ConfirmSecondFactor { code: code.to_owned() };
        let confirmed = self.auth.confirm_second_factor(&self.owner.scope, &confirm).await?;
        Ok(confirmed.recovery_codes)
    }

    async fn login(&self, code: Option<&str>) -> Result<AuthTokens> {
        let request = LoginRequest {
            code: code.map(str::to_owned),
            ..LoginRequest::new(&self.owner.email, PASSWORD)
        };
        self.auth.login(&request, &Peer::default()).await
    }

    async fn refused(&self, code: Option<&str>) -> ErrorCode {
        self.login(code).await.expect_err("refused").code()
    }

    /// As if half a minute had passed since the last code.
    async fn later(&self) {
        let superuser = self.test.superuser().await;
        let later = "update nexo.users set second_factor_step = 0; delete from nexo.login_attempts";
        superuser.batch_execute(later).await.expect("later");
    }
}

fn proof(password: &str, code: &str) -> SecondFactorProof {
    SecondFactorProof { password: password.to_owned(), code: code.to_owned() }
}

#[test]
fn this_app_computes_what_the_rfc_says() {
    let app = App { secret: b"12345678901234567890".to_vec() };
    for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
        assert_eq!(app.at(time / 30), code, "{time}");
    }
    assert_eq!(App::of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").secret, app.secret);
}

#[tokio::test]
async fn a_code_is_asked_for_once_it_was_shown() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let other = world.login(None).await.expect("another session");
    let other = world.auth.verify(&other.access_token).await.expect("verifies");
    let early = world.confirm("123456").await.expect_err("nothing is set up");
    assert_eq!(early.code(), ErrorCode::Conflict);
    let wrong = SetUpSecondFactor { password: "not that one, surely".to_owned() };
    let wrong = world.auth.set_up_second_factor(owner, &wrong).await.expect_err("wrong");
    assert_eq!((wrong.is_invalid(), &*wrong.fields()[0].field), (true, "password"));

    let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
    let first = world.auth.set_up_second_factor(owner, &set_up).await.expect("set up");
    let told = world.auth.set_up_second_factor(owner, &set_up).await.expect("set up anew");
    assert_ne!(first.secret, told.secret);
    assert!(told.uri.starts_with("otpauth://totp/") && told.uri.contains(&told.secret));
    world.login(None).await.expect("nothing is asked for yet");
    let app = App::of(&told.secret);
    let replaced = App::of(&first.secret).code(0);
    for code in [&*replaced, "000000x", "", &app.code(3), &app.code(-3)] {
        let refused = world.confirm(code).await.expect_err(code);
        assert_eq!(refused.code(), ErrorCode::InvalidCode, "{code}");
    }
    let used = app.code(0);
    let codes = world.confirm(&used).await.expect("confirmed");
    assert_eq!(codes.len(), 10);
    let ended = world.auth.profile(&other).await.expect_err("the other session");
    assert_eq!(ended.code(), ErrorCode::SessionEnded);
    let state = world.auth.second_factor(owner).await.expect("this one goes on");
    assert!(state.enabled_at.is_some() && state.recovery_codes_left == 10);
    for again in [
        world.auth.set_up_second_factor(owner, &set_up).await.map(drop),
        world.confirm(&app.code(1)).await.map(drop),
    ] {
        assert_eq!(again.expect_err("there is one").code(), ErrorCode::Conflict);
    }

    assert_eq!(world.refused(None).await, ErrorCode::SecondFactorRequired);
    assert_eq!(world.refused(Some(&used)).await, ErrorCode::InvalidCode, "it was used");
    assert_eq!(world.refused(Some(&app.code(3))).await, ErrorCode::InvalidCode);
    let ahead = app.code(1);
    let spaced = format!("{} {}", &ahead[..3], &ahead[3..]);
    world.login(Some(&spaced)).await.expect("the clocks differ a little");
    for code in [&ahead, &used] {
        assert_eq!(world.refused(Some(code)).await, ErrorCode::InvalidCode, "it was used");
    }
    world.later().await;
    world.login(Some(&app.code(0))).await.expect("the next one");
}

/// J4: of many log-ins with one code at once, one is let in; and a recovery code
/// is good once too.
#[tokio::test]
async fn a_code_is_good_once() {
    let world = World::create().await;
    let (app, _, codes) = world.set_up().await;
    let code = app.code(1);
    for code in [&*code, &codes[0], &codes[1].to_uppercase()] {
        let many = (0..5).map(|_| world.login(Some(code)));
        let many = futures_util::future::join_all(many).await;
        assert_eq!(many.iter().filter(|it| it.is_ok()).count(), 1, "{many:?}");
        for refused in many.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code(), ErrorCode::InvalidCode);
        }
        let superuser = world.test.superuser().await;
        superuser.batch_execute("delete from nexo.login_attempts").await.expect("forgotten");
        assert_eq!(world.refused(Some(code)).await, ErrorCode::InvalidCode);
    }
    let state = world.auth.second_factor(&world.owner.scope).await.expect("read");
    assert_eq!(state.recovery_codes_left, 8);
}

/// A5: guessing codes is slowed down like guessing passwords, though the password
/// is right.
#[tokio::test]
async fn a5_guessing_codes_is_throttled() {
    let world = World::create().await;
    let (app, _, _) = world.set_up().await;
    let mut codes = Vec::new();
    for guess in 0..13 {
        codes.push(world.refused(Some(&format!("{guess:06}"))).await);
    }
    assert_eq!(codes[0], ErrorCode::InvalidCode);
    assert!(codes.contains(&ErrorCode::TooManyRequests), "{codes:?}");
    assert_eq!(world.refused(Some(&app.code(1))).await, ErrorCode::TooManyRequests);
    // And so is guessing them with a session, whatever the password forgives.
    let superuser = world.test.superuser().await;
    superuser.batch_execute("delete from nexo.login_attempts").await.expect("forgotten");
    let mut codes = Vec::new();
    let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
    for guess in 0..13 {
        let again = world.auth.set_up_second_factor(&world.owner.scope, &set_up).await;
        assert_eq!(again.expect_err("there is one").code(), ErrorCode::Conflict);
        let proof = proof(PASSWORD, &format!("{guess:06}"));
        let refused = world.auth.remove_second_factor(&world.owner.scope, &proof).await;
        codes.push(refused.expect_err("a guess").code());
    }
    assert_eq!(codes[0], ErrorCode::InvalidCode);
    assert!(codes.contains(&ErrorCode::TooManyRequests), "{codes:?}");
}

/// A4: without the right password nobody learns that there is a second factor;
/// and no other way in goes around it.
#[tokio::test]
async fn no_way_in_goes_around_it() {
    let world = World::create().await;
    let (app, used, codes) = world.set_up().await;
    for (email, code) in
        [(&*world.owner.email, Some("123456")), (&world.owner.email, None), ("x@example.com", None)]
    {
        let request = LoginRequest {
            code: code.map(str::to_owned),
            ..LoginRequest::new(email, "not that one, surely")
        };
        let refused = world.auth.login(&request, &Peer::default()).await.expect_err("wrong");
        assert_eq!(refused.code(), ErrorCode::InvalidCredentials);
        assert_eq!(refused.to_string(), "the e-mail address or the password is wrong");
    }
    // An invitation.
    let other = Tenant::register(&world.auth).await;
    let invite = Invite { email: world.owner.email.clone(), role: BuiltInRole::Viewer.into() };
    let invited =
        world.database.invitations().create(&other.scope, &invite).await.expect("invited");
    let accept = |code: Option<&str>| AcceptInvitation {
        token: invited.token.clone(),
        password: PASSWORD.to_owned(),
        name: None,
        code: code.map(str::to_owned),
    };
    for (code, told) in [
        (None, ErrorCode::SecondFactorRequired),
        (Some("123456"), ErrorCode::InvalidCode),
        (Some(&*used), ErrorCode::InvalidCode),
    ] {
        let refused = world.auth.accept_invitation(&accept(code), &Peer::default()).await;
        assert_eq!(refused.expect_err("around it").code(), told);
    }
    let accepted =
        world.auth.accept_invitation(&accept(Some(&app.code(1))), &Peer::default()).await;
    accepted.expect("with the code");
    // A new password, of somebody who is known to have the address.
    let superuser = world.test.superuser().await;
    superuser
        .batch_execute("update nexo.users set email_verified_at = now()")
        .await
        .expect("shown");
    let forgot = ForgotPassword { email: world.owner.email.clone() };
    let mailed = world.auth.issue_password_reset(&forgot, &Peer::default()).await.expect("issued");
    let token = mailed.expect("a user").token;
    let reset = ResetPassword { token, password: PASSWORD.to_owned() };
    world.auth.reset_password(&reset, &Peer::default()).await.expect("reset");
    assert_eq!(world.refused(None).await, ErrorCode::SecondFactorRequired);
    world.login(Some(&codes[0])).await.expect("the app is lost");
    // A token of whoever runs the program shows no address, and takes no factor.
    superuser
        .batch_execute("update nexo.users set email_verified_at = null")
        .await
        .expect("not shown");
    let token = world.auth.hand_out_password_reset(&forgot).await.expect("issued");
    let reset = ResetPassword { token: token.expect("a user"), password: PASSWORD.to_owned() };
    world.auth.reset_password(&reset, &Peer::default()).await.expect("reset");
    assert_eq!(world.refused(None).await, ErrorCode::SecondFactorRequired);
    let opened = world.login(Some(&codes[1])).await.expect("the app is lost");
    assert_eq!(opened.user.email_verified_at, None);
    // Whoever runs the program.
    assert!(world.auth.reset_second_factor(&forgot).await.expect("done"));
    world.login(None).await.expect("the password alone");
    let nobody = ForgotPassword { email: "x@example.com".to_owned() };
    assert!(!world.auth.reset_second_factor(&nobody).await.expect("nobody"));
}

#[tokio::test]
async fn it_is_taken_away_by_password_and_code() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let refused = world.auth.remove_second_factor(owner, &proof(PASSWORD, "123456")).await;
    assert_eq!(refused.expect_err("there is none").code(), ErrorCode::Conflict);
    let (app, used, codes) = world.set_up().await;
    let wrong = proof("not that one, surely", &app.code(1));
    assert!(world.auth.remove_second_factor(owner, &wrong).await.expect_err("wrong").is_invalid());
    let used = proof(PASSWORD, &used);
    let used = world.auth.renew_recovery_codes(owner, &used).await.expect_err("used");
    assert_eq!(used.code(), ErrorCode::InvalidCode);
    let renewed = world.auth.renew_recovery_codes(owner, &proof(PASSWORD, &codes[0])).await;
    let renewed = renewed.expect("renewed").recovery_codes;
    assert_eq!(world.refused(Some(&codes[1])).await, ErrorCode::InvalidCode, "those before");
    world.login(Some(&renewed[0])).await.expect("the new ones");
    world.auth.remove_second_factor(owner, &proof(PASSWORD, &app.code(1))).await.expect("removed");
    world.login(None).await.expect("the password alone");
    let state = world.auth.second_factor(owner).await.expect("read");
    assert_eq!((state.enabled_at, state.recovery_codes_left), (None, 0));

    // An API key has nothing to do with it.
    let new = NewApiKey::named("x", Permission::ClientRead);
    let key = world.database.api_keys().create(owner, &new).await.expect("made");
    let key: TenantScope = world.auth.verify(&key.secret).await.expect("verifies");
    assert!(world.auth.second_factor(&key).await.expect_err("a key").is_forbidden());
}

/// P8, R28: that it is on, off, used and renewed is told, and no secret is.
#[tokio::test]
async fn p8_the_log_tells_of_it_and_no_secret() {
    let world = World::create().await;
    let owner = &world.owner.scope;
    let (app, _, codes) = world.set_up().await;
    world.login(Some(&codes[0])).await.expect("the app is lost");
    world.refused(Some("123456")).await;
    world.auth.remove_second_factor(owner, &proof(PASSWORD, &app.code(1))).await.expect("removed");
    let params = AuditParams { subject: Some("users".into()), ..AuditParams::default() };
    let told = world.database.audit().list(owner, &params).await.expect("read").data;
    let actions: Vec<AuditAction> = told.iter().map(|entry| entry.action).rev().collect();
    assert_eq!(
        actions,
        [AuditAction::Update, AuditAction::Update, AuditAction::FailLogin, AuditAction::Update]
    );
    let left = |at: usize| told[at].after.as_ref().expect("told")["recovery_codes"].clone();
    assert_eq!(told[1].after.as_ref().expect("told")["for"], "code");
    assert_eq!([left(3), left(2), left(0)], [10, 9, 0].map(serde_json::Value::from));
    assert!(told[3].after.as_ref().expect("told")["second_factor_at"].is_string());

    let superuser = world.test.superuser().await;
    let rows = superuser.query("select l::text from nexo.audit_log l", &[]).await.expect("read");
    let secret: String = app.secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for row in rows {
        let text: &str = row.get(0);
        assert!(!text.contains(&secret) && !text.contains(&codes[0]), "{text}");
    }
}

/// A11: of an address that somebody took, whoever gets its mail gets everything: a
/// factor from before goes with the password.
#[tokio::test]
async fn a11_whoever_has_the_address_gets_it_back() {
    let world = World::create().await;
    let (_, _, codes) = world.set_up().await;
    let forgot = ForgotPassword { email: world.owner.email.clone() };
    let reset = async || {
        let mailed =
            world.auth.issue_password_reset(&forgot, &Peer::default()).await.expect("issued");
        let token = mailed.expect("a user").token;
        let reset = ResetPassword { token, password: PASSWORD.to_owned() };
        world.auth.reset_password(&reset, &Peer::default()).await
    };
    reset().await.expect("reset");
    world.login(None).await.expect("the password alone");
    assert_eq!(
        world.login(Some(&codes[0])).await.map(drop).ok(),
        Some(()),
        "and no code is asked for"
    );

    // What was mailed before sets no password over a factor, or a newer password.
    let mailed = world.auth.issue_password_reset(&forgot, &Peer::default()).await.expect("issued");
    let scope = world.auth.verify(&world.login(None).await.expect("logs in").access_token).await;
    let scope = scope.expect("verifies");
    let change = PasswordChange {
        current_password: PASSWORD.to_owned(),
        new_password: "another long enough phrase".to_owned(),
    };
    world.auth.change_password(&scope, &change).await.expect("changed");
    let late =
        ResetPassword { token: mailed.expect("a user").token, password: PASSWORD.to_owned() };
    let refused = world.auth.reset_password(&late, &Peer::default()).await.expect_err("late");
    assert_eq!(refused.code(), ErrorCode::InvalidToken);
}

/// F10: a log-in that is under way while a factor is confirmed gets no session.
#[tokio::test]
async fn f10_a_log_in_under_way_does_not_get_past_it() {
    let world = World::create().await;
    let set_up = SetUpSecondFactor { password: PASSWORD.to_owned() };
    let told = world.auth.set_up_second_factor(&world.owner.scope, &set_up).await.expect("set up");
    let holder = world.test.superuser().await;
    // Whoever logs in has read that there is none, and waits for the row.
    holder.batch_execute("begin; select from nexo.users for update").await.expect("held");
    let confirming = async {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        loop {
            holder.batch_execute("select pg_stat_clear_snapshot()").await.expect("cleared");
            let seen: i64 = holder.query_one(waiting, &[]).await.expect("counted").get(0);
            if seen > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let on = "update nexo.users set second_factor_at = now(); commit";
        holder.batch_execute(on).await.expect("confirmed");
    };
    let (login, ()) = tokio::join!(world.login(None), confirming);
    assert_eq!(login.expect_err("no code").code(), ErrorCode::InvalidCredentials);
    assert_eq!(world.refused(None).await, ErrorCode::SecondFactorRequired);
    drop(told);
}
