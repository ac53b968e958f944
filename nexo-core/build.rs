//! The migrations are embedded by a macro, whose files cargo does not watch.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
