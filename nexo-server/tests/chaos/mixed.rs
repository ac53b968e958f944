//! What else users do between two writes: change, search, look at lists and at what there
//! is to do, export, log in.

use nexo_core::testing::PASSWORD;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::harness::User;

/// How many writes there are between two exports, which are large.
const EXPORT_EVERY: usize = 400;

/// What a caller remembers of it.
pub(crate) struct Mixed {
    email: String,
    /// The client made before this one.
    previous: Option<String>,
}

impl Mixed {
    pub(crate) fn of(user: &User) -> Self {
        Self { email: user.email.clone(), previous: None }
    }

    /// Does one thing or the other.
    pub(crate) async fn next(&mut self, caller: &mut Caller, number: usize, id: &str, name: &str) {
        // A word that many records have finds too many of them, in time.
        let q = name.replace(' ', "%20");
        let get = match number % 10 {
            0 => return self.log_in(caller, number).await,
            1 | 6 => return change(caller, number, id).await,
            2 => return self.change_two(caller, number, id).await,
            3 => &format!("/api/crm/search?q={q}"),
            4 => "/api/dashboard",
            5 => "/api/audit?limit=20",
            7 => &format!("/api/clients?limit=50&q={q}"),
            8 => "/api/auth/profile",
            _ if number % EXPORT_EVERY == 9 => "/api/clients/export?format=csv",
            _ => "/api/clients?limit=200",
        };
        caller.send("GET", get, "", "").await;
    }

    async fn log_in(&mut self, caller: &mut Caller, number: usize) {
        // Each of them is 20 ms of a processor's time.
        if number.is_multiple_of(40) {
            let body = json!({ "email": self.email, "password": PASSWORD });
            caller.send("POST", "/api/auth/login", "", &body.to_string()).await;
        }
    }

    /// Changes two clients in one transaction, and looks that both or neither are changed.
    async fn change_two(&mut self, caller: &mut Caller, number: usize, id: &str) {
        let Some(previous) = self.previous.replace(id.to_owned()) else { return };
        let notes = format!("both {number}");
        let patch = |id: &str| json!({ "op": "patch", "id": id, "changes": { "notes": notes } });
        let batch = json!({ "operations": [patch(id), patch(&previous)] }).to_string();
        let told = caller.send("POST", "/api/clients/batch", "", &batch).await;
        let (first, second) = (read(caller, id).await, read(caller, &previous).await);
        let (Some(first), Some(second)) = (first, second) else { return };
        let done = [first, second].map(|client| client["notes"] == *notes);
        let is_acknowledged = told.is_some_and(|reply| reply.status == 200);
        if done[0] != done[1] || (is_acknowledged && !done[0]) {
            caller.broke(format!("of a batch of two these were done: {done:?}"));
        }
    }
}

/// Changes a client, and looks that it is changed if it was told so.
async fn change(caller: &mut Caller, number: usize, id: &str) {
    let notes = format!("once {number}");
    let patch = json!({ "notes": notes }).to_string();
    let told = caller.send("PATCH", &format!("/api/clients/{id}"), "", &patch).await;
    if told.is_some_and(|reply| reply.status == 200)
        && let Some(client) = read(caller, id).await
        && client["notes"] != *notes
    {
        caller.broke(format!("a change of {id} was acknowledged and is lost"));
    }
}

async fn read(caller: &mut Caller, id: &str) -> Option<Value> {
    let reply = caller.send("GET", &format!("/api/clients/{id}"), "", "").await?;
    (reply.status == 200).then(|| reply.json())
}
