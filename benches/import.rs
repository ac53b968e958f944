//! Importing a file, against COPY of the same rows into the same table.
//!
//! `cargo bench --bench import` makes a CSV file of 100,000 clients
//! (`NEXO_BENCH_ROWS`), stores its rows once by `COPY … FROM STDIN` as the
//! superuser, which is what psql's `\copy` does, and once by an import through
//! SDK and server, into the same table with all of its indexes, and prints how
//! many times as long that takes. Then the same as a workbook, and the export.
//! It fails when the import takes more than three times as long.

#[path = "support/mod.rs"]
mod support;
#[path = "support/trial.rs"]
mod trial;

use std::time::Instant;

use nexo_client::Nexo;
use nexo_client::model::{Account, Duplicates, Id, ListParams, NewImport, SheetFormat};
use nexo_core::tokio_postgres::Client;
use support::{Bench, millis, percentile};
use tokio::runtime::Runtime;
use trial::trial;

/// How many times as long as COPY an import may take.
const TARGET: f64 = 3.0;

fn main() {
    let trial = trial();
    let rows = std::env::var("NEXO_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows = rows.unwrap_or(if trial { 300 } else { 100_000 });
    let ratio = Runtime::new().expect("a runtime").block_on(run(rows));
    if ratio > TARGET && !trial {
        eprintln!("an import takes more than {TARGET} times as long as COPY");
        std::process::exit(1);
    }
}

async fn run(rows: usize) -> f64 {
    let bench = Bench::start().await;
    let superuser = bench.superuser().await;
    let records: Vec<[String; 5]> = (0..rows).map(record).collect();

    // Turn by turn, and the median of each: the machine is noisy.
    let (mut copies, mut imports) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (owner, _) = bench.register().await;
        let account = owner.profile().await.expect("logged in").account.id;
        copies.push(copy(&superuser, account, &records).await);
        empty(&bench, &superuser).await;
        let (nexo, _) = bench.register().await;
        imports.push(import(&nexo, SheetFormat::Csv, csv(&records).as_bytes(), rows).await);
        if imports.len() < 3 {
            empty(&bench, &superuser).await;
        }
    }
    copies.sort();
    imports.sort();
    let [copy, import_csv] = [&copies, &imports].map(|times| millis(percentile(times, 0.5)) / 1e3);
    let ratio = import_csv / copy;
    println!("{rows} clients, seconds (median of 3):");
    println!("COPY FROM STDIN                    {copy:8.2}");
    println!("import of the CSV file             {import_csv:8.2}   {ratio:.2} times");

    let (nexo, _) = bench.register().await;
    let start = Instant::now();
    import(&nexo, SheetFormat::Csv, csv(&records).as_bytes(), rows).await;
    let again = NewImport { duplicates: Duplicates::Update, ..new(SheetFormat::Csv, 0) };
    println!("  into a table that has as many    {:8.2}", start.elapsed().as_secs_f64());
    let file = csv(&records);
    let start = Instant::now();
    run_import(&nexo, again, file.as_bytes(), rows).await;
    println!("  again, changing each             {:8.2}", start.elapsed().as_secs_f64());

    for format in [SheetFormat::Csv, SheetFormat::Xlsx] {
        let start = Instant::now();
        let file = export(&nexo, format).await;
        let (seconds, size) = (start.elapsed().as_secs_f64(), file.len() as f64 / 1e6);
        println!("export as {format:4}                     {seconds:8.2}   {size:.1} MB");
        if format == SheetFormat::Xlsx {
            let (other, _) = bench.register().await;
            let seconds = import(&other, format, &file, rows).await.as_secs_f64();
            println!("import of that                     {seconds:8.2}");
        }
    }
    ratio
}

fn record(at: usize) -> [String; 5] {
    let given = ["Ada", "Grace", "Łukasz", "Zoë", "María", "Wei"][at % 6];
    let family = ["Lovelace", "Hopper", "Kowalski", "Müller", "García", "Wang"][at / 6 % 6];
    [
        format!("k{at}"),
        format!("{given} {family} {at}"),
        format!("{}.{at}@example.com", given.to_lowercase().replace(['Ł', 'ł', 'ë', 'í'], "x")),
        format!("+49 30 {:07}", at % 10_000_000),
        ["lead", "active", "inactive"][at % 3].to_owned(),
    ]
}

fn csv(records: &[[String; 5]]) -> String {
    let mut csv = "external_id,name,email,phone,status\n".to_owned();
    for record in records {
        csv.push_str(&record.join(","));
        csv.push('\n');
    }
    csv
}

async fn empty(bench: &Bench, superuser: &Client) {
    let sql = "truncate nexo.clients, nexo.import_rows cascade";
    superuser.batch_execute(sql).await.expect("emptied");
    bench.settle().await;
    superuser.batch_execute("checkpoint").await.expect("written");
}

async fn copy(
    superuser: &Client,
    account: Id<Account>,
    records: &[[String; 5]],
) -> std::time::Duration {
    use futures_util::SinkExt;
    let sql =
        "copy nexo.clients (account_id, id, external_id, name, email, phone, status, kind, tags)
         from stdin with (format csv)";
    let mut file = String::new();
    for record in records {
        file.push_str(&format!(
            "{account},{},{},person,{{}}\n",
            Id::<Account>::new(),
            record.join(",")
        ));
    }
    let start = Instant::now();
    let sink = superuser.copy_in::<_, bytes::Bytes>(sql).await.expect("begins");
    let mut sink = std::pin::pin!(sink);
    for piece in file.as_bytes().chunks(256 * 1024) {
        sink.send(bytes::Bytes::copy_from_slice(piece)).await.expect("taken");
    }
    assert_eq!(sink.finish().await.expect("stored"), records.len() as u64);
    start.elapsed()
}

fn new(format: SheetFormat, size: u64) -> NewImport {
    NewImport { format, ..NewImport::csv("clients", size) }
}

async fn import(nexo: &Nexo, format: SheetFormat, file: &[u8], rows: usize) -> std::time::Duration {
    let start = Instant::now();
    run_import(nexo, new(format, 0), file, rows).await;
    start.elapsed()
}

async fn run_import(nexo: &Nexo, mut new: NewImport, file: &[u8], rows: usize) {
    new.size = file.len() as u64;
    let import = nexo.imports().create(&new).await.expect("begins");
    nexo.imports().upload(&import, file, |_| {}).await.expect("arrives");
    let done = nexo.imports().finish(import.id, |_| {}).await.expect("imported");
    assert_eq!((done.processed, done.failed), (rows as u64, 0));
}

async fn export(nexo: &Nexo, format: SheetFormat) -> Vec<u8> {
    let fields = ["external_id", "name", "email", "phone", "status"];
    let clients = nexo.clients();
    let file = clients.export(&ListParams::default(), format, &fields).await.expect("begins");
    file.into_bytes().await.expect("exported")
}
