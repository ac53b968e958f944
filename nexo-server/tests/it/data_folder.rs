//! Data folders that somebody else has prepared.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use nexo_server::embedded::{Embedded, Storage};

use crate::process::Folder;

async fn refusal(folder: &Folder) -> String {
    Embedded::start(Storage::Folder(folder.to_path_buf())).await.unwrap_err().to_string()
}

#[tokio::test]
async fn the_lock_is_not_taken_through_a_link() {
    let folder = Folder::new();
    let target = folder.join("precious");
    fs::write(&target, "to be kept").unwrap();
    symlink(&target, folder.join("lock")).unwrap();
    let text = refusal(&folder).await;
    assert!(text.contains("lock: Too many levels of symbolic links"), "{text}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "to be kept");
}

#[tokio::test]
async fn nothing_is_touched_where_others_may_write() {
    let folder = Folder::new();
    fs::set_permissions(&*folder, Permissions::from_mode(0o777)).unwrap();
    let text = refusal(&folder).await;
    assert!(text.contains("other users than its owner"), "{text}");
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}
