//! Programs of others that some tests run.

use std::env;
use std::path::PathBuf;

/// Where a program is. On a machine without it a test says so and passes; where
/// everything must be tested, which the variable `CI` says, it fails.
pub(crate) fn installed(program: &str, package: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        let missing = format!("{program} is not installed (package {package})");
        assert!(env::var_os("CI").is_none(), "{missing}");
        eprintln!("SKIPPED, because {missing}");
    }
    found
}
