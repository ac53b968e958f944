//! What cannot work is refused, with the reason.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use nexo_core::cluster::{Binaries, Cluster, ClusterOptions};

use super::{start, temp, try_start};

#[tokio::test]
async fn a_cluster_of_another_version_is_refused() {
    let temp = temp();
    fs::write(temp.path().join("credentials.json"), r#"{"superuser":"x","owner":"y"}"#).unwrap();
    fs::create_dir(temp.path().join("postgres")).unwrap();
    fs::write(temp.path().join("postgres/PG_VERSION"), "12\n").unwrap();
    let text = try_start(temp.path()).await.unwrap_err().to_string();
    assert!(text.contains("was made by PostgreSQL 12, which PostgreSQL "), "{text}");
    let text = Binaries::find_for(temp.path()).unwrap_err().to_string();
    assert!(text.starts_with("found no PostgreSQL 12, which made the data; "), "{text}");
}

#[tokio::test]
async fn a_cluster_without_its_passwords_is_refused() {
    let temp = temp();
    start(temp.path()).await.stop().await;
    let file = temp.path().join("credentials.json");
    let kept = fs::read(&file).unwrap();

    fs::remove_file(&file).unwrap();
    let text = try_start(temp.path()).await.unwrap_err().to_string();
    assert!(text.contains("credentials.json: the cluster's passwords are missing"), "{text}");

    fs::write(&file, r#"{"superuser":"x","owner":"y"}"#).unwrap();
    let text = try_start(temp.path()).await.unwrap_err().to_string();
    assert!(text.contains("password authentication failed for user \"postgres\""), "{text}");

    fs::write(&file, kept).unwrap();
    start(temp.path()).await.stop().await;
}

#[tokio::test]
async fn a_failed_start_says_what_postgresql_said() {
    let temp = temp();
    let options = ClusterOptions::persistent(temp.path()).setting("shared_buffers", "many");
    let binaries = Binaries::find().unwrap();
    let text = Cluster::start(&binaries, &options).await.unwrap_err().to_string();
    assert!(text.starts_with("PostgreSQL did not start (it ended with exit status: 1)"), "{text}");
    assert!(text.contains("invalid value for parameter \"shared_buffers\": \"many\""), "{text}");
}

async fn refusal(folder: &Path) -> String {
    try_start(folder).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_refused() {
    let temp = temp();
    for mode in [0o731, 0o713, 0o1777] {
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(mode)).unwrap();
        let text = refusal(temp.path()).await;
        let folder = temp.path().display();
        assert!(text.starts_with(&format!("{folder} cannot be the data folder")), "{text}");
        assert!(text.contains(&format!("`chmod go-w {folder}`")), "{text}");
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "nothing was made in it");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_refused() {
    let temp = temp();
    // Only root can give files away.
    if fs::metadata(temp.path()).unwrap().uid() != 0 {
        return;
    }
    // Of no user's, and so of somebody who is neither `postgres` nor `nobody`.
    const STRANGER: u32 = 54_321;
    let data = temp.path().join("postgres");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(STRANGER), Some(STRANGER)).unwrap();
    let text = refusal(temp.path()).await;
    let start = format!("{} cannot be the data folder: it belongs to the user", data.display());
    assert!(text.starts_with(&start) && text.contains("54321") && text.contains("chown"), "{text}");
    fs::remove_dir(&data).unwrap();

    let credentials = temp.path().join("credentials.json");
    fs::write(&credentials, r#"{"superuser":"x","owner":"y"}"#).unwrap();
    chown(&credentials, Some(STRANGER), None).unwrap();
    let text = refusal(temp.path()).await;
    assert!(text.contains("credentials.json: this belongs to another user"), "{text}");

    chown(temp.path(), Some(STRANGER), None).unwrap();
    let text = refusal(temp.path()).await;
    assert!(text.contains("the user with id 54321, and NEXO runs as `root` (uid 0)"), "{text}");
}

#[tokio::test]
async fn passwords_are_not_read_through_a_link() {
    let temp = temp();
    let elsewhere = temp.path().join("elsewhere");
    fs::write(&elsewhere, r#"{"superuser":"x","owner":"y"}"#).unwrap();
    symlink(&elsewhere, temp.path().join("credentials.json")).unwrap();
    let text = refusal(temp.path()).await;
    assert!(text.contains("credentials.json: Too many levels of symbolic links"), "{text}");
    assert!(!temp.path().join("postgres").exists());
}

#[tokio::test]
async fn a_folder_that_postgresql_cannot_reach_is_named() {
    let temp = temp();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let folder = temp.path().join("data");
    // Only root starts PostgreSQL as somebody else.
    if fs::metadata(temp.path()).unwrap().uid() != 0 {
        start(&folder).await.stop().await;
        return;
    }
    let text = try_start(&folder).await.unwrap_err().to_string();
    let closed = temp.path().display();
    assert!(text.contains(&format!("who may not enter {closed}:")), "{text}");
    assert!(text.contains(&format!("`chmod o+x {closed}`")), "{text}");
}
