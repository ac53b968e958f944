//! What else users do between two writes: change, search, look at lists and at what there
//! is to do, export, log in, go on with their sessions.

use std::time::{Duration, Instant};

use nexo_core::testing::PASSWORD;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::caller::Caller;
use crate::harness::User;
use crate::load::Told;

/// How many writes there are between two exports, which are large.
const EXPORT_EVERY: usize = 400;

/// For how long the same refresh is asked for again: less than a used token is good for.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// For how long what nobody was told may become visible: longer than a request.
const SETTLES: Duration = Duration::from_secs(20);

/// What a caller remembers of it.
pub(crate) struct Mixed {
    email: String,
    /// The client made before this one.
    previous: Option<String>,
    /// What the caller's own session goes on with.
    refresh_token: Option<String>,
}

impl Mixed {
    pub(crate) fn of(user: &User) -> Self {
        Self { email: user.email.clone(), previous: None, refresh_token: None }
    }

    /// Does one thing or the other.
    pub(crate) async fn next(&mut self, caller: &mut Caller, number: usize, id: &str, name: &str) {
        // A word that many records have finds too many of them, in time.
        let q = name.replace(' ', "%20");
        let get = match number % 10 {
            // A log-in is 20 ms of a processor's time.
            0 if number.is_multiple_of(40) => return self.log_in(caller).await,
            0 | 5 if self.refresh_token.is_some() => return self.refresh(caller).await,
            0 => return self.log_in(caller).await,
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

    /// From now on in a session of the caller's own.
    async fn log_in(&mut self, caller: &mut Caller) {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let reply = caller.send("POST", "/api/auth/login", "", &body.to_string()).await;
        if let Some(reply) = reply.filter(|reply| reply.status == 200) {
            self.go_on_with(caller, &reply.json());
        }
    }

    /// However often it takes: whoever lost the reply asks with the same token again, and
    /// what is told 401 for it breaks a promise.
    async fn refresh(&mut self, caller: &mut Caller) {
        let Some(token) = self.refresh_token.take() else { return };
        let body = json!({ "refresh_token": token }).to_string();
        let until = Instant::now() + ASK_AGAIN;
        while Instant::now() < until {
            let reply = caller.send("POST", "/api/auth/refresh", "", &body).await;
            if let Some(reply) = reply.filter(|reply| reply.status == 200) {
                return self.go_on_with(caller, &reply.json());
            }
            sleep(Duration::from_millis(50)).await;
        }
        // Nobody knows what became of it: the next one is a log-in.
    }

    fn go_on_with(&mut self, caller: &mut Caller, body: &Value) {
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        caller.token = text("access_token");
        self.refresh_token = Some(text("refresh_token"));
    }

    /// Changes two clients in one transaction, and looks that both or neither are changed.
    async fn change_two(&mut self, caller: &mut Caller, number: usize, id: &str) {
        let Some(previous) = self.previous.replace(id.to_owned()) else { return };
        let notes = format!("both {number}");
        let patch = |id: &str| json!({ "op": "patch", "id": id, "changes": { "notes": notes } });
        let batch = json!({ "operations": [patch(id), patch(&previous)] }).to_string();
        let reply = caller.send("POST", "/api/clients/batch", "", &batch).await;
        let told = Told::by(reply.as_ref());
        for id in [id, &previous] {
            caller.shared.changed(id, &notes, told);
        }
        let until = Instant::now() + SETTLES;
        loop {
            let (first, second) = (read(caller, id).await, read(caller, &previous).await);
            let done = match (first, second) {
                (Some(first), Some(second)) => [first, second].map(|one| one["notes"] == *notes),
                _ if told == Told::Unknown && Instant::now() < until => {
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
                _ => return,
            };
            let holds = match told {
                Told::Done => done == [true; 2],
                Told::NotDone => done == [false; 2],
                Told::Unknown => done[0] == done[1],
            };
            if holds {
                return;
            }
            // It may be committed between the two reads.
            if told != Told::Unknown || Instant::now() > until {
                return caller.broke(format!("of a batch of two, {told:?}, were done: {done:?}"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Changes a client, and looks that it is changed if it was told so.
async fn change(caller: &mut Caller, number: usize, id: &str) {
    let notes = format!("once {number}");
    let patch = json!({ "notes": notes }).to_string();
    let reply = caller.send("PATCH", &format!("/api/clients/{id}"), "", &patch).await;
    let told = Told::by(reply.as_ref());
    caller.shared.changed(id, &notes, told);
    if told == Told::Unknown {
        return;
    }
    if let Some(client) = read(caller, id).await
        && (client["notes"] == *notes) != (told == Told::Done)
    {
        caller.broke(format!("a change of {id} was {told:?}, and its notes {}", client["notes"]));
    }
}

/// A client that was acknowledged, unless it cannot be asked for now.
async fn read(caller: &mut Caller, id: &str) -> Option<Value> {
    let reply = caller.send("GET", &format!("/api/clients/{id}"), "", "").await?;
    if reply.status == 404 {
        caller.broke(format!("{id} was acknowledged and is not there any more"));
    }
    (reply.status == 200).then(|| reply.json())
}
