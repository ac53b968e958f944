//! Start, stop, start again; and what a second one is told.

use std::fs;

use serde_json::json;

use super::{create, get, log_in};
use crate::process::{Folder, alive, descendants, eventually, is_alive, postmaster, running_in};
use crate::program::{Program, keeping};

#[tokio::test]
async fn data_sessions_and_keys_are_kept_over_a_restart() {
    let folder = Folder::new();
    let first = Program::keeping(&folder);
    let user = first.register("ada").await;
    let path = create(&first, &user, "Babbage").await;
    let client = get(&first, &user, &path).await.json();
    let pid = postmaster(&folder).unwrap();
    let log = first.stop();
    assert!(!is_alive(pid), "PostgreSQL outlives its server: {log}");
    assert_eq!(postmaster(&folder), None, "it was stopped in order");
    assert!(log.contains(&format!("an own PostgreSQL in {}", folder.display())), "{log}");
    assert!(!log.contains("ERROR"), "{log}");

    let second = Program::keeping(&folder);
    assert_eq!(get(&second, &user, &path).await.json(), client, "with the token of before");
    let again = log_in(&second, &user).await;
    assert_eq!(get(&second, &again, &path).await.json(), client);
    create(&second, &again, "Lovelace").await;
    second.stop();
}

/// A11: whoever runs the server can give a user what sets their password anew.
#[tokio::test]
async fn a11_a_password_is_reset_from_the_command_line() {
    let folder = Folder::new();
    let first = Program::keeping(&folder);
    let user = first.register("ada").await;
    first.stop();
    let run = |what: &str, email: &str| {
        let mut command = keeping(&folder);
        command.args([what, email]);
        Program::spawn(command).end()
    };
    let (status, printed, log) = run("reset-second-factor", "ada@example.com");
    assert!(status.success() && printed == "their password alone logs them in now\n", "{log}");
    let (status, printed, log) = run("reset-password", "nobody@example.com");
    assert_eq!((status.code(), printed.as_str()), (Some(1), ""), "{log}");
    assert_eq!(log.lines().last(), Some("nexo-server: nobody has the address nobody@example.com"));
    let (status, printed, log) = run("reset-password", " Ada@example.com");
    assert!(status.success(), "{log}");
    let token = printed.trim();
    assert!(token.starts_with("nxp_") && !log.contains(token), "{printed} {log}");

    let second = Program::keeping(&folder);
    let body = json!({ "token": token, "password": "another long enough phrase" });
    assert_eq!(second.post("/api/auth/password/reset", &body).send().await.status, 204);
    assert_eq!(second.get("/api/clients").by(&user).send().await.problem(), "session_ended");
    let login = json!({ "email": user.email, "password": "another long enough phrase" });
    assert_eq!(second.post("/api/auth/login", &login).send().await.status, 200);
    second.stop();
}

#[tokio::test]
async fn a_second_server_on_a_folder_is_refused() {
    let folder = Folder::new();
    let first = Program::keeping(&folder);
    let user = first.register("ada").await;
    let pid = postmaster(&folder).unwrap();

    let (status, printed, log) = Program::spawn(keeping(&folder)).end();
    assert_eq!((status.code(), printed.as_str()), (Some(1), ""), "{log}");
    let refusal = format!(
        "nexo-server: another nexo-server (pid {}) already uses {}; stop it or choose another \
         folder with --data-dir",
        first.pid(),
        folder.canonicalize().unwrap().display()
    );
    assert_eq!(log.lines().last(), Some(refusal.as_str()), "{log}");

    assert_eq!(postmaster(&folder), Some(pid));
    let path = create(&first, &user, "Babbage").await;
    assert_eq!(get(&first, &user, &path).await.status, 200);
    first.stop();
}

/// Stops a server that is still starting; nothing of it may stay.
async fn stop_early(folder: &Folder, starting: Program) {
    let family = descendants(starting.pid());
    starting.signal("TERM");
    let (status, _, log) = starting.end();
    assert!(status.success(), "{status}: {log}");
    eventually("PostgreSQL and its helpers are gone", || {
        alive(&family).is_empty() && running_in(folder).is_empty()
    })
    .await;
}

#[tokio::test]
async fn it_can_be_stopped_while_it_starts() {
    let folder = Folder::new();
    // While the cluster is being made …
    let starting = Program::spawn(keeping(&folder));
    eventually("initdb has begun", || {
        let entries = fs::read_dir(&*folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_str().unwrap().contains("postgres.new")).count() > 0
    })
    .await;
    stop_early(&folder, starting).await;
    assert!(!folder.join("postgres").exists(), "too late to interrupt it");

    // … when PostgreSQL is up but not yet set up …
    let starting = Program::spawn(keeping(&folder));
    eventually("PostgreSQL starts", || postmaster(&folder).is_some()).await;
    stop_early(&folder, starting).await;

    // … and when it is about to start.
    let mut starting = Program::spawn(keeping(&folder));
    starting.logs("starting the private PostgreSQL");
    stop_early(&folder, starting).await;

    let program = Program::keeping(&folder);
    let user = program.register("ada").await;
    create(&program, &user, "Babbage").await;
    program.stop();
}
