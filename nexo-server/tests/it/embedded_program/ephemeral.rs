//! `--ephemeral` keeps nothing, however the server ends.

use std::fs;
use std::path::PathBuf;

use super::{create, get};
use crate::process::{Folder, alive, descendants, eventually, postmaster, running_in};
use crate::program::{Program, command};

/// A server with its temporary files in `folder`.
fn start(folder: &Folder) -> Program {
    let mut command = command(&["--ephemeral"]);
    command.env("TMPDIR", &**folder);
    Program::spawn(command).listening()
}

fn entries(folder: &Folder) -> Vec<PathBuf> {
    fs::read_dir(&**folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The folder of the cluster: all that the server keeps in its temporary one.
fn data(folder: &Folder) -> PathBuf {
    let [data] = entries(folder).try_into().unwrap();
    data
}

async fn use_it(program: &Program) {
    let user = program.register("ada").await;
    let path = create(program, &user, "Babbage").await;
    assert_eq!(get(program, &user, &path).await.json()["name"], "Babbage");
}

#[tokio::test]
async fn nothing_is_left_after_a_stop() {
    let folder = Folder::new();
    let program = start(&folder);
    use_it(&program).await;
    let postmaster = postmaster(&data(&folder)).unwrap();
    let family = descendants(program.pid());
    assert!(family.contains(&postmaster));
    program.stop();
    assert!(entries(&folder).is_empty());
    assert!(alive(&[postmaster]).is_empty());
    eventually("its helpers are gone", || alive(&family).is_empty()).await;
}

#[tokio::test]
async fn nothing_is_left_after_kill_9() {
    let folder = Folder::new();
    let program = start(&folder);
    use_it(&program).await;
    let family = descendants(program.pid());
    assert!(family.contains(&postmaster(&data(&folder)).unwrap()));
    program.kill();
    eventually("PostgreSQL and its helpers are gone", || {
        alive(&family).is_empty() && running_in(&folder).is_empty()
    })
    .await;
    assert!(entries(&folder).is_empty());
}
