//! Signing in through a provider, which is a real one on a socket of its own.

mod identities;
mod newcomers;
pub(crate) mod provider;
mod providers;
mod replies;
mod second_factor;
mod sign_in;

use nexo_core::testing::PASSWORD;
use nexo_server::OidcProviders;
use serde_json::{Value, json};

use crate::harness::{TestServer, User};
use crate::wire::Reply;
use provider::{Back, CALLBACK, Person, TestProvider, person};

/// A server whose users sign in through a provider.
struct World {
    provider: TestProvider,
    server: TestServer,
}

/// A sign-in that has begun.
struct Started {
    page: String,
    token: String,
}

impl World {
    async fn create() -> Self {
        Self::of(TestProvider::start().await).await
    }

    async fn of(provider: TestProvider) -> Self {
        let config = json!([provider.config()]);
        Self::with(provider, &config).await
    }

    async fn with(provider: TestProvider, config: &Value) -> Self {
        let providers = OidcProviders::from_json(&config.to_string()).unwrap();
        Self { provider, server: TestServer::with_sign_in(providers).await }
    }

    async fn try_start(&self) -> Reply {
        let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
        self.server.post("/api/auth/oidc/start", &start).send().await
    }

    async fn start(&self) -> Started {
        Started::of(&self.try_start().await)
    }

    /// Somebody goes to the provider and comes back.
    async fn go(&self, person: &Person) -> (Started, Back) {
        let started = self.start().await;
        let back = self.provider.sign_in(&started.page, person).await;
        (started, back)
    }

    async fn finish(&self, body: &Value) -> Reply {
        self.server.post("/api/auth/oidc/finish", body).send().await
    }

    /// All of it.
    async fn sign_in(&self, person: &Person) -> Reply {
        self.sign_in_with(person, &json!({})).await
    }

    /// With more than what must be sent.
    async fn sign_in_with(&self, person: &Person, more: &Value) -> Reply {
        let (started, back) = self.go(person).await;
        self.finish(&with(finishing(&started, &back), more)).await
    }

    /// Somebody new, who registers by it.
    async fn register(&self, person: &Person) -> User {
        let reply = self.sign_in_with(person, &registering()).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        User::of(reply.json()["user"]["email"].as_str().unwrap().to_owned(), &reply)
    }

    async fn start_link(&self, user: &User) -> Started {
        let start = json!({ "provider": "corp", "redirect_uri": CALLBACK, "password": PASSWORD });
        let path = "/api/auth/identities/start";
        Started::of(&self.server.post(path, &start).by(user).send().await)
    }

    async fn link(&self, user: &User, person: &Person) -> Reply {
        let started = self.start_link(user).await;
        let back = self.provider.sign_in(&started.page, person).await;
        let link = finishing(&started, &back);
        self.server.post("/api/auth/identities", &link).by(user).send().await
    }

    async fn identities(&self, user: &User) -> Value {
        let reply = self.server.get("/api/auth/identities").by(user).send().await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        reply.json()
    }

    /// What the account's log has on failures to sign in, the newest first.
    async fn failures(&self, owner: &User) -> Vec<Value> {
        let path = "/api/audit?topic=sign_in_failures";
        let log = self.server.get(path).by(owner).send().await.json();
        let entries = log["data"].as_array().unwrap();
        entries.iter().map(|entry| entry["after"].clone()).collect()
    }

    /// What would tell that something was changed.
    async fn rows(&self) -> [i64; 5] {
        let tables = ["users", "accounts", "memberships", "sessions", "external_identities"];
        let mut rows = [0; 5];
        for (at, table) in tables.iter().enumerate() {
            rows[at] = self.server.rows(&format!("nexo.{table}")).await;
        }
        rows
    }
}

impl Started {
    fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let body = reply.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { page: text("authorization_url"), token: text("sign_in_token") }
    }
}

fn finishing(started: &Started, back: &Back) -> Value {
    json!({ "sign_in_token": started.token, "state": back.state, "code": back.code })
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn registering() -> Value {
    json!({ "register": { "account_name": "Engines" } })
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.problem())
}

fn told(provider: &str, reason: &str) -> Value {
    json!({ "for": "identity", "provider": provider, "refused": reason })
}

const INVALID: (u16, &str) = (401, "invalid_oidc_reply");
const NOT_LINKED: (u16, &str) = (401, "identity_not_linked");

#[track_caller]
fn assert_refused(reply: &Reply, expected: (u16, &str)) {
    assert_eq!((reply.status, &*reply.problem()), expected, "{}", reply.json());
}

fn ada() -> Person {
    person("ada-at-corp", "ada@example.com")
}
