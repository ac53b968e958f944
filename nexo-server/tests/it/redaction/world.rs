//! A server that sends mail and knows a provider, all that it does, and all that it logs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nexo_core::testing::{PASSWORD, TestDatabase};
use nexo_core::tokio_postgres::config::Host;
use serde_json::{Value, json};

use super::{FORGED, TRACE};
use crate::harness::{Call, User, until_ready};
use crate::http2::Protocol;
use crate::mail::postbox::Postbox;
use crate::oidc::provider::{CALLBACK, TestProvider, person};
use crate::program::{Program, command};
use crate::wire::Reply;

const NEW: &str = "another long enough phrase";
const WRONG: &str = "a phrase that was mistyped";
const COOKIE: &str = "session=chocolate-cookie";

/// It logs all that there is.
pub(super) struct World {
    program: Program,
    /// What is behind it, if it is a gateway.
    services: Vec<Program>,
    protocol: Protocol,
    postbox: Postbox,
    provider: TestProvider,
    secrets: Vec<String>,
}

impl World {
    /// One process, which takes its callers for its proxies, or several of them, which
    /// speak HTTP/2 with each other.
    async fn start(format: &str, protocol: Protocol, database: Option<&TestDatabase>) -> Self {
        let (postbox, provider) = (Postbox::open().await, TestProvider::start().await);
        let folder = tempfile::tempdir().unwrap();
        let providers = folder.path().join("providers.json");
        let config = provider.config();
        fs::write(&providers, json!([config]).to_string()).unwrap();
        fs::set_permissions(&providers, Permissions::from_mode(0o600)).unwrap();
        let of_role = |role: &str| {
            let mut command = command(&["--log", "trace", "--log-format", format, "--traces"]);
            command.args(["--role", role, "--trusted-proxy", "127.0.0.1"]);
            command
        };
        let with_sign_in = |mut command: Command| {
            command.args(["--mail-from", "NEXO <crm@example.com>", "--oidc-providers"]);
            command.arg(&providers).env("NEXO_SMTP_URL", postbox.url());
            command
        };
        let mut services = Vec::new();
        let program = if let Some(database) = database {
            let mut auth = with_sign_in(of_role("auth"));
            auth.env("DATABASE_URL", url(database));
            let auth = Program::spawn(auth).listening();
            let auth_url = format!("h2c://{}", auth.address);
            let mut crm = of_role("crm");
            crm.args(["--auth-service-url", &auth_url]).env("DATABASE_URL", url(database));
            let crm = Program::spawn(crm).listening();
            let mut gateway = of_role("gateway");
            gateway.args(["--auth-service-url", &auth_url]);
            gateway.arg("--crm-service-url").arg(format!("h2c://{}", crm.address));
            services.extend([auth, crm]);
            let gateway = Program::spawn(gateway).listening();
            until_ready(gateway.address).await;
            gateway
        } else {
            let mut command = with_sign_in(of_role("all"));
            command.arg("--ephemeral");
            Program::spawn(command).listening()
        };
        let secrets =
            [PASSWORD, NEW, WRONG, COOKIE, "eyJ", "nxr_", "nxk_", "nxp_", "nxv_", "nxi_", "nxs_"];
        let mut secrets: Vec<_> = secrets.map(str::to_owned).into();
        secrets.push(config["client_secret"].as_str().unwrap().to_owned());
        Self { program, services, protocol, postbox, provider, secrets }
    }

    async fn send(&self, call: Call) -> Reply {
        self.protocol.send(call).await
    }

    fn call(&self, method: &str, path: &str, id: &str) -> Call {
        let call = self.program.call(method, path).header("x-request-id", id);
        call.header("cookie", COOKIE)
    }

    fn post(&self, path: &str, id: &str, body: &Value) -> Call {
        self.call("POST", path, id).json(body)
    }

    /// Remembers what was answered and is nobody else's business.
    #[track_caller]
    fn secret(&mut self, body: &Value, names: &[&str]) -> String {
        let text = |name: &&str| body[*name].as_str().unwrap_or_else(|| panic!("{name}: {body}"));
        let found: Vec<_> = names.iter().map(text).collect();
        self.secrets.extend(found.iter().map(|secret| (*secret).to_owned()));
        found[0].to_owned()
    }

    async fn passwords_and_tokens(&mut self) -> User {
        let user = json!({ "email": "ada@example.com", "password": PASSWORD,
            "name": format!("Ada\r\n{FORGED}"), "account_name": "Engines" });
        let reply = self.send(self.post("/api/auth/register", "reg-1", &user)).await;
        let user = User::of("ada@example.com".to_owned(), &reply);
        let verify = self.postbox.next().await.token("nxv_");
        self.secrets.push(verify.clone());
        let verify = json!({ "token": verify });
        assert_eq!(
            self.send(self.post("/api/auth/email/verify", "ver-1", &verify)).await.status,
            204
        );
        for (password, status) in [(PASSWORD, 200), (WRONG, 401)] {
            let login = json!({ "email": "ada@example.com", "password": password });
            let reply = self.send(self.post("/api/auth/login", "log-1", &login)).await;
            assert_eq!(reply.status, status, "{}", reply.json());
        }
        let refresh = json!({ "refresh_token": user.refresh_token });
        let reply = self.send(self.post("/api/auth/refresh", "ref-1", &refresh)).await;
        let access = self.secret(&reply.json(), &["access_token", "refresh_token"]);
        let mut user = user;
        self.secrets
            .extend([std::mem::replace(&mut user.token, access), user.refresh_token.clone()]);

        let key = json!({ "name": "Shop", "permissions": ["client:read"] });
        let reply = self.send(self.post("/api/keys", "key-1", &key).by(&user)).await;
        let key = self.secret(&reply.json(), &["secret"]);
        for bearer in [&key, &format!("{key}x"), &user.token, &format!("{}x", user.token)] {
            self.send(self.call("GET", "/api/clients", "use-1").bearer(bearer)).await;
        }
        let setup = json!({ "password": PASSWORD });
        let reply =
            self.send(self.post("/api/auth/second-factor", "two-1", &setup).by(&user)).await;
        if let Some(secret) = reply.json()["secret"].as_str() {
            self.secrets.push(secret.to_owned());
        }
        user
    }

    async fn invitation_and_reset(&mut self, user: &User) {
        let invite = json!({ "email": "grace@example.com", "role": "viewer" });
        let reply = self.send(self.post("/api/invitations", "inv-1", &invite).by(user)).await;
        assert_eq!(reply.status, 201, "{}", reply.json());
        let token = self.postbox.next().await.token("nxi_");
        self.secrets.push(token);

        let forgot = json!({ "email": user.email });
        let reply = self.send(self.post("/api/auth/password/forgot", "for-1", &forgot)).await;
        assert_eq!(reply.status, 202);
        let token = self.postbox.next().await.token("nxp_");
        self.secrets.push(token.clone());
        let reset = json!({ "token": token, "password": NEW });
        let reply = self.send(self.post("/api/auth/password/reset", "res-1", &reset)).await;
        assert_eq!(reply.status, 204);
    }

    async fn sign_in_through_the_provider(&mut self) {
        let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
        let mut sign_in = async |id: &str, is_good: bool| {
            let reply = self.send(self.post("/api/auth/oidc/start", id, &start)).await.json();
            let token = self.secret(&reply, &["sign_in_token", "authorization_url"]);
            let page = reply["authorization_url"].as_str().unwrap();
            let back =
                self.provider.sign_in(page, &person("grace-at-corp", "grace@corp.example")).await;
            self.secrets.extend([back.state.clone(), back.code.clone()]);
            let code = if is_good { &back.code } else { "a-code-that-was-guessed" };
            self.secrets.push(code.to_owned());
            let finish = json!({ "sign_in_token": token, "state": back.state, "code": code,
                "register": { "account_name": "Corp" } });
            self.send(self.post("/api/auth/oidc/finish", id, &finish)).await
        };
        assert_eq!(sign_in("oidc-1", true).await.status, 200);
        assert_eq!(sign_in("oidc-2", false).await.status, 401);
    }

    /// What nobody should send.
    async fn odd_requests(&self, user: &User) {
        let line = format!("%0d%0a{}", FORGED.replace(' ', "%20"));
        let path = format!("/api/clients?cursor={line}&token={}", user.token);
        self.send(self.call("GET", &path, "odd-1").by(user)).await;
        self.send(self.call("GET", &format!("/api/{}", user.token), "odd-2")).await;
        self.send(self.post("/api/clients", "odd-3", &json!({ "name": FORGED })).by(user)).await;
        let call = self.call("GET", "/api/clients", "odd-4").header("user-agent", FORGED);
        self.send(call.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"))).await;
        self.send(self.call("GET", "/api/clients", "odd-5").header("authorization", WRONG)).await;
    }

    /// All that was logged, of each process.
    pub(super) async fn logs(
        format: &str,
        protocol: Protocol,
        database: Option<&TestDatabase>,
    ) -> Vec<String> {
        let mut world = Self::start(format, protocol, database).await;
        let user = world.passwords_and_tokens().await;
        world.invitation_and_reset(&user).await;
        world.sign_in_through_the_provider().await;
        world.odd_requests(&user).await;
        assert!(world.secrets.len() > 25, "so many were made");
        let mut logs = Vec::new();
        // Who is in front ends first.
        for program in std::iter::once(world.program).chain(world.services) {
            program.signal("TERM");
            let (status, _, log) = program.end();
            assert!(status.success(), "{log}");
            for secret in &world.secrets {
                assert!(!secret.is_empty() && !log.contains(secret), "{secret} is in\n{log}");
            }
            assert!(!log.contains(FORGED), "{log}");
            logs.push(log);
        }
        logs
    }

    /// That of one process.
    pub(super) async fn log(format: &str, protocol: Protocol) -> String {
        Self::logs(format, protocol, None).await.remove(0)
    }
}

/// Where the test's database is.
fn url(database: &TestDatabase) -> String {
    let config = database.owner_config();
    let [Host::Unix(folder)] = config.get_hosts() else { panic!("one unix socket") };
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    format!("host={} user={user} dbname={name} password={password}", folder.display())
}
