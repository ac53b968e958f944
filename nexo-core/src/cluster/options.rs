//! How a private cluster is run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::guardian::StopSignal;
use super::layout::Layout;

/// Where a cluster lives and how it is run.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    folder: PathBuf,
    keep: bool,
    settings: Vec<(String, String)>,
}

impl ClusterOptions {
    /// A cluster that stays in `folder`.
    pub fn persistent(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep: true, settings: Vec::new() }
    }

    /// A cluster in a folder that is thrown away, usually that of an
    /// [`EphemeralDir`](super::EphemeralDir). It runs with the same settings
    /// as a persistent one, but stops without a checkpoint.
    pub fn ephemeral(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep: false, settings: Vec::new() }
    }

    /// Changes a setting of PostgreSQL (`max_connections`, …) for as long as
    /// it runs. The settings of the connection (`port`, …) cannot be changed.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) const fn keep(&self) -> bool {
        self.keep
    }

    pub(super) const fn stop_signal(&self) -> StopSignal {
        if self.keep { StopSignal::Fast } else { StopSignal::Immediate }
    }

    /// The arguments of `postgres`. Options at start rather than a file, so
    /// that they change with NEXO; `postgresql.conf` is the operator's.
    pub(super) fn args(&self, layout: &Layout) -> Vec<OsString> {
        let mut args = vec![OsString::from("-D"), layout.data().into()];
        let mut set = |name: &str, value: &OsString| {
            let mut arg = OsString::from(name);
            arg.push("=");
            arg.push(value);
            args.extend(["-c".into(), arg]);
        };
        for (name, value) in &self.settings {
            set(name, &value.into());
        }
        // After the caller's: the last one counts.
        set("listen_addresses", &OsString::new());
        set("port", &"5432".into());
        set("unix_socket_directories", &quoted(layout.socket_folder()));
        for (name, value) in [
            ("unix_socket_permissions", "0700"),
            ("unix_socket_group", ""),
            ("password_encryption", "scram-sha-256"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            ("log_line_prefix", "%p "),
            ("lc_messages", "C"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("cluster_name", "nexo"),
        ] {
            set(name, &value.into());
        }
        args
    }
}

/// A path as an entry of a comma-separated list.
fn quoted(path: &Path) -> OsString {
    let mut text = OsString::from("\"");
    for (position, part) in path.to_string_lossy().split('"').enumerate() {
        text.push(if position > 0 { "\"\"" } else { "" });
        text.push(part);
    }
    text.push("\"");
    text
}
