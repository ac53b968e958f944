//! Where the targets begin: seeds are made from the server's own examples, and put where
//! libFuzzer looks for them.

use std::path::Path;

/// Writes seeds to the folder that `NEXO_FUZZ_SEEDS` names, if it does.
///
/// # Panics
/// When they cannot be written.
pub fn sow<S: AsRef<[u8]>>(seeds: impl FnOnce() -> Vec<S>) {
    let Some(folder) = std::env::var_os("NEXO_FUZZ_SEEDS") else { return };
    std::fs::create_dir_all(&folder).expect("a folder for seeds");
    for (at, seed) in seeds().iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{at:04}"));
        std::fs::write(file, seed).expect("a seed is written");
    }
}
