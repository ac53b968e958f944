//! The passwords of a private cluster.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::O_NOFOLLOW;
use nix::unistd::Uid;
use secrecy::{ExposeSecret, SecretString};

use super::ClusterError;
use super::error::Action;
use super::layout::{fill_random, hex, sync_folder};

/// Passwords of 256 random bits, in a file that only the server's user reads.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// Of the superuser `postgres`.
    pub(super) superuser: SecretString,
    /// Of `nexo_owner`.
    pub(super) owner: SecretString,
}

impl Credentials {
    /// Reads the passwords, or `None` when there is no such file.
    pub(super) fn load(file: &Path) -> Result<Option<Self>, ClusterError> {
        let wrong = |reason: &str| ClusterError::Credentials {
            file: file.to_owned(),
            reason: reason.to_owned(),
        };
        // Not through a link: passwords of somebody else's choice open the
        // cluster to them.
        let opened = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(file);
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let unreadable = |error: io::Error| wrong(&error.to_string());
        if opened.metadata().map_err(unreadable)?.uid() != Uid::effective().as_raw() {
            return Err(wrong("this belongs to another user than the one NEXO runs as"));
        }
        let mut text = Vec::new();
        opened.read_to_end(&mut text).map_err(unreadable)?;
        let stored: serde_json::Value =
            serde_json::from_slice(&text).map_err(|_| wrong("this is not JSON"))?;
        let password = |role: &str| match stored[role].as_str() {
            Some(password) => Ok(SecretString::from(password)),
            None => Err(wrong(&format!("there is no password for {role:?}"))),
        };
        Ok(Some(Self { superuser: password("superuser")?, owner: password("owner")? }))
    }

    /// Makes new passwords and stores them, all or nothing.
    pub(super) fn create(file: &Path) -> Result<Self, ClusterError> {
        let new = Self { superuser: random_password()?, owner: random_password()? };
        let text = serde_json::json!({
            "superuser": new.superuser.expose_secret(),
            "owner": new.owner.expose_secret(),
        });
        store(file, text.to_string().as_bytes()).action(|| format!("write {}", file.display()))?;
        Ok(new)
    }
}

fn store(file: &Path, text: &[u8]) -> io::Result<()> {
    let unfinished = file.with_extension("json.new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // New, so that the mode is ours and no link is followed.
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    out.write_all(text)?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    file.parent().map_or(Ok(()), sync_folder)
}

fn random_password() -> Result<SecretString, ClusterError> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(SecretString::from(hex(&bytes)))
}
