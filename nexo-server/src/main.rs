//! The program `nexo-server`; `--help` tells how to use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexo_server::run()
}
