//! What came of each fault, as a table.

use std::any::Any;
use std::process::ExitCode;
use std::time::Instant;

/// What came of one fault.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) requests: usize,
    /// Acknowledged writes and changes, all of which were looked for in the database.
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    /// What is worth knowing, without being a promise.
    pub(crate) figures: Vec<String>,
    /// Broken promises.
    pub(crate) broken: Vec<String>,
    /// Why it was not tried.
    pub(crate) skipped: Option<String>,
}

impl Row {
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_else(|| "it panicked".to_owned());
        let first: String = text.lines().take(12).collect::<Vec<_>>().join(" | ");
        Self { broken: vec![first.chars().take(1500).collect()], ..Self::default() }
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::default() }
    }

    /// Notes a promise that does not hold.
    pub(crate) fn hold(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.broken.push(otherwise.into());
        }
    }

    pub(crate) fn figure(&mut self, text: impl Into<String>) {
        self.figures.push(text.into());
    }

    /// Adds what another load has shown.
    pub(crate) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.figures.extend(other.figures);
        self.broken.extend(other.broken);
    }
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<(&'static str, &'static str, Row)>,
    started: Instant,
}

impl Default for Report {
    fn default() -> Self {
        Self { rows: Vec::new(), started: Instant::now() }
    }
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, promise: &'static str, row: Row) {
        for text in &row.figures {
            eprintln!("   {text}");
        }
        for text in &row.broken {
            eprintln!("   BROKEN: {text}");
        }
        self.rows.push((name, promise, row));
    }

    /// Prints the table; a failure if any promise is broken.
    pub(crate) fn print(self) -> ExitCode {
        println!("\n| fault | promise | requests | acknowledged | lost | doubled | outcome |");
        println!("|---|---|--:|--:|--:|--:|---|");
        let (mut broken, mut skipped) = (0, 0);
        let mut all = Row::default();
        for (name, promise, row) in &self.rows {
            let outcome = match &row.skipped {
                _ if !row.broken.is_empty() => "BROKEN",
                Some(_) => "skipped",
                None => "held",
            };
            broken += usize::from(outcome == "BROKEN");
            skipped += usize::from(outcome == "skipped");
            all.requests += row.requests;
            all.acknowledged += row.acknowledged;
            all.lost += row.lost;
            all.doubled += row.doubled;
            println!(
                "| {name} | {promise} | {} | {} | {} | {} | {outcome} |",
                row.requests, row.acknowledged, row.lost, row.doubled
            );
        }
        let held = self.rows.len() - broken - skipped;
        println!(
            "| all | requests answered or refused; acknowledged writes and changes, all looked for | {} | {} | {} | {} | {held} held |",
            all.requests, all.acknowledged, all.lost, all.doubled
        );
        for (name, _, row) in &self.rows {
            let notes = row.skipped.iter().map(|why| format!("skipped: {why}"));
            let notes = notes.chain(row.figures.iter().cloned());
            for note in notes.chain(row.broken.iter().map(|text| format!("BROKEN: {text}"))) {
                println!("{name}: {note}");
            }
        }
        let (all, seconds) = (self.rows.len(), self.started.elapsed().as_secs());
        println!(
            "\n{held} of {all} promises held, {broken} broken, {skipped} skipped, in {seconds} s"
        );
        if broken > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
