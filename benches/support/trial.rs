//! Whether this run only tries that the bench works.

/// `cargo bench` passes `--bench`, `cargo test` does not; a trial measures
/// nothing and judges nothing.
pub(crate) fn trial() -> bool {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    !has("--bench") || has("--test")
}
