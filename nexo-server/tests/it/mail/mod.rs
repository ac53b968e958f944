//! What is mailed, to whom, and what it is good for.

pub(crate) mod postbox;

use nexo_core::AuthConfig;
use nexo_core::testing::{PASSWORD, TestDatabase};
use nexo_server::Server;
use serde_json::{Value, json};

use crate::harness::{TestServer, User, register};
use crate::wire::Reply;
use postbox::Postbox;

const NEW: &str = "another long enough phrase";

struct World {
    server: TestServer,
    postbox: Postbox,
}

impl World {
    async fn create() -> Self {
        let postbox = Postbox::open().await;
        let config = postbox.config().public_url("https://crm.example.com/");
        Self { server: TestServer::with_mail(config).await, postbox }
    }

    /// A user, and the token that was mailed to them.
    async fn register(&mut self, name: &str) -> (User, String) {
        let user = self.server.register(name).await;
        let letter = self.postbox.next().await;
        assert_eq!(letter.to, format!("TO:<{}>", user.email));
        (user, letter.token("nxv_"))
    }

    async fn forgot(&self, email: &str) -> Reply {
        self.server.post("/api/auth/password/forgot", &json!({ "email": email })).send().await
    }

    async fn reset(&self, token: &str, password: &str) -> Reply {
        let body = json!({ "token": token, "password": password });
        self.server.post("/api/auth/password/reset", &body).send().await
    }

    async fn verify(&self, token: &str) -> Reply {
        self.server.post("/api/auth/email/verify", &json!({ "token": token })).send().await
    }

    async fn login(&self, email: &str, password: &str) -> Reply {
        let body = json!({ "email": email, "password": password });
        self.server.post("/api/auth/login", &body).send().await
    }
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

/// A11: a forgotten password is set by what was mailed, once, and every session
/// ends.
#[tokio::test]
async fn a11_a_forgotten_password_is_set_anew() {
    let mut world = World::create().await;
    let (ada, _) = world.register("ada").await;
    assert_eq!(world.forgot(" ADA@example.com ").await.status, 202);
    let letter = world.postbox.next().await;
    assert_eq!(
        (letter.from.as_str(), letter.to.as_str()),
        ("FROM:<crm@example.com>", "TO:<ada@example.com>")
    );
    for line in ["Subject: Set a new password", "Auto-Submitted: auto-generated", "Hello ada,"] {
        assert!(letter.content.contains(&format!("{line}\r\n")), "{}", letter.content);
    }
    for header in ["Message-ID: <", "MIME-Version: 1.0\r\n", "Date: "] {
        assert!(letter.content.contains(header), "{}", letter.content);
    }
    let token = letter.token("nxp_");
    let whole = letter.content.replace("=\r\n", "");
    assert!(whole.contains(&format!("https://crm.example.com/reset-password#{token}")), "{whole}");

    // Nothing has happened yet; a password that is refused uses nothing up.
    assert_eq!(world.server.get("/api/clients").by(&ada).send().await.status, 200);
    let weak = world.reset(&token, "short").await;
    assert_eq!(refused(&weak), (422, "validation_failed".to_owned()));
    assert_eq!(weak.json()["errors"][0]["field"], "password");
    assert_eq!(world.reset(&token, NEW).await.status, 204);
    let ended = world.server.get("/api/clients").by(&ada).send().await;
    assert_eq!(refused(&ended), (401, "session_ended".to_owned()));
    let refresh = json!({ "refresh_token": ada.refresh_token });
    assert_eq!(world.server.post("/api/auth/refresh", &refresh).send().await.status, 401);
    assert_eq!(world.login(&ada.email, PASSWORD).await.problem(), "invalid_credentials");
    let ada = User::of(ada.email.clone(), &world.login(&ada.email, NEW).await);
    let profile = world.server.get("/api/auth/profile").by(&ada).send().await.json();
    assert!(profile["user"]["email_verified_at"].is_string(), "whoever got it has the address");

    assert_eq!(refused(&world.reset(&token, PASSWORD).await), (401, "invalid_token".to_owned()));
    let told = world.server.get("/api/audit?subject=users").by(&ada).send().await.json();
    let told =
        told["data"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap());
    assert_eq!(told.collect::<Vec<_>>(), ["fail_login", "update", "change_password"]);
}

/// A4: what is answered to an address of nobody is what everybody is answered.
#[tokio::test]
async fn a4_nobody_learns_whose_an_address_is() {
    let mut world = World::create().await;
    let (ada, _) = world.register("ada").await;
    let shape = |reply: &Reply| {
        let mut headers = reply.snapshot();
        if let Some(at) = headers.find("x-request-id") {
            headers.truncate(at);
        }
        (reply.status, headers)
    };
    let known = world.forgot(&ada.email).await;
    for nobody in ["nobody@example.com", "x", "\u{0}@example.com", "ada@example.com.example.org"] {
        let unknown = world.forgot(nobody).await;
        assert_eq!(shape(&unknown), shape(&known), "{nobody:?}");
    }
    let letter = world.postbox.next().await;
    assert_eq!(letter.to, "TO:<ada@example.com>");
    // One more, behind which nothing else can be under way.
    world.forgot(&ada.email).await;
    world.postbox.next().await;
    assert_eq!(world.postbox.left(), 0);
}

/// A11, J4: a token is good once, for a short time, and for one thing; a newer one
/// replaces it.
#[tokio::test]
async fn a11_what_was_mailed_is_good_once_and_for_one_thing() {
    let mut world = World::create().await;
    let (ada, verification) = world.register("ada").await;
    world.forgot(&ada.email).await;
    let replaced = world.postbox.next().await.token("nxp_");
    world.forgot(&ada.email).await;
    let good = world.postbox.next().await.token("nxp_");
    let as_reset = verification.replacen("nxv_", "nxp_", 1);
    let as_verification = good.replacen("nxp_", "nxv_", 1);
    let none = format!("nxp_{}", "A".repeat(64));
    for token in
        ["", "nxp_", &none, &replaced, &verification, &as_reset, &ada.token, &ada.refresh_token]
    {
        let reply = world.reset(token, NEW).await;
        assert_eq!(refused(&reply), (401, "invalid_token".to_owned()), "{token}");
    }
    for token in [&good, &as_verification, &none] {
        let reply = world.verify(token).await;
        assert_eq!(refused(&reply), (401, "invalid_token".to_owned()), "{token}");
    }
    for token in [&good, &verification] {
        let reply = world.server.get("/api/clients").bearer(token).send().await;
        assert_eq!(refused(&reply), (401, "unauthenticated".to_owned()));
        let refresh = json!({ "refresh_token": token });
        assert_eq!(world.server.post("/api/auth/refresh", &refresh).send().await.status, 401);
    }
    let superuser = world.server.database.superuser().await;
    let expire = |at| {
        format!(
            "update nexo.one_time_tokens set expires_at = {at} where purpose = 'password_reset'"
        )
    };
    superuser.batch_execute(&expire("now()")).await.unwrap();
    assert_eq!(world.reset(&good, NEW).await.status, 401);
    superuser.batch_execute(&expire("now() + interval '1 minute'")).await.unwrap();

    // What is kept is a hash; and of many at once, one wins.
    let kept = superuser.query("select t::text from nexo.one_time_tokens t", &[]).await.unwrap();
    assert!(kept.iter().all(|row| !row.get::<_, &str>(0).contains(&good[20..])));
    let many = (0..6).map(|_| world.reset(&good, NEW));
    let statuses = futures_util::future::join_all(many).await;
    assert_eq!(statuses.iter().filter(|it| it.status == 204).count(), 1);
    assert!(statuses.iter().all(|it| matches!(it.status, 204 | 401)));
}

#[tokio::test]
async fn an_address_is_shown_to_be_its_users() {
    let mut world = World::create().await;
    let (ada, token) = world.register("ada").await;
    let resend = async || {
        world.server.call("POST", "/api/auth/email/verification").by(&ada).send().await.status
    };
    let verified = async || {
        let profile = world.server.get("/api/auth/profile").by(&ada).send().await.json();
        profile["user"]["email_verified_at"].clone()
    };
    assert_eq!((verified().await, resend().await), (Value::Null, 202));
    let newer = world.postbox.next().await.token("nxv_");
    assert_eq!(world.verify(&token).await.status, 401, "a newer one has replaced it");
    assert_eq!(world.verify(&newer).await.status, 204);
    assert!(verified().await.is_string());
    assert_eq!(world.verify(&newer).await.status, 401);
    assert_eq!(resend().await, 202);
    world.forgot(&ada.email).await;
    assert!(world.postbox.next().await.content.contains("Set a new password"), "and no other");
}

/// What invites is mailed to whom is invited and told to nobody else.
#[tokio::test]
async fn an_invitation_is_mailed() {
    let mut world = World::create().await;
    let (ada, _) = world.register("ada").await;
    let invite = json!({ "email": "charles@example.com", "role": "viewer" });
    let invited = world.server.post("/api/invitations", &invite).by(&ada).send().await;
    assert_eq!(invited.status, 201);
    assert!(invited.json().get("token").is_none(), "{}", invited.json());
    let letter = world.postbox.next().await;
    assert_eq!(letter.to, "TO:<charles@example.com>");
    assert!(
        letter.content.contains("ada invites you to Engines. To accept:"),
        "{}",
        letter.content
    );
    let token = letter.token("nxi_");
    let accept = json!({ "token": token, "password": PASSWORD, "name": "Charles" });
    let joined = world.server.post("/api/auth/invitations/accept", &accept).send().await;
    assert_eq!(joined.status, 201);
    assert!(joined.json()["user"]["email_verified_at"].is_string(), "{}", joined.json());

    // Nobody has us mail somebody all day.
    let again = json!({ "email": "eve@example.com", "role": "viewer" });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.server.post("/api/invitations", &again).by(&ada).send().await.status);
    }
    assert_eq!(statuses, [201, 201, 201, 429]);
}

/// A5: an address is mailed so often, and from then on one has to wait; logging
/// in is not held up by it.
#[tokio::test]
async fn a5_asking_for_mail_is_throttled() {
    let mut world = World::create().await;
    let (ada, _) = world.register("ada").await;
    for email in [&*ada.email, "nobody@example.com"] {
        for _ in 0..3 {
            assert_eq!(world.forgot(email).await.status, 202);
        }
        let refused = world.forgot(email).await;
        assert_eq!((refused.status, refused.problem().as_str()), (429, "too_many_requests"));
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}

/// A mail server that is away for a moment, or busy, gets the letter later; one
/// that says no is not asked again.
#[tokio::test]
async fn letters_are_sent_again() {
    let mut world = World::create().await;
    world.postbox.answer(&["451 later"]);
    let (ada, _) = world.register("ada").await;
    world.postbox.answer(&["550 no"]);
    world.forgot(&ada.email).await;
    // The one that was refused for good does not come before the next.
    world.postbox.has_answered().await;
    world.forgot(&ada.email).await;
    let token = world.postbox.next().await.token("nxp_");
    assert_eq!(world.reset(&token, NEW).await.status, 204, "it is the newer one");
    assert_eq!(world.postbox.left(), 0);
}

#[tokio::test]
async fn without_a_mail_server_it_is_said() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let forgot = json!({ "email": ada.email });
    for reply in [
        server.post("/api/auth/password/forgot", &forgot).send().await,
        server.call("POST", "/api/auth/email/verification").by(&ada).send().await,
    ] {
        assert_eq!(refused(&reply), (501, "mail_unavailable".to_owned()));
    }
    let invite = json!({ "email": "charles@example.com", "role": "viewer" });
    let invited = server.post("/api/invitations", &invite).by(&ada).send().await;
    assert!(invited.json()["token"].as_str().unwrap().starts_with("nxi_"));
}

/// F14: what is queued when the server is told to stop is sent before it ends.
#[tokio::test]
async fn f14_letters_are_sent_before_the_server_ends() {
    let mut postbox = Postbox::open().await;
    let database = TestDatabase::create().await;
    let (opened, authenticator) = database.open_with_auth(AuthConfig::default()).await;
    let config = crate::harness::config();
    let server = Server::listen(config).await.unwrap();
    server.provider().provide_with_mail(opened, authenticator, postbox.config());
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    postbox.answer(&["451 later"]);
    register(address, "ada").await;
    postbox.has_answered().await;
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(postbox.left(), 1);
}
