//! A database, a server on it, and the proxy that the SDK talks to.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};

use nexo_client::model::{Id, RegisterRequest, User};
use nexo_client::{Nexo, Session};
use nexo_core::testing::TestDatabase;
use nexo_core::{AuthConfig, Authenticator};
use nexo_server::{HttpConfig, OidcProviders, Server, TrafficLimits};

use crate::proxy::Proxy;

pub(crate) use nexo_core::testing::PASSWORD;

/// One test's world; its tasks end with the test's runtime.
pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) authenticator: Authenticator,
    _database: TestDatabase,
}

impl World {
    pub(crate) async fn start() -> Self {
        let test_database = TestDatabase::create().await;
        let (database, auth) = test_database.open_with_auth(AuthConfig::default()).await;
        let server = Server::bind(config(), database, auth.clone()).await.unwrap();
        let proxy = Proxy::start(server.local_addr()).await;
        tokio::spawn(server.run(pending()));
        Self { proxy, authenticator: auth, _database: test_database }
    }

    /// One whose users sign in through this provider.
    pub(crate) async fn with_sign_in(provider: &serde_json::Value) -> Self {
        let test_database = TestDatabase::create().await;
        let (database, auth) = test_database.open_with_auth(AuthConfig::default()).await;
        let server = Server::listen(config()).await.unwrap();
        let providers = serde_json::json!([provider]).to_string();
        let providers = OidcProviders::from_json(&providers).unwrap();
        server.provider().provide_with_sign_in(database, auth.clone(), None, providers);
        let proxy = Proxy::start(server.local_addr()).await;
        tokio::spawn(server.run(pending()));
        Self { proxy, authenticator: auth, _database: test_database }
    }

    /// A handle of a new user, logged in.
    pub(crate) async fn register(&self, name: &str) -> Nexo {
        let nexo = Nexo::new(&self.proxy.url).unwrap();
        nexo.register(&registration(name)).await.unwrap();
        nexo
    }

    /// A new user's session whose access token has expired by its own account.
    pub(crate) async fn expired_session(&self, name: &str) -> Session {
        Self::aged(&self.register(name).await.session().unwrap())
    }

    /// A new user's session whose access token the server refuses, though it
    /// looks fresh.
    pub(crate) async fn refused_session(&self, name: &str) -> Session {
        let mut tokens = self.register(name).await.session().unwrap().export();
        tokens.access_token.push('x');
        tokens.into()
    }

    /// The same session at the end of its access token's life.
    pub(crate) fn aged(session: &Session) -> Session {
        let mut tokens = session.export();
        tokens.expires_in = 0;
        tokens.into()
    }
}

/// A free port, and no limits: a test sends as much in a second as people do in a
/// minute.
fn config() -> HttpConfig {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    HttpConfig { listen, traffic: TrafficLimits::off(), ..HttpConfig::default() }
}

/// A registration with an address that nobody has.
pub(crate) fn registration(name: &str) -> RegisterRequest {
    RegisterRequest {
        email: format!("{name}-{}@example.com", Id::<User>::new()),
        password: PASSWORD.to_owned(),
        name: name.to_owned(),
        account_name: format!("{name}'s account"),
    }
}
