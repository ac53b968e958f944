//! P2: every role and every route of the table, each cell tried.

use std::fmt::Write as _;

use nexo_core::model::{BuiltInRole, NewApiKey, Permission, Permissions};
use nexo_core::testing::PASSWORD;
use nexo_server::routes::Route;
use serde_json::{Value, json};

use crate::harness::{TestServer, User};
use crate::routes::{body, record, tenant_routes};

/// The key is an API key that has all that its maker, an admin, may give it. Own may
/// what a manager may with records of their own, of which there are none here.
const ROLES: [&str; 8] = ["owner", "admin", "manager", "member", "viewer", "nobody", "key", "own"];
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/matrix.txt");
/// With this set, what was seen is written over what was expected.
const UPDATE: &str = "NEXO_UPDATE_MATRIX";

struct World {
    server: TestServer,
    owner: User,
    /// The role that permits nothing.
    nobody: String,
    /// The role that sees what is its bearer's.
    own: String,
    members: Vec<User>,
    joined: u32,
}

impl World {
    async fn create() -> Self {
        let server = TestServer::start().await;
        let owner = server.register("ada").await;
        let role = json!({ "name": "Nobody" });
        let made = server.post("/api/roles", &role).by(&owner).send().await;
        let nobody = made.json()["id"].as_str().unwrap().to_owned();
        let role = json!({ "name": "Own", "permissions": own() });
        let made = server.post("/api/roles", &role).by(&owner).send().await;
        let own = made.json()["id"].as_str().unwrap().to_owned();
        let mut world = Self { server, owner, nobody, own, members: Vec::new(), joined: 0 };
        for role in ROLES {
            let member = world.join(role).await;
            world.members.push(member);
        }
        world
    }

    async fn join(&mut self, role: &str) -> User {
        self.joined += 1;
        let name = format!("{role}{}", self.joined);
        let given = match role {
            "nobody" => &*self.nobody,
            "own" => &*self.own,
            "key" => "admin",
            role => role,
        };
        let mut member = self.server.join(&self.owner, &name, given).await;
        if role == "key" {
            let all = BuiltInRole::Admin.permissions().without(Permission::KeyManage.into());
            let new = json!(NewApiKey::named(name, all));
            let issued = self.server.post("/api/keys", &new).by(&member).send().await;
            member.token = issued.json()["secret"].as_str().unwrap().to_owned();
        }
        member
    }

    /// What the route answers to a member with the role: the status, or a dash
    /// for `forbidden`.
    async fn cell(&mut self, route: &Route, role: usize) -> String {
        let path = route.path();
        // What ends a session, or takes a member away, has one of its own.
        let own = path.starts_with("/api/auth/").then_some(ROLES[role]);
        let own = match own {
            Some(role) => Some(self.join(role).await),
            None => None,
        };
        let id = match path.split_once("/{id}") {
            Some(("/api/members", _)) => self.join("viewer").await.id,
            Some((collection, _)) => record(&self.server, collection, &self.owner).await,
            None => String::new(),
        };
        let user = own.as_ref().unwrap_or(&self.members[role]);
        let call = self.server.call(route.method().as_str(), &query(path).replace("{id}", &id));
        let call = call.by(user);
        let reply = match (route.example_file(), self.content(route)) {
            (Some(file), _) => call.body("application/octet-stream", file).send().await,
            (None, Value::Null) => call.send().await,
            (None, mut body) => {
                if path == "/api/auth/switch" {
                    body["refresh_token"] = json!(user.refresh_token);
                }
                if let Some(one) = path.strip_suffix("/erase") {
                    let one = self.server.get(&one.replace("{id}", &id)).by(&self.owner);
                    let one = one.send().await.json();
                    let name = one.get("name").or_else(|| one.get("company"));
                    body["confirm"] = name.unwrap().clone();
                }
                call.json(&body).send().await
            }
        };
        if path.contains("/imports") {
            self.forget_imports().await;
        }
        if reply.status == 403 {
            assert_eq!(reply.problem(), "forbidden", "{route:?}");
            return "-".to_owned();
        }
        reply.status.to_string()
    }

    /// Few may be under way.
    async fn forget_imports(&self) {
        let imports = self.server.get("/api/imports").by(&self.owner).send().await.json();
        for import in imports["data"].as_array().unwrap() {
            let path = format!("/api/imports/{}", import["id"].as_str().unwrap());
            self.server.call("DELETE", &path).by(&self.owner).send().await;
        }
    }

    fn content(&self, route: &Route) -> Value {
        match route.path() {
            "/api/auth/password" => json!({
                "current_password": PASSWORD, "new_password": "another long enough phrase",
            }),
            "/api/auth/switch" => json!({ "account_id": self.owner.account }),
            path if path.ends_with("/transfer") => json!({ "to": self.owner.id }),
            "/api/auth/profile" if route.method() == "DELETE" => json!({ "password": PASSWORD }),
            _ => body(route),
        }
    }
}

/// Of what a manager may, reading one's own.
fn own() -> Permissions {
    let narrower = |one: Permission| if one.narrower().is_some() { one.narrowest() } else { one };
    BuiltInRole::Manager.permissions().iter().map(narrower).collect()
}

fn query(path: &str) -> String {
    match path {
        "/api/search" | "/api/crm/search" => format!("{path}?q=ada"),
        _ => path.to_owned(),
    }
}

#[tokio::test]
async fn p2_every_role_and_every_route() {
    let mut world = World::create().await;
    let mut seen = format!("{:48}", "");
    for role in ROLES {
        write!(seen, "{role:>9}").unwrap();
    }
    seen.push('\n');
    let (mut cells, mut refused) = (0, 0);
    for route in tenant_routes() {
        write!(seen, "{:48}", format!("{} {}", route.method(), route.path())).unwrap();
        for role in 0..ROLES.len() {
            let cell = world.cell(&route, role).await;
            cells += 1;
            refused += usize::from(cell == "-");
            write!(seen, "{cell:>9}").unwrap();
        }
        seen.push('\n');
    }
    println!("{cells} cells, {refused} forbidden");
    assert_eq!(cells, tenant_routes().count() * ROLES.len());
    // Whoever is not refused is answered as the owner is, unless it is hidden from them.
    for line in seen.lines().skip(1) {
        let answers: Vec<&str> = line.split_whitespace().skip(2).collect();
        let (own, others) = answers.split_last().unwrap();
        assert!(others.iter().all(|cell| *cell == answers[0] || *cell == "-"), "{line}");
        let may_be_hidden = line.contains("/{id}");
        assert!([answers[0], "-"].contains(own) || may_be_hidden && *own == "404", "{line}");
    }
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(COMMITTED, &seen).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert_eq!(seen, committed, "if it is meant, run the test with {UPDATE}=1 and commit the file");
}
