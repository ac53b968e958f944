//! What lies where in a data folder, and whom it belongs to.
//!
//! ```text
//! <root>                   the server's user
//! ├── credentials.json     the server's user, 0600
//! ├── postgres/            PostgreSQL's user: the cluster
//! ├── postgres.new-<id>/   PostgreSQL's user: a cluster being made
//! └── run/                 PostgreSQL's user, 0700: the socket
//! ```

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::{digest, rand};
use nix::unistd::Uid;

use super::ClusterError;
use super::error::Action;
use super::owner::check_folder;
use super::user::{RunAs, uid_of};

/// The cluster's folder, below the root.
pub(super) const DATA: &str = "postgres";
/// What the name of an unfinished cluster starts with.
const STAGING: &str = "postgres.new";
const RUN: &str = "run";
/// A socket's path may have 103 bytes on macOS and 107 on Linux, and
/// `/.s.PGSQL.5432` is 14 of them.
const LONGEST_SOCKET_FOLDER: usize = 103 - 14;

/// The places of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
    socket_folder: PathBuf,
    user: Option<RunAs>,
}

impl Layout {
    /// Makes the folders that are missing and checks those that are not.
    pub(super) fn prepare(root: &Path) -> Result<Self, ClusterError> {
        let root = prepare_folder(root)?;
        let user = RunAs::choose(&root.join(DATA))?;
        if let Some(user) = &user {
            user.check_access(&root)?;
        }
        let mut layout = Self { socket_folder: root.join(RUN), root, user };
        if layout.socket_folder.as_os_str().len() > LONGEST_SOCKET_FOLDER {
            layout.socket_folder = short_folder(&layout.root);
        }
        layout.prepare_socket_folder()?;
        Ok(layout)
    }

    /// Who PostgreSQL runs as; `None` for this process's own user.
    pub(super) const fn user(&self) -> Option<&RunAs> {
        self.user.as_ref()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join(DATA)
    }

    pub(super) fn credentials(&self) -> PathBuf {
        self.root.join("credentials.json")
    }

    pub(super) fn socket_folder(&self) -> &Path {
        &self.socket_folder
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.socket_folder.join(".s.PGSQL.5432")
    }

    /// A new, empty folder to make a cluster in, owned by this process still.
    pub(super) fn new_staging(&self) -> Result<PathBuf, ClusterError> {
        // Each attempt has its own name: the `initdb` of a killed server may
        // be writing its last file just now.
        let folder = self.root.join(random_name(&format!("{STAGING}-"))?);
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .action(|| format!("make {}", folder.display()))?;
        Ok(folder)
    }

    /// Removes what interrupted attempts have left.
    pub(super) fn remove_stagings(&self) -> Result<(), ClusterError> {
        let action = || format!("clean {}", self.root.display());
        for entry in fs::read_dir(&self.root).action(action)? {
            let entry = entry.action(action)?;
            if entry.file_name().as_bytes().starts_with(STAGING.as_bytes())
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                // Its `initdb` still writes there; the next start gets it.
                tracing::warn!(folder = %entry.path().display(), %error, "left-over not removed");
            }
        }
        Ok(())
    }

    /// Makes a finished cluster the cluster, in one step.
    pub(super) fn adopt(&self, made: &Path) -> Result<(), ClusterError> {
        let action = || format!("move {} to {}", made.display(), self.data().display());
        fs::rename(made, self.data()).action(action)?;
        sync_folder(&self.root).action(action)
    }

    /// Leaves nothing outside of the root, once PostgreSQL has stopped.
    pub(super) fn clean_up(&self) {
        if !self.socket_folder.starts_with(&self.root) {
            // Not if it is in use after all; the next start reuses it.
            let _ = fs::remove_dir(&self.socket_folder);
        }
    }

    fn prepare_socket_folder(&self) -> Result<(), ClusterError> {
        let folder = &self.socket_folder;
        let wrong = |reason| ClusterError::SocketFolder { folder: folder.clone(), reason };
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {
                if let Some(user) = &self.user {
                    user.own(folder)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(ClusterError::Io {
                    action: format!("make {}", folder.display()),
                    source,
                });
            }
        }
        // It may have been there before, and the temporary folder is anyone's.
        let found =
            fs::symlink_metadata(folder).action(|| format!("look at {}", folder.display()))?;
        if !found.is_dir() {
            return Err(wrong("it is no folder"));
        }
        if found.uid() == Uid::effective().as_raw()
            && let Some(user) = &self.user
        {
            // We were killed between making it and giving it away.
            user.own(folder)?;
        } else if found.uid() != uid_of(self.user.as_ref()) {
            return Err(wrong("it belongs to another user than the one PostgreSQL runs as"));
        }
        if found.mode() & 0o777 != 0o700 {
            return Err(wrong("others may enter it (its mode is not 0700)"));
        }
        Ok(())
    }
}

/// Makes a folder for a cluster if it is missing, checks that nobody else may
/// change what is in it, and answers its absolute path.
/// [`Cluster::start`](super::Cluster::start) does this by itself; it is for
/// those who put a lock or the like into the folder first.
///
/// # Errors
/// When the folder cannot be made or reached, or belongs to somebody else.
pub fn prepare_folder(folder: &Path) -> Result<PathBuf, ClusterError> {
    let make = || -> io::Result<PathBuf> {
        if !folder.exists() {
            if let Some(parent) = folder.parent() {
                fs::create_dir_all(parent)?;
            }
            match new_root(folder) {
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => result?,
            }
        }
        folder.canonicalize()
    };
    let action = || format!("use {} as data folder (or choose another folder)", folder.display());
    let folder = make().action(action)?;
    check_folder(&folder, &fs::metadata(&folder).action(action)?)?;
    Ok(folder)
}

/// Makes the root of a data folder. Where PostgreSQL runs as another user,
/// that user must be able to pass through, not to look around.
pub(super) fn new_root(root: &Path) -> io::Result<()> {
    let mode = if Uid::effective().is_root() { 0o711 } else { 0o700 };
    DirBuilder::new().mode(0o700).create(root)?;
    // Apart from the making, because the umask does not apply here.
    fs::set_permissions(root, Permissions::from_mode(mode))
}

/// Makes a renaming in `folder` last.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// `prefix` and 16 random hexadecimal digits.
pub(super) fn random_name(prefix: &str) -> Result<String, ClusterError> {
    let mut bytes = [0; 8];
    fill_random(&mut bytes)?;
    Ok(format!("{prefix}{}", hex(&bytes)))
}

/// Fills `bytes` from the system's random numbers.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), ClusterError> {
    rand::fill(bytes).map_err(|_| ClusterError::Io {
        action: "get random numbers".to_owned(),
        source: io::ErrorKind::Other.into(),
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A short path for the socket of the cluster in `root`, always the same.
fn short_folder(root: &Path) -> PathBuf {
    let hash = digest::digest(&digest::SHA256, root.as_os_str().as_bytes());
    let name = format!("nexo-run-{}", hex(&hash.as_ref()[..8]));
    let folder = std::env::temp_dir().join(&name);
    if folder.as_os_str().len() > LONGEST_SOCKET_FOLDER {
        return Path::new("/tmp").join(name);
    }
    folder
}
