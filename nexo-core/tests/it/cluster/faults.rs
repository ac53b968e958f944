//! Everything is killed once.

use super::holder::Holder;
use super::process::{is_alive, orphan, parent, postmaster, signal};
use super::{commit, committed, connect, eventually, stagings, start, temp};

#[tokio::test]
async fn data_survives_kill_9_of_postgresql() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    signal("KILL", postmaster(temp.path()).unwrap());
    let status = cluster.wait().await;
    assert_eq!(status.code(), Some(128 + 9));
    drop(cluster);

    let cluster = start(temp.path()).await;
    assert_eq!(committed(&cluster).await, 7);
    cluster.stop().await;
}

#[tokio::test]
async fn kill_9_of_the_guardian_is_noticed_and_leaves_nothing_running() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    let pid = postmaster(temp.path()).unwrap();
    signal("KILL", parent(pid));
    let _ = cluster.wait().await;
    drop(cluster);
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;

    let cluster = start(temp.path()).await;
    assert_eq!(committed(&cluster).await, 7);
    cluster.stop().await;
}

#[tokio::test]
async fn an_orphan_is_stopped_by_the_next_start() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    let pid = postmaster(temp.path()).unwrap();
    orphan(pid);
    let _ = cluster.wait().await;
    drop(cluster);
    assert!(is_alive(pid), "nobody was left to stop it");

    let cluster = start(temp.path()).await;
    assert!(!is_alive(pid));
    assert_eq!(committed(&cluster).await, 7);
    cluster.stop().await;
}

#[tokio::test]
async fn an_orphan_is_stopped_by_stop() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    let pid = postmaster(temp.path()).unwrap();
    orphan(pid);
    cluster.stop().await;
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn it_does_not_outlive_a_killed_parent() {
    let temp = temp();
    let mut holder = Holder::persistent(temp.path());
    holder.wait_until_ready();
    let pid = postmaster(temp.path()).unwrap();
    holder.kill();
    // At once, while the predecessor may still be stopping.
    let cluster = start(temp.path()).await;
    assert!(!is_alive(pid));
    assert_eq!(committed(&cluster).await, 7);
    cluster.stop().await;

    let mut holder = Holder::persistent(temp.path());
    holder.wait_until_ready();
    let pid = postmaster(temp.path()).unwrap();
    holder.kill();
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    eventually("it was stopped in order", || postmaster(temp.path()).is_none()).await;
}

#[tokio::test]
async fn an_interrupted_initdb_is_done_again() {
    let temp = temp();
    let mut holder = Holder::persistent(temp.path());
    // In the middle of it: the first files are there.
    eventually("initdb has begun", || {
        stagings(temp.path()).iter().any(|folder| folder.join("data/base").exists())
    })
    .await;
    holder.kill();
    assert!(!temp.path().join("postgres").exists(), "too late to interrupt it");

    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    cluster.stop().await;
    // The interrupted one may have been writing its last file back then.
    let cluster = start(temp.path()).await;
    assert!(stagings(temp.path()).is_empty());
    cluster.stop().await;
}

#[tokio::test]
async fn an_interrupted_set_up_is_completed() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    let client = connect(&cluster.superuser_config()).await;
    client.batch_execute("drop database nexo").await.unwrap();
    client.batch_execute("drop role nexo_owner").await.unwrap();
    cluster.stop().await;

    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    cluster.stop().await;
}

#[tokio::test]
async fn an_ephemeral_folder_is_removed_after_kill_9() {
    let mut holder = Holder::ephemeral();
    let folder = holder.wait_until_ready();
    let pid = postmaster(&folder).unwrap();
    holder.kill();
    eventually("PostgreSQL has stopped", || !is_alive(pid)).await;
    eventually("the folder is gone", || !folder.exists()).await;
}
