//! Whom the data folder belongs to.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};

use super::ClusterError;

/// Whoever may write to the data folder can put links, passwords and a cluster
/// of their own there, and this process would act on them as its own user.
pub(super) fn check_folder(folder: &Path, found: &Metadata) -> Result<(), ClusterError> {
    let wrong = |reason| ClusterError::NotOurs { folder: folder.to_owned(), reason };
    let (owner, ours) = (found.uid(), Uid::effective().as_raw());
    if owner != ours {
        return Err(wrong(format!(
            "it belongs to {}, and NEXO runs as {}: start NEXO as the owner, \
             or choose another folder",
            name_of(owner),
            name_of(ours)
        )));
    }
    if found.mode() & 0o022 != 0 {
        return Err(wrong(format!(
            "other users than its owner {} may write to it (its mode is {:04o}): \
             take that from them with `chmod go-w {}`, or choose another folder",
            name_of(owner),
            found.mode() & 0o7777,
            folder.display()
        )));
    }
    Ok(())
}

/// A user, for people to read.
pub(super) fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => format!("`{}` (uid {uid})", user.name),
        _ => format!("the user with id {uid}"),
    }
}
