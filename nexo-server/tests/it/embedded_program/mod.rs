//! The program with a PostgreSQL of its own, as somebody runs it: started,
//! stopped, killed, and started again.

use nexo_core::testing::PASSWORD;
use serde_json::{Value, json};

use crate::harness::User;
use crate::program::Program;
use crate::wire::Reply;

mod ephemeral;
mod faults;
mod lifecycle;
mod user;
mod writers;

/// A new session of a user.
async fn log_in(program: &Program, user: &User) -> User {
    let login = json!({ "email": user.email, "password": PASSWORD });
    let reply = program.post("/api/auth/login", &login).send().await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    User::of(user.email.clone(), &reply)
}

/// Creates a client and answers its path.
async fn create(program: &Program, user: &User, name: &str) -> String {
    let reply = program.post("/api/clients", &json!({ "name": name })).by(user).send().await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.header("location").unwrap().to_owned()
}

async fn get(program: &Program, user: &User, path: &str) -> Reply {
    program.get(path).by(user).send().await
}

/// The names of all clients of a user's account.
async fn names(program: &Program, user: &User) -> Vec<String> {
    let mut names = Vec::new();
    let mut path = "/api/clients?limit=200".to_owned();
    loop {
        let reply = get(program, user, &path).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        let page = reply.json();
        let clients = page["data"].as_array().unwrap();
        names.extend(clients.iter().map(|client| client["name"].as_str().unwrap().to_owned()));
        match &page["next_cursor"] {
            Value::String(cursor) => path = format!("/api/clients?limit=200&cursor={cursor}"),
            _ => return names,
        }
    }
}
