//! P8: what the log must not tell, and what each of its lines must.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nexo_core::testing::PASSWORD;
use serde_json::{Value, json};

use crate::harness::{Call, User};
use crate::mail::postbox::Postbox;
use crate::oidc::provider::{CALLBACK, TestProvider, person};
use crate::program::{Program, command};

const NEW: &str = "another long enough phrase";
const WRONG: &str = "a phrase that was mistyped";
const COOKIE: &str = "session=chocolate-cookie";
const FORGED: &str = "2026-01-01T00:00:00Z ERROR forged";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A program that sends mail and knows a provider, and logs all that there is.
struct World {
    program: Program,
    postbox: Postbox,
    provider: TestProvider,
    secrets: Vec<String>,
}

impl World {
    async fn start(format: &str) -> Self {
        let (postbox, provider) = (Postbox::open().await, TestProvider::start().await);
        let folder = tempfile::tempdir().unwrap();
        let providers = folder.path().join("providers.json");
        let config = provider.config();
        fs::write(&providers, json!([config]).to_string()).unwrap();
        fs::set_permissions(&providers, Permissions::from_mode(0o600)).unwrap();
        let mut command = command(&["--ephemeral", "--log", "trace", "--log-format", format]);
        command.args(["--traces", "--mail-from", "NEXO <crm@example.com>"]);
        command.arg("--oidc-providers").arg(&providers).env("NEXO_SMTP_URL", postbox.url());
        let program = Program::spawn(command).listening();
        let secrets =
            [PASSWORD, NEW, WRONG, COOKIE, "eyJ", "nxr_", "nxk_", "nxp_", "nxv_", "nxi_", "nxs_"];
        let mut secrets: Vec<_> = secrets.map(str::to_owned).into();
        secrets.push(config["client_secret"].as_str().unwrap().to_owned());
        Self { program, postbox, provider, secrets }
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
        let reply = self.post("/api/auth/register", "reg-1", &user).send().await;
        let user = User::of("ada@example.com".to_owned(), &reply);
        let verify = self.postbox.next().await.token("nxv_");
        self.secrets.push(verify.clone());
        let verify = json!({ "token": verify });
        assert_eq!(self.post("/api/auth/email/verify", "ver-1", &verify).send().await.status, 204);
        for (password, status) in [(PASSWORD, 200), (WRONG, 401)] {
            let login = json!({ "email": "ada@example.com", "password": password });
            let reply = self.post("/api/auth/login", "log-1", &login).send().await;
            assert_eq!(reply.status, status, "{}", reply.json());
        }
        let refresh = json!({ "refresh_token": user.refresh_token });
        let reply = self.post("/api/auth/refresh", "ref-1", &refresh).send().await;
        let access = self.secret(&reply.json(), &["access_token", "refresh_token"]);
        let mut user = user;
        self.secrets
            .extend([std::mem::replace(&mut user.token, access), user.refresh_token.clone()]);

        let key = json!({ "name": "Shop", "permissions": ["client:read"] });
        let reply = self.post("/api/keys", "key-1", &key).by(&user).send().await;
        let key = self.secret(&reply.json(), &["secret"]);
        for bearer in [&key, &format!("{key}x"), &user.token, &format!("{}x", user.token)] {
            self.call("GET", "/api/clients", "use-1").bearer(bearer).send().await;
        }
        let setup = json!({ "password": PASSWORD });
        let reply = self.post("/api/auth/second-factor", "two-1", &setup).by(&user).send().await;
        if let Some(secret) = reply.json()["secret"].as_str() {
            self.secrets.push(secret.to_owned());
        }
        user
    }

    async fn invitation_and_reset(&mut self, user: &User) {
        let invite = json!({ "email": "grace@example.com", "role": "viewer" });
        let reply = self.post("/api/invitations", "inv-1", &invite).by(user).send().await;
        assert_eq!(reply.status, 201, "{}", reply.json());
        let token = self.postbox.next().await.token("nxi_");
        self.secrets.push(token);

        let forgot = json!({ "email": user.email });
        let reply = self.post("/api/auth/password/forgot", "for-1", &forgot).send().await;
        assert_eq!(reply.status, 202);
        let token = self.postbox.next().await.token("nxp_");
        self.secrets.push(token.clone());
        let reset = json!({ "token": token, "password": NEW });
        let reply = self.post("/api/auth/password/reset", "res-1", &reset).send().await;
        assert_eq!(reply.status, 204);
    }

    async fn sign_in_through_the_provider(&mut self) {
        let start = json!({ "provider": "corp", "redirect_uri": CALLBACK });
        let mut sign_in = async |id: &str, is_good: bool| {
            let reply = self.post("/api/auth/oidc/start", id, &start).send().await.json();
            let token = self.secret(&reply, &["sign_in_token", "authorization_url"]);
            let page = reply["authorization_url"].as_str().unwrap();
            let back =
                self.provider.sign_in(page, &person("grace-at-corp", "grace@corp.example")).await;
            self.secrets.extend([back.state.clone(), back.code.clone()]);
            let code = if is_good { &back.code } else { "a-code-that-was-guessed" };
            self.secrets.push(code.to_owned());
            let finish = json!({ "sign_in_token": token, "state": back.state, "code": code,
                "register": { "account_name": "Corp" } });
            self.post("/api/auth/oidc/finish", id, &finish).send().await
        };
        assert_eq!(sign_in("oidc-1", true).await.status, 200);
        assert_eq!(sign_in("oidc-2", false).await.status, 401);
    }

    /// What nobody should send.
    async fn odd_requests(&self, user: &User) {
        let line = format!("%0d%0a{}", FORGED.replace(' ', "%20"));
        let path = format!("/api/clients?cursor={line}&token={}", user.token);
        self.call("GET", &path, "odd-1").by(user).send().await;
        self.call("GET", &format!("/api/{}", user.token), "odd-2").send().await;
        self.post("/api/clients", "odd-3", &json!({ "name": FORGED })).by(user).send().await;
        let call = self.call("GET", "/api/clients", "odd-4").header("user-agent", FORGED);
        call.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01")).send().await;
        self.call("GET", "/api/clients", "odd-5").header("authorization", WRONG).send().await;
    }

    /// All that was logged.
    async fn log(format: &str) -> String {
        let mut world = Self::start(format).await;
        let user = world.passwords_and_tokens().await;
        world.invitation_and_reset(&user).await;
        world.sign_in_through_the_provider().await;
        world.odd_requests(&user).await;
        world.program.signal("TERM");
        let (status, _, log) = world.program.end();
        assert!(status.success(), "{log}");
        assert!(world.secrets.len() > 25, "so many were made");
        for secret in &world.secrets {
            assert!(!secret.is_empty() && !log.contains(secret), "{secret} is in\n{log}");
        }
        assert!(!log.contains(FORGED), "{log}");
        log
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_people_read_no_secret_and_no_forged_line() {
    let log = World::log("pretty").await;
    // The provider's refusal is told within its request, the mail after it.
    for (line, id) in [("a provider's answer was refused", "oidc-2"), (": mailed", "reg-1")] {
        let found =
            log.lines().find(|known| known.contains(line)).unwrap_or_else(|| panic!("{log}"));
        assert!(found.contains(&format!("request{{id=\"{id}\"")), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_machines_read_no_secret_and_whose_each_line_is() {
    let log = World::log("json").await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |id: &str| {
        let mine = |line: &&Value| line["id"] == id || line["span"]["id"] == id;
        lines.iter().filter(mine).collect::<Vec<_>>()
    };
    for (id, message) in [
        ("reg-1", "mailed"),
        ("inv-1", "mailed"),
        ("for-1", "mailed"),
        ("oidc-2", "a provider's answer was refused"),
    ] {
        let mine = of(id);
        assert!(mine.iter().any(|line| line["message"] == message), "{id}: {mine:?}");
        // Its own line tells the same trace as the others.
        let traces: Vec<_> = mine
            .iter()
            .map(|line| line.get("trace").or(line["span"].get("trace")).unwrap())
            .filter(|trace| trace.as_str().is_some_and(|trace| trace.len() == 32))
            .collect();
        assert_eq!(traces.len(), mine.len(), "{mine:?}");
    }
    let given = of("odd-4");
    assert_eq!(given.iter().map(|line| &line["trace"]).collect::<Vec<_>>(), [TRACE]);
    let provided = ["refused", "mailed", "panicked"];
    for line in &lines {
        let message = line["message"].as_str().unwrap_or_default();
        if provided.iter().any(|part| message.contains(part)) {
            assert!(line["span"]["id"].is_string(), "{line}");
        }
    }
}
