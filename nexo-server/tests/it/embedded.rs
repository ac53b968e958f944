//! The private PostgreSQL of the default mode: supervised, one server a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nexo_core::tokio_postgres::config::Host;
use nexo_core::tokio_postgres::{Client, Config, NoTls};
use nexo_server::embedded::{Embedded, EmbeddedError, Storage};
use tempfile::TempDir;

/// A folder that PostgreSQL's user may pass through, whatever the umask.
fn temp() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

async fn start(folder: &Path) -> Result<Embedded, EmbeddedError> {
    Embedded::start(Storage::Folder(folder.to_owned())).await
}

async fn connect(config: &Config) -> Option<Client> {
    let (client, connection) = config.connect(NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

async fn commit(embedded: &Embedded) {
    let client = connect(embedded.owner_config()).await.unwrap();
    client.batch_execute("create table kept (v int); insert into kept values (7)").await.unwrap();
}

/// The committed value, as soon as PostgreSQL answers.
async fn committed(embedded: &Embedded) -> i32 {
    let deadline = deadline();
    loop {
        if let Some(client) = connect(embedded.owner_config()).await
            && let Ok(row) = client.query_one("select v from kept", &[]).await
        {
            return row.get(0);
        }
        pause(deadline, "PostgreSQL answers").await;
    }
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = deadline();
    while !condition() {
        pause(deadline, what).await;
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn pause(deadline: Instant, what: &str) {
    assert!(Instant::now() < deadline, "still not so after a minute: {what}");
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// The folder of the cluster, also of an ephemeral one.
fn folder(embedded: &Embedded) -> PathBuf {
    match embedded.owner_config().get_hosts() {
        [Host::Unix(run)] => run.parent().unwrap().to_owned(),
        hosts => panic!("not one unix socket but {hosts:?}"),
    }
}

fn postmaster(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("postgres/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}

fn ps(column: &str, pid: u32) -> String {
    let output = Command::new("ps").args(["-o", column, "-p", &pid.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn is_alive(pid: u32) -> bool {
    let state = ps("stat=", pid);
    !state.is_empty() && !state.starts_with('Z')
}

fn kill_9(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success(), "no process {pid} to kill");
}

#[tokio::test]
async fn postgresql_is_started_again_each_time_it_is_killed() {
    let temp = temp();
    let embedded = start(temp.path()).await.unwrap();
    commit(&embedded).await;
    for _ in 0..3 {
        let pid = postmaster(temp.path()).unwrap();
        kill_9(pid);
        eventually("another one runs", || postmaster(temp.path()).is_some_and(|new| new != pid))
            .await;
        assert_eq!(committed(&embedded).await, 7);
    }
    embedded.stop().await;
    assert_eq!(postmaster(temp.path()), None, "it was stopped in order");
}

#[tokio::test]
async fn postgresql_is_started_again_when_its_guardian_is_killed() {
    let temp = temp();
    let embedded = start(temp.path()).await.unwrap();
    commit(&embedded).await;
    let pid = postmaster(temp.path()).unwrap();
    kill_9(ps("ppid=", pid).parse().unwrap());
    eventually("the first one has stopped", || !is_alive(pid)).await;
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
    assert_eq!(postmaster(temp.path()), None, "it was stopped in order");
}

#[tokio::test]
async fn ephemeral_data_survives_a_crash_and_goes_at_the_end() {
    let embedded = Embedded::start(Storage::Ephemeral).await.unwrap();
    commit(&embedded).await;
    let folder = folder(&embedded);
    let pid = postmaster(&folder).unwrap();
    kill_9(pid);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let temp = temp();
    let embedded = start(temp.path()).await.unwrap();
    let pid = postmaster(temp.path()).unwrap();
    let refused = start(temp.path()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "another nexo-server (pid {}) already uses {}; stop it or choose another folder \
             with --data-dir",
            std::process::id(),
            temp.path().canonicalize().unwrap().display()
        )
    );
    assert!(is_alive(pid), "the refused one did no harm");
    commit(&embedded).await;
    embedded.stop().await;

    let embedded = start(temp.path()).await.unwrap();
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
}

#[tokio::test]
async fn dropping_it_stops_postgresql() {
    let temp = temp();
    let embedded = start(temp.path()).await.unwrap();
    let pid = postmaster(temp.path()).unwrap();
    drop(embedded);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;

    let embedded = Embedded::start(Storage::Ephemeral).await.unwrap();
    let folder = folder(&embedded);
    drop(embedded);
    eventually("the folder is gone", || !folder.exists()).await;
}

#[tokio::test]
async fn it_can_be_stopped_while_postgresql_cannot_start() {
    let temp = temp();
    let embedded = start(temp.path()).await.unwrap();
    let pid = postmaster(temp.path()).unwrap();
    let credentials = temp.path().join("credentials.json");
    fs::rename(&credentials, temp.path().join("elsewhere")).unwrap();
    kill_9(pid);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    embedded.stop().await;
    assert!(postmaster(temp.path()).is_none_or(|pid| !is_alive(pid)));
}
