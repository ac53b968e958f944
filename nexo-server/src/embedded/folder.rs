//! Where the data goes by default.

use std::env;
use std::path::PathBuf;

use nix::unistd::Uid;

use super::EmbeddedError;

/// Where the data is kept if nothing else is said: `/var/lib/nexo` for root;
/// `~/Library/Application Support/nexo` on macOS; otherwise
/// `$XDG_DATA_HOME/nexo`, which is `~/.local/share/nexo` if unset.
///
/// # Errors
/// [`EmbeddedError::NoHome`] for a user without a home folder.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    if Uid::effective().is_root() {
        return Ok("/var/lib/nexo".into());
    }
    // A relative one is invalid and to be ignored, says the XDG specification.
    if !cfg!(target_os = "macos")
        && let Some(data) = env::var_os("XDG_DATA_HOME").map(PathBuf::from)
        && data.is_absolute()
    {
        return Ok(data.join("nexo"));
    }
    let home = env::home_dir().filter(|home| home.is_absolute()).ok_or(EmbeddedError::NoHome)?;
    let data =
        if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    Ok(home.join(data).join("nexo"))
}
