//! A cluster's life without accidents.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions, EphemeralDir};
use nexo_core::tokio_postgres::NoTls;

use super::process::{is_alive, postmaster};
use super::{commit, committed, connect, eventually, stagings, start, temp};

#[tokio::test]
async fn it_is_private_durable_and_not_run_by_root() {
    let temp = temp();
    let folder = temp.path().join("data");
    let cluster = start(&folder).await;

    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().mode() & 0o777;
    assert_eq!(mode("credentials.json"), 0o600);
    assert_eq!(mode("run"), 0o700);
    assert_eq!(mode("postgres"), 0o700);
    let owner = |path: &str| fs::metadata(folder.join(path)).unwrap().uid();
    assert_ne!(owner("postgres/postmaster.pid"), 0, "PostgreSQL runs as root");
    assert_eq!(owner("credentials.json"), owner("."));
    assert!(stagings(&folder).is_empty());

    let client = connect(&cluster.superuser_config()).await;
    for (setting, value) in [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("unix_socket_permissions", "0700"),
    ] {
        let row = client.query_one("select current_setting($1)", &[&setting]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn the_owner_is_no_superuser_and_needs_its_password() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    let client = connect(&cluster.owner_config()).await;
    let row = client
        .query_one(
            "select rolsuper, rolbypassrls, rolcreatedb, rolreplication, rolcreaterole,
                    (select pg_get_userbyid(datdba) = current_user and datname = 'nexo'
                     from pg_database where datname = current_database())
             from pg_roles where rolname = current_user",
            &[],
        )
        .await
        .unwrap();
    let seen: Vec<bool> = (0..6).map(|column| row.get(column)).collect();
    assert_eq!(seen, [false, false, false, false, true, true]);
    // As migrations will: a schema, a table, a role.
    client
        .batch_execute("create schema s; create table s.t (v int); create role some_role nologin")
        .await
        .unwrap();

    let mut wrong = cluster.owner_config();
    wrong.password("guess");
    let Err(refused) = wrong.connect(NoTls).await else { panic!("any password will do") };
    assert_eq!(refused.code().unwrap().code(), "28P01");
    cluster.stop().await;
}

#[tokio::test]
async fn data_survives_a_stop() {
    let temp = temp();
    let cluster = start(temp.path()).await;
    commit(&cluster).await;
    let pid = postmaster(temp.path()).unwrap();
    cluster.stop().await;
    assert!(!is_alive(pid));
    assert_eq!(postmaster(temp.path()), None, "it was stopped in order");

    let cluster = start(temp.path()).await;
    assert_eq!(committed(&cluster).await, 7);
    cluster.stop().await;
}

#[tokio::test]
async fn an_ephemeral_folder_is_removed() {
    let folder = EphemeralDir::create().unwrap();
    let path = folder.path().to_owned();
    let options = ClusterOptions::ephemeral(&path).setting("fsync", "off");
    let cluster = Cluster::start(&Binaries::find().unwrap(), &options).await.unwrap();
    commit(&cluster).await;
    cluster.stop().await;
    assert!(path.exists());
    folder.remove().await.unwrap();
    assert!(!path.exists());

    let folder = EphemeralDir::create().unwrap();
    let path = folder.path().to_owned();
    drop(folder);
    eventually("the dropped folder is gone", || !path.exists()).await;
}

#[tokio::test]
async fn a_long_or_odd_path_will_do() {
    let temp = temp();
    let long = temp.path().join("long ".repeat(25));
    let odd = temp.path().join(r#"a, b "c" \d '$e'"#);
    for folder in [long, odd] {
        let cluster = start(&folder).await;
        commit(&cluster).await;
        cluster.stop().await;
    }
}
