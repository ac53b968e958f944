//! How to install PostgreSQL on this machine.

use std::path::Path;

/// The command that installs PostgreSQL, of the major version if one is
/// needed, with this system's package manager.
pub(super) fn install_command(major: Option<u32>) -> String {
    if cfg!(target_os = "macos") {
        return brew(major);
    }
    let has = |path: &str| Path::new(path).exists();
    if has("/etc/debian_version") {
        apt(major)
    } else if has("/etc/redhat-release") || has("/etc/fedora-release") {
        dnf(major)
    } else if has("/etc/alpine-release") {
        apk(major)
    } else {
        [apt(major), dnf(major), apk(major), brew(major)].join("`, or `")
    }
}

fn apt(major: Option<u32>) -> String {
    match major {
        Some(major) => format!("apt-get install postgresql-{major}"),
        None => "apt-get install postgresql".to_owned(),
    }
}

// With the contrib package, which Debian's and Homebrew's include.
fn dnf(major: Option<u32>) -> String {
    match major {
        Some(major) => format!("dnf install postgresql{major}-server postgresql{major}-contrib"),
        None => "dnf install postgresql-server postgresql-contrib".to_owned(),
    }
}

fn apk(major: Option<u32>) -> String {
    let major = major.map(|major| major.to_string()).unwrap_or_default();
    format!("apk add postgresql{major} postgresql{major}-contrib")
}

fn brew(major: Option<u32>) -> String {
    format!("brew install postgresql@{}", major.unwrap_or(17))
}
