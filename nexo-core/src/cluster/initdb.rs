//! Making a cluster, once.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::binaries::Binaries;
use super::error::Action;
use super::guardian::{Guardian, StopSignal};
use super::layout::Layout;
use super::{ClusterError, SUPERUSER};

/// Makes the cluster of `layout`. Interrupted at any point, it leaves no
/// cluster and can be done again.
pub(super) async fn initialise(
    binaries: &Binaries,
    layout: &Layout,
    password: &SecretString,
    sync: bool,
) -> Result<(), ClusterError> {
    // An order of text that does not depend on the system's locales, which
    // differ between machines and change with their C library.
    const ICU: [&str; 2] = ["--locale-provider=icu", "--icu-locale=und"];
    // Without ICU, one that at least knows which characters are letters.
    const C: [&str; 1] = ["--lc-ctype=C.UTF-8"];
    let made = match run(binaries, layout, password, sync, &ICU).await {
        Err(ClusterError::Initdb { log, .. }) if log.contains("ICU is not supported") => {
            run(binaries, layout, password, sync, &C).await?
        }
        result => result?,
    };
    layout.adopt(&made)?;
    layout.remove_stagings()
}

/// One run of `initdb`, in a folder of its own. Answers the new cluster.
async fn run(
    binaries: &Binaries,
    layout: &Layout,
    password: &SecretString,
    sync: bool,
    locale: &[&str],
) -> Result<PathBuf, ClusterError> {
    let staging = layout.new_staging()?;
    let data = staging.join("data");
    let password_file = staging.join("password");
    write_password(&password_file, password)?;
    if let Some(user) = layout.user() {
        user.own(&password_file)?;
        // Last: from here on the folder's content is that user's.
        user.own(&staging)?;
    }
    let mut args: Vec<OsString> = vec![
        "--encoding=UTF8".into(),
        "--locale=C".into(),
        "--auth=scram-sha-256".into(),
        "--data-checksums".into(),
        format!("--username={SUPERUSER}").into(),
        prefixed("--pwfile=", &password_file),
        prefixed("--pgdata=", &data),
    ];
    args.extend(locale.iter().map(Into::into));
    if !sync {
        args.push("--no-sync".into());
    }
    let program = binaries.program("initdb");
    let initdb = Guardian::spawn(layout.user(), StopSignal::Fast, &program, args)?;
    let status = initdb.exited().await;
    if !status.success() {
        return Err(ClusterError::Initdb { status: status.to_string(), log: initdb.log().text() });
    }
    Ok(data)
}

fn write_password(file: &Path, password: &SecretString) -> Result<(), ClusterError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| out.write_all(password.expose_secret().as_bytes()))
        .action(|| format!("write {}", file.display()))
}

/// `prefix` and a path, of whatever bytes the path is made.
pub(super) fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut arg = OsString::from(prefix);
    arg.push(path);
    arg
}
