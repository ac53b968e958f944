//! `nexo-server demo`, as a program.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::process::{Folder, alive, descendants, eventually, running_in};
use crate::program::{Program, command};

fn demo(folder: &Folder, args: &[&str]) -> Command {
    let mut command = command(&["demo"]);
    command.args([OsStr::new("--data-dir"), folder.as_os_str()]).args(args);
    command
}

/// What stands after the label in what was printed.
fn printed<'a>(text: &'a str, label: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(label));
    line.unwrap_or_else(|| panic!("no {label} in {text}")).trim()
}

#[tokio::test]
async fn an_account_is_filled_and_its_user_logs_in() {
    let folder = Folder::new();
    let (status, text, log) = Program::spawn(demo(&folder, &["--clients", "50"])).end();
    assert!(status.success(), "{log}");
    assert!(text.contains("50  clients") && text.contains("50  tasks"), "{text}");
    assert_eq!(printed(&text, "E-mail:"), "demo@example.com");
    let password = printed(&text, "Pass phrase:").split("  ").next().unwrap();
    assert_eq!(password.split(' ').count(), 6, "{text}");
    assert!(!log.contains(password));

    // Again: the address is taken, and the message names the flag.
    let (status, text, log) = Program::spawn(demo(&folder, &["--clients", "50"])).end();
    assert_eq!((status.code(), &*text), (Some(1), ""));
    assert!(log.contains("demo@example.com is registered already"), "{log}");
    assert!(log.lines().last().is_some_and(|line| line.contains("--email")), "{log}");

    let program = Program::keeping(&folder);
    // While a server has the folder, nothing is filled.
    let (status, _, log) = Program::spawn(demo(&folder, &["--email", "b@example.com"])).end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("already uses") && log.contains("--data-dir"), "{log}");

    let credentials = json!({ "email": "demo@example.com", "password": password });
    let reply = program.post("/api/auth/login", &credentials).send().await;
    assert_eq!(reply.status, 200);
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let list = program.get("/api/clients?count=exact&limit=200").bearer(&token).send().await.json();
    let listed = list["data"].as_array().unwrap().len() as u64;
    assert_eq!(list["count"]["value"], listed);
    assert!((40..=50).contains(&listed), "{listed}");
    program.stop();
}

#[tokio::test]
async fn a_pass_phrase_of_the_callers_own_is_not_printed() {
    let folder = Folder::new();
    let phrase = "seven mauve otters juggle";
    let mut command = demo(&folder, &["--clients", "10", "--email", "Ada@Example.com"]);
    command.env("NEXO_DEMO_PASSWORD", phrase);
    let (status, text, log) = Program::spawn(command).end();
    assert!(status.success(), "{log}");
    assert_eq!(printed(&text, "E-mail:"), "ada@example.com");
    assert_eq!(printed(&text, "Pass phrase:"), "the one that you gave");
    assert!(!text.contains(phrase) && !log.contains(phrase));

    for (email, expected) in
        [("not an address", "--email must be"), ("b@example.com", "--password must have")]
    {
        let mut command = demo(&folder, &["--email", email]);
        command.env("NEXO_DEMO_PASSWORD", "s3cret");
        let (status, _, log) = Program::spawn(command).end();
        assert_eq!(status.code(), Some(1));
        assert!(log.contains(expected) && !log.contains("s3cret"), "{log}");
    }
}

#[tokio::test]
async fn a_signal_stops_it_and_its_postgresql() {
    let folder = Folder::new();
    let mut program = Program::spawn(demo(&folder, &["--clients", "1000000"]));
    program.logs("system scope opened");
    let family = descendants(program.pid());
    assert!(!family.is_empty());
    program.signal("INT");
    let (status, text, log) = program.end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("stopped before it was done"), "{log}");
    // Whose account it is, is told all the same.
    assert!(text.contains("What was written stays"), "{text}");
    assert_eq!(printed(&text, "E-mail:"), "demo@example.com");
    eventually("PostgreSQL and its helpers are gone", || {
        alive(&family).is_empty() && running_in(&folder).is_empty()
    })
    .await;
    assert!(!fs::exists(folder.join("postgres/postmaster.pid")).unwrap());
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_started() {
    for (args, expected) in [
        (&["--ephemeral"][..], "--ephemeral"),
        (&["--clients", "9"], "--clients has the wrong value \"9\": expected a number from 10"),
        (&["--clients", "1000001"], "to 1000000"),
        (&["--seed", "x"], "--seed has the wrong value"),
    ] {
        let mut command = command(&["demo"]);
        let output = command.args(args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    // They are the command's alone.
    let output = command(&["--clients", "50"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = command(&["config"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("NEXO_LISTEN") && !text.contains("DEMO"), "{text}");
}
