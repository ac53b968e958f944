//! One server a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::libc::O_NOFOLLOW;
use tokio::time::{Instant, sleep};

use super::EmbeddedError;

/// A server that was killed a moment ago may not be quite gone.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// The exclusive use of a data folder, until dropped or until the process
/// ends. The file stays; only the lock on it counts.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) async fn take(folder: &Path) -> Result<Self, EmbeddedError> {
        let path = folder.join("lock");
        let failed = |source: io::Error| EmbeddedError::Io {
            action: format!("lock {}", path.display()),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            // Not before the lock is ours: it has the other's process id.
            .truncate(false)
            .mode(0o600)
            // A link would have the process id written to whatever it names.
            .custom_flags(O_NOFOLLOW)
            .open(&path)
            .map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let locked = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(PAUSE).await,
                result => break result,
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Only for the message, which does without if need be.
                let _ = file.read_to_string(&mut pid);
                let pid = Some(pid.trim().to_owned()).filter(|pid| !pid.is_empty());
                return Err(EmbeddedError::InUse { folder: folder.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self(file))
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
