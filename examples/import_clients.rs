//! Imports clients from a CSV or XLSX file, with a progress bar; a run that was
//! broken off goes on where it was.
//!
//! Start a server with `make run`, then for example
//!
//! ```sh
//! export NEXO_EMAIL=ada@example.com NEXO_PASSWORD='wooden engines weave numbers'
//! cargo run --example import_clients -- clients.csv
//! ```
//!
//! With `--register` the user is made first, with `--dry-run` nothing is kept.
//! `NEXO_URL` names another server than `http://127.0.0.1:4000`.

use std::env;
use std::io::{IsTerminal, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nexo_client::Nexo;
use nexo_client::model::{Duplicates, Import, NewImport, RegisterRequest, SheetFormat};
use tokio::fs::File;
use tokio::io::AsyncSeekExt;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let path = PathBuf::from(path.ok_or("which file? import_clients [--dry-run] FILE")?);
    let nexo = log_in(has("--register")).await?;

    let import = begin_or_find(&nexo, &path, has("--dry-run")).await?;
    let mut file = File::open(&path).await?;
    file.seek(SeekFrom::Start(import.received)).await?;
    let imports = nexo.imports();
    let import = imports.upload(&import, file, |it| bar("sent", it.received, it.size)).await?;
    let progress = |it: &Import| match it.total {
        Some(total) if it.status.as_str() != "checking" => bar("rows", it.processed, total),
        _ => bar("checking", 0, 1),
    };
    let import = imports.finish(import.id, progress).await?;
    println!(
        "\n{} created, {} changed, {} skipped, {} refused",
        import.created, import.changed, import.skipped, import.failed
    );
    if import.failed > 0 {
        let report = path.with_extension("refused.csv");
        std::fs::write(&report, imports.report(import.id).await?.into_bytes().await?)?;
        println!("What was refused, and why, is in {}", report.display());
    }
    Ok(())
}

/// An import of this file that is not at its end, or a new one.
async fn begin_or_find(nexo: &Nexo, path: &Path, dry_run: bool) -> Result<Import> {
    let size = std::fs::metadata(path)?.len();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_same = |it: &Import| it.file_name == name && it.size == size && it.dry_run == dry_run;
    let latest = nexo.imports().list().await?.data;
    if let Some(broken_off) = latest.into_iter().find(|it| !it.status.is_final() && is_same(it)) {
        println!("going on with the import of {}", broken_off.created_at);
        return Ok(broken_off);
    }
    let is_xlsx = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("xlsx"));
    let new = NewImport {
        format: if is_xlsx { SheetFormat::Xlsx } else { SheetFormat::Csv },
        file_name: name,
        duplicates: Duplicates::Refuse,
        dry_run,
        ..NewImport::csv("clients", size)
    };
    Ok(nexo.imports().create(&new).await?)
}

/// One line that is written again and again, or nothing where nobody watches.
fn bar(what: &str, done: u64, all: u64) {
    if std::io::stdout().is_terminal() {
        let share = done as f64 / all.max(1) as f64;
        let filled = "#".repeat((share * 30.0) as usize);
        print!("\r{what:9}[{filled:30}] {:3.0} % {done} of {all}   ", share * 100.0);
        drop(std::io::stdout().flush());
    }
}

async fn log_in(register: bool) -> Result<Nexo> {
    let url = env::var("NEXO_URL").unwrap_or_else(|_| "http://127.0.0.1:4000".to_owned());
    let email = env::var("NEXO_EMAIL").map_err(|_| "NEXO_EMAIL must be set")?;
    let password = env::var("NEXO_PASSWORD").map_err(|_| "NEXO_PASSWORD must be set")?;
    let nexo = Nexo::new(url)?;
    if register {
        let (name, account_name) = ("Importer".to_owned(), "Imported".to_owned());
        nexo.register(&RegisterRequest { email, password, name, account_name }).await?;
    } else {
        nexo.login(&email, &password).await?;
    }
    Ok(nexo)
}
