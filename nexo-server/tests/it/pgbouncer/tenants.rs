//! Many tenants at once, who must never see each other.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use nexo_core::Database;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Call, User, register};
use crate::wire::{Reply, Wire};

const TENANTS: usize = 20;
const REQUESTS: usize = 5_000;

/// One tenant's part, and all that was told to them.
struct Tenant {
    number: usize,
    owner: User,
    /// Somebody who sees their own records alone.
    member: User,
    client: String,
    made: HashSet<Uuid>,
    told: HashSet<Uuid>,
}

impl Tenant {
    async fn create(at: SocketAddr, number: usize) -> Self {
        let owner = register(at, &format!("owner-{number}")).await;
        let post = |path: &'static str, body: Value| {
            let call = Call::to(at, "POST", path).by(&owner).json(&body);
            async { created(&call.send().await) }
        };
        let role = json!({ "name": "Own", "permissions": ["client:read_own", "client:write"] });
        let role = post("/api/roles", role).await;
        let invite = json!({ "email": format!("member-{number}@example.com"), "role": role["id"] });
        let invited = post("/api/invitations", invite).await;
        let accept = json!({
            "token": invited["token"], "password": nexo_core::testing::PASSWORD, "name": "Member",
        });
        let accepted = Call::to(at, "POST", "/api/auth/invitations/accept").json(&accept);
        let accepted = accepted.send().await;
        created(&accepted);
        let member = User::of(format!("member-{number}@example.com"), &accepted);
        let client =
            post("/api/clients", json!({ "name": mark(number), "status": "active" })).await;
        let client = client["id"].as_str().unwrap().to_owned();
        let (made, told) = (ids(&client), HashSet::new());
        Self { number, owner, member, client, made, told }
    }

    /// Sends its share of the requests, one after the other.
    async fn work(mut self, at: SocketAddr, foreign: String) -> Self {
        let mut wire = Wire::connect(at).await;
        for turn in 0..REQUESTS / TENANTS {
            let (client, mark) = (self.client.clone(), mark(self.number));
            let (method, path, body, expected) = match turn % 10 {
                0 => ("GET", "/api/clients?limit=200&count=exact".to_owned(), None, 200),
                1 => ("GET", format!("/api/clients/{client}"), None, 200),
                2 => ("GET", format!("/api/clients/{foreign}"), None, 404),
                3 => {
                    let body = json!({ "name": format!("{mark} {turn}"), "status": "active" });
                    ("POST", "/api/clients".to_owned(), Some(body), 201)
                }
                4 => ("GET", "/api/search?q=tenant".to_owned(), None, 200),
                5 => {
                    let body = json!({ "name": format!("{mark} {turn}"), "client_id": client });
                    ("POST", "/api/projects".to_owned(), Some(body), 201)
                }
                6 => {
                    let body = json!({ "notes": format!("{mark} {turn}") });
                    ("PATCH", format!("/api/clients/{foreign}"), Some(body), 404)
                }
                7 => {
                    let body = json!({ "notes": format!("{mark} {turn}") });
                    ("PATCH", format!("/api/clients/{client}"), Some(body), 200)
                }
                8 => ("GET", "/api/auth/profile".to_owned(), None, 200),
                _ => ("GET", "/api/clients?limit=200".to_owned(), None, 200),
            };
            // The last is asked by who sees less, on connections of their own.
            let by = if turn % 10 == 9 { &self.member } else { &self.owner };
            let body = body.map(|body| body.to_string()).unwrap_or_default();
            wire.send(format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
                 content-type: application/{}json\r\ncontent-length: {}\r\n\r\n{body}",
                by.token,
                if method == "PATCH" { "merge-patch+" } else { "" },
                body.len()
            ))
            .await;
            let reply = wire.reply().await;
            let text = String::from_utf8(reply.body.clone()).unwrap();
            assert_eq!(reply.status, expected, "{} {method} {path}: {text}", self.number);
            if turn % 10 == 9 {
                assert_eq!(reply.json()["data"], json!([]), "they own nothing");
            }
            if expected == 201 {
                self.made.insert(reply.json()["id"].as_str().unwrap().parse().unwrap());
            }
            // A problem repeats the path that was asked for, and that alone.
            let text = if expected == 404 { text.replace(&foreign, "") } else { text };
            for other in (0..TENANTS).filter(|other| *other != self.number) {
                assert!(!text.contains(&self::mark(other)), "{other} in {text}");
            }
            self.told.extend(ids(&text));
        }
        self
    }
}

fn created(reply: &Reply) -> Value {
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()
}

fn mark(number: usize) -> String {
    format!("tenant {number:02}")
}

/// All ids in a text.
fn ids(text: &str) -> HashSet<Uuid> {
    let words = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    words.filter(|word| word.len() == 36).filter_map(|word| word.parse().ok()).collect()
}

/// All tenants at once.
pub(super) async fn nobody_is_told_of_another(at: SocketAddr, database: &Database) {
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        tenants.push(Tenant::create(at, number).await);
    }
    let clients: Vec<_> = tenants.iter().map(|tenant| tenant.client.clone()).collect();
    let work = tenants.into_iter().enumerate().map(|(number, tenant)| {
        tokio::spawn(tenant.work(at, clients[(number + 1) % TENANTS].clone()))
    });
    let tenants = futures_util::future::join_all(work.collect::<Vec<_>>()).await;
    let tenants: Vec<_> = tenants.into_iter().map(Result::unwrap).collect();
    let mut belongs = HashMap::new();
    for tenant in &tenants {
        let user_ids = [&tenant.owner, &tenant.member].map(|user| user.id.parse().unwrap());
        let account: Uuid = tenant.owner.account.parse().unwrap();
        for id in tenant.made.iter().copied().chain(user_ids).chain([account]) {
            assert_eq!(belongs.insert(id, tenant.number), None);
        }
        assert!(tenant.made.len() >= 2 * REQUESTS / TENANTS / 10);
    }
    for tenant in &tenants {
        assert!(tenant.told.is_superset(&tenant.made), "everybody is told of their own");
        let foreign: Vec<_> = tenant
            .told
            .iter()
            .filter(|id| belongs.get(id).is_some_and(|owner| *owner != tenant.number))
            .collect();
        assert!(foreign.is_empty(), "{} was told of {foreign:?}", tenant.number);
    }
    assert_eq!(database.leaked_settings().await.unwrap(), "");
}
