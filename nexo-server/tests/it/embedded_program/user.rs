//! Whom the server and its PostgreSQL run as.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;

use nix::unistd::{Uid, User};

use super::{create, get};
use crate::process::{Folder, descendants, postmaster, user};
use crate::program::{Program, command_of};

#[tokio::test]
async fn postgresql_never_runs_as_root() {
    let folder = Folder::new();
    let program = Program::keeping(&folder);
    let pid = postmaster(&folder).unwrap();
    let data = fs::metadata(folder.join("postgres")).unwrap();
    for process in [vec![pid], descendants(pid)].concat() {
        assert_ne!(user(process), 0);
        assert_eq!(user(process), data.uid());
    }
    let secrets = fs::metadata(folder.join("credentials.json")).unwrap();
    assert_eq!((secrets.uid(), secrets.mode() & 0o777), (user(program.pid()), 0o600));
    program.stop();
}

#[tokio::test]
async fn an_ordinary_user_can_run_it() {
    // Only root can become somebody else; for others every test is this one.
    if !Uid::effective().is_root() {
        return;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    let folder = Folder::new();
    // The original may lie where nobody may go.
    let binary = folder.join("nexo-server");
    fs::copy(env!("CARGO_BIN_EXE_nexo-server"), &binary).unwrap();
    fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    let home = folder.join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(uid), Some(gid)).unwrap();
    let data = home.join("data");

    let start = || {
        let mut command = command_of(&binary, &["--data-dir", data.to_str().unwrap()]);
        command.env("HOME", &home).current_dir(&home).uid(uid).gid(gid);
        Program::spawn(command).listening()
    };
    let first = start();
    assert_eq!(user(first.pid()), uid);
    assert_eq!(user(postmaster(&data).unwrap()), uid);
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    let ada = first.register("ada").await;
    let path = create(&first, &ada, "Babbage").await;
    first.stop();

    let second = start();
    assert_eq!(get(&second, &ada, &path).await.json()["name"], "Babbage");
    second.stop();
    assert_eq!(postmaster(&data), None);
}
