//! Finding an installed PostgreSQL.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;
use super::install::install_command;
use super::layout::DATA;

/// The oldest PostgreSQL that NEXO runs on.
const OLDEST: u32 = 15;
/// Where the distributions put it, `*` standing for the version.
const USUAL: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/lib64/postgresql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];
/// The programs that are needed; `postgres` gives the version.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// The programs of one installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// Finds PostgreSQL 15 or newer: in the folder that `NEXO_PG_BINDIR`
    /// names, and only there if it is set; otherwise on the `PATH`, where
    /// `pg_config --bindir` points, and in the distributions' usual folders,
    /// there the newest first.
    ///
    /// # Errors
    /// [`ClusterError::NotFound`], which says what was looked at and how to
    /// install it.
    pub fn find() -> Result<Self, ClusterError> {
        Search::from_env().run(None)
    }

    /// Like [`Binaries::find`], but when `folder` holds a cluster already,
    /// only the major version that made it will do: no other can read it.
    ///
    /// # Errors
    /// As for [`Binaries::find`].
    pub fn find_for(folder: &Path) -> Result<Self, ClusterError> {
        Search::from_env().run(made_by(&folder.join(DATA)))
    }

    /// The major version, 15 or more.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// The folder of the programs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Looks at one folder; the error is the reason to pass it over.
    fn probe(folder: &Path, wanted: Option<u32>) -> Result<Self, String> {
        if let Some(missing) = PROGRAMS.iter().find(|name| !folder.join(name).is_file()) {
            return Err(format!("has no {missing}"));
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| format!("postgres does not run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major = major_in(&text).ok_or("postgres does not tell its version")?;
        match wanted {
            Some(wanted) if major != wanted => Err(format!("is PostgreSQL {major}")),
            None if major < OLDEST => Err(format!("is PostgreSQL {major}, too old")),
            _ => Ok(Self { folder: folder.to_owned(), major }),
        }
    }
}

/// The major version that made the cluster in `data`, if there is one.
pub(super) fn made_by(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// `postgres (PostgreSQL) 15.13 (Debian …)`, `… 18beta1`.
fn major_in(version: &str) -> Option<u32> {
    let number =
        version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

/// Where to look.
#[derive(Debug, Default)]
struct Search {
    only: Option<PathBuf>,
    path: OsString,
    usual: Vec<PathBuf>,
}

impl Search {
    fn from_env() -> Self {
        Self {
            only: env::var_os("NEXO_PG_BINDIR").filter(|v| !v.is_empty()).map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            usual: USUAL.iter().map(PathBuf::from).collect(),
        }
    }

    fn run(&self, wanted: Option<u32>) -> Result<Binaries, ClusterError> {
        let mut rejected = String::new();
        let mut seen = Vec::new();
        for folder in self.candidates() {
            // The same programs are often in several places.
            if seen.contains(&folder) {
                continue;
            }
            match Binaries::probe(&folder, wanted) {
                Ok(found) => return Ok(found),
                Err(reason) => rejected += &format!("; {} {reason}", folder.display()),
            }
            seen.push(folder);
        }
        let looked_at = match &self.only {
            Some(only) => format!("{} (NEXO_PG_BINDIR)", only.display()),
            None => format!("PATH, pg_config --bindir, {}", USUAL.join(", ")),
        };
        Err(ClusterError::NotFound {
            wanted: match wanted {
                Some(major) => format!("PostgreSQL {major}, which made the data"),
                None => format!("PostgreSQL {OLDEST} or newer"),
            },
            looked_at,
            rejected,
            install: install_command(wanted),
        })
    }

    /// The folders to try, the preferred ones first.
    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(only) = &self.only {
            return vec![only.canonicalize().unwrap_or_else(|_| only.clone())];
        }
        let mut folders = Vec::new();
        for folder in env::split_paths(&self.path).filter(|folder| folder.is_absolute()) {
            // Through links, to where the other programs are.
            if let Ok(program) = folder.join("postgres").canonicalize()
                && let Some(folder) = program.parent()
            {
                folders.push(folder.to_owned());
            }
        }
        for folder in env::split_paths(&self.path).filter(|folder| folder.is_absolute()) {
            if let Ok(output) = Command::new(folder.join("pg_config")).arg("--bindir").output() {
                let bindir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
                if bindir.join("postgres").is_file() {
                    folders.push(bindir.canonicalize().unwrap_or(bindir));
                }
            }
        }
        let mut usual: Vec<_> = self.usual.iter().flat_map(|pattern| expand(pattern)).collect();
        usual.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        folders.extend(usual.into_iter().map(|(_, folder)| folder));
        folders
    }
}

/// The existing folders that match a pattern with one `*`, which stands for a
/// version (`15`, `9.6`).
fn expand(pattern: &Path) -> Vec<(u32, PathBuf)> {
    let has_star = |path: &Path| path.to_string_lossy().contains('*');
    let Some(starred) = pattern.ancestors().filter(|path| has_star(path)).last() else {
        return Vec::new();
    };
    let (Some(parent), Some(name)) = (starred.parent(), starred.file_name()) else {
        return Vec::new();
    };
    let rest = pattern.strip_prefix(starred).unwrap_or(Path::new(""));
    let name = name.to_string_lossy();
    let (before, after) = name.split_once('*').unwrap_or((&name, ""));
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let version = name.to_str().and_then(|n| n.strip_prefix(before)?.strip_suffix(after));
        let Some(version) = version.and_then(major_in) else { continue };
        let folder = entry.path().join(rest);
        if let Ok(folder) = folder.canonicalize() {
            found.push((version, folder));
        }
    }
    found
}

#[cfg(test)]
#[path = "binaries_tests.rs"]
mod tests;
