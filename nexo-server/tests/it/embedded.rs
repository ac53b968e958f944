//! The private PostgreSQL of the default mode: supervised, one server a folder.

use std::fs;
use std::path::{Path, PathBuf};

use nexo_core::tokio_postgres::config::Host;
use nexo_core::tokio_postgres::{Client, Config, NoTls};
use nexo_server::embedded::{Embedded, EmbeddedError, Storage};

use crate::process::{Folder, deadline, eventually, is_alive, kill_9, parent, pause, postmaster};

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

/// The folder of the cluster, also of an ephemeral one.
fn folder(embedded: &Embedded) -> PathBuf {
    match embedded.owner_config().get_hosts() {
        [Host::Unix(run)] => run.parent().unwrap().to_owned(),
        hosts => panic!("not one unix socket but {hosts:?}"),
    }
}

#[tokio::test]
async fn postgresql_is_started_again_each_time_it_is_killed() {
    let temp = Folder::new();
    let embedded = start(&temp).await.unwrap();
    commit(&embedded).await;
    for _ in 0..3 {
        let pid = postmaster(&temp).unwrap();
        kill_9(&[pid]);
        eventually("another one runs", || postmaster(&temp).is_some_and(|new| new != pid)).await;
        assert_eq!(committed(&embedded).await, 7);
    }
    embedded.stop().await;
    assert_eq!(postmaster(&temp), None, "it was stopped in order");
}

#[tokio::test]
async fn postgresql_is_started_again_when_its_guardian_is_killed() {
    let temp = Folder::new();
    let embedded = start(&temp).await.unwrap();
    commit(&embedded).await;
    let pid = postmaster(&temp).unwrap();
    kill_9(&[parent(pid)]);
    eventually("the first one has stopped", || !is_alive(pid)).await;
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
    assert_eq!(postmaster(&temp), None, "it was stopped in order");
}

#[tokio::test]
async fn ephemeral_data_survives_a_crash_and_goes_at_the_end() {
    let embedded = Embedded::start(Storage::Ephemeral).await.unwrap();
    commit(&embedded).await;
    let folder = folder(&embedded);
    let pid = postmaster(&folder).unwrap();
    kill_9(&[pid]);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_folder_has_one_server() {
    let temp = Folder::new();
    let embedded = start(&temp).await.unwrap();
    let pid = postmaster(&temp).unwrap();
    let refused = start(&temp).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "another nexo-server (pid {}) already uses {}; stop it or choose another folder \
             with --data-dir",
            std::process::id(),
            temp.canonicalize().unwrap().display()
        )
    );
    assert!(is_alive(pid), "the refused one did no harm");
    commit(&embedded).await;
    embedded.stop().await;

    let embedded = start(&temp).await.unwrap();
    assert_eq!(committed(&embedded).await, 7);
    embedded.stop().await;
}

#[tokio::test]
async fn dropping_it_stops_postgresql() {
    let temp = Folder::new();
    let embedded = start(&temp).await.unwrap();
    let pid = postmaster(&temp).unwrap();
    drop(embedded);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;

    let embedded = Embedded::start(Storage::Ephemeral).await.unwrap();
    let folder = folder(&embedded);
    drop(embedded);
    eventually("the folder is gone", || !folder.exists()).await;
}

#[tokio::test]
async fn it_can_be_stopped_while_postgresql_cannot_start() {
    let temp = Folder::new();
    let embedded = start(&temp).await.unwrap();
    let pid = postmaster(&temp).unwrap();
    let credentials = temp.join("credentials.json");
    fs::rename(&credentials, temp.join("elsewhere")).unwrap();
    kill_9(&[pid]);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    embedded.stop().await;
    assert!(postmaster(&temp).is_none_or(|pid| !is_alive(pid)));
}
