//! The operating-system user that PostgreSQL's processes run as.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User};

use super::ClusterError;
use super::error::Action;
use super::owner::name_of;

/// The variables that PostgreSQL's programs may see. Nothing else is passed
/// on: `PG*` would change what they do, and the rest may hold our secrets.
const PASSED_ON: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"];

/// An unprivileged user to become, because PostgreSQL refuses to run as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs {
    uid: u32,
    gid: u32,
    pub(super) name: String,
}

impl RunAs {
    /// `None` when this process is unprivileged itself. Root gives way to the
    /// owner of the cluster in `data` if there is one, so that a `postgres`
    /// user who came later does not lock out a cluster run as `nobody`. To no
    /// other owner: root has never made that cluster.
    pub(super) fn choose(data: &Path) -> Result<Option<Self>, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let mut users = ["postgres", "nobody"].into_iter().filter_map(Self::unprivileged);
        let user = match fs::symlink_metadata(data) {
            Ok(found) if found.uid() != 0 => {
                let owner = users.find(|user| user.uid == found.uid());
                Some(owner.ok_or_else(|| ClusterError::NotOurs {
                    folder: data.to_owned(),
                    reason: format!(
                        "it belongs to {}, and started as root PostgreSQL runs as `postgres` or \
                         `nobody`: give it to one of them with `chown -R` if its content can be \
                         trusted, or choose another data folder",
                        name_of(found.uid())
                    ),
                })?)
            }
            _ => users.next(),
        };
        user.map(Some).ok_or(ClusterError::NoUser)
    }

    fn unprivileged(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok().flatten()?;
        (!user.uid.is_root() && user.gid != Gid::from_raw(0)).then(|| Self::from(user))
    }

    /// Gives a file or folder to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), ClusterError> {
        chown(path, Some(self.uid), Some(self.gid))
            .action(|| format!("give {} to {}", path.display(), self.name))
    }

    /// Checks that this user can reach `folder`.
    pub(super) fn check_access(&self, folder: &Path) -> Result<(), ClusterError> {
        // Asked of the system as that user: modes alone do not tell (ACLs,
        // security modules, read-only mounts).
        const SCRIPT: &str = r#"for d; do [ -x "$d" ] || { echo "$d"; exit 1; }; done"#;
        let mut ancestors: Vec<&Path> = folder.ancestors().collect();
        ancestors.reverse();
        let output = command(Some(self), "/bin/sh")
            .args(["-c", SCRIPT, "nexo-access"])
            .args(ancestors)
            .output()
            .action(|| format!("run /bin/sh as {}", self.name))?;
        if output.status.success() {
            return Ok(());
        }
        let closed = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        Err(ClusterError::NoAccess { folder: closed.into(), user: self.name.clone() })
    }
}

impl From<User> for RunAs {
    fn from(user: User) -> Self {
        Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name }
    }
}

/// The user id that a path must belong to.
pub(super) fn uid_of(user: Option<&RunAs>) -> u32 {
    user.map_or_else(|| Uid::effective().as_raw(), |user| user.uid)
}

/// A command with a clean environment, run as `user`, outside the terminal's
/// process group: Ctrl-C is for the server, which then stops PostgreSQL.
pub(super) fn command(user: Option<&RunAs>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").current_dir("/").process_group(0);
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(user) = user {
        // Also drops root's supplementary groups.
        command.uid(user.uid).gid(user.gid);
    }
    command
}
