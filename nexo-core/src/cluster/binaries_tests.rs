#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// A folder with programs that only know their version.
fn fake(folder: &Path, version: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for name in PROGRAMS {
        let program = folder.join(name);
        // Written apart and linked: a file that was just open for writing
        // cannot be run while another thread forks.
        fs::write(&program, format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.canonicalize().unwrap()
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn versions_are_read() {
    assert_eq!(major_in("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some(15));
    assert_eq!(major_in("postgres (PostgreSQL) 18beta1"), Some(18));
    assert_eq!(major_in("9.6"), Some(9));
    assert_eq!(major_in("no number"), None);
}

#[test]
fn the_path_comes_first_and_links_are_followed() {
    let temp = temp();
    let real = fake(&temp.path().join("real"), "15.2");
    fake(&temp.path().join("pgsql-17/bin"), "17.0");
    let linked = temp.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(real.join("postgres"), linked.join("postgres")).unwrap();
    let search =
        Search { only: None, path: linked.into(), usual: vec![temp.path().join("pgsql-*/bin")] };
    assert_eq!(search.run(None).unwrap(), Binaries { folder: real, major: 15 });
    assert_eq!(search.run(Some(17)).unwrap().major, 17, "the data's version decides");
}

#[test]
fn the_newest_of_the_usual_folders_wins() {
    let temp = temp();
    for major in ["9.6", "16", "100", "15"] {
        fake(&temp.path().join(major).join("bin"), major);
    }
    let search = Search { usual: vec![temp.path().join("*/bin")], ..Search::default() };
    assert_eq!(search.run(None).unwrap().major, 100);
}

#[test]
fn what_is_too_old_or_incomplete_is_named_with_the_remedy() {
    let temp = temp();
    let old = fake(&temp.path().join("14/bin"), "14.11");
    let incomplete = fake(&temp.path().join("16/bin"), "16.1");
    fs::remove_file(incomplete.join("initdb")).unwrap();
    let search = Search { usual: vec![temp.path().join("*/bin")], ..Search::default() };
    let text = search.run(None).unwrap_err().to_string();
    assert!(text.starts_with("found no PostgreSQL 15 or newer; looked at PATH, "), "{text}");
    assert!(text.contains(&format!("{} is PostgreSQL 14, too old", old.display())), "{text}");
    assert!(text.contains(&format!("{} has no initdb", incomplete.display())), "{text}");
    assert!(text.contains(&format!("`{}`", install_command(None))), "{text}");
}

#[test]
fn a_named_folder_is_the_only_one() {
    let temp = temp();
    fake(&temp.path().join("16/bin"), "16.1");
    let search = Search {
        only: Some(temp.path().join("nowhere")),
        path: temp.path().join("16/bin").into(),
        usual: vec![temp.path().join("*/bin")],
    };
    let text = search.run(None).unwrap_err().to_string();
    assert!(text.contains("nowhere (NEXO_PG_BINDIR); "), "{text}");
    assert!(text.contains("nowhere has no postgres"), "{text}");
}
