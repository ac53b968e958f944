//! What PostgreSQL prints: forwarded to `tracing`, the last lines kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// As many lines as an error message can carry.
const KEPT: usize = 50;

/// The last lines that a process printed.
#[derive(Debug, Clone, Default)]
pub(super) struct LogTail(Arc<Mutex<VecDeque<String>>>);

impl LogTail {
    /// Forwards everything from `source` until its end.
    pub(super) fn forward(&self, source: impl Read) {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        // An error means as much as the end: nobody writes there any more.
        while let Ok(1..) = source.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            emit(text);
            // The answers to our own asking would push out what matters.
            if is_not_yet(text) {
                line.clear();
                continue;
            }
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back(text.to_owned());
            line.clear();
        }
    }

    /// Whether one of the kept lines contains `text`.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| line.contains(text))
    }

    /// The kept lines, oldest first.
    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// How loudly a line of PostgreSQL's is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Error,
    Warn,
    Debug,
}

fn emit(line: &str) {
    match severity(line) {
        Severity::Error => tracing::error!(target: "postgres", "{line}"),
        Severity::Warn => tracing::warn!(target: "postgres", "{line}"),
        Severity::Debug => tracing::debug!(target: "postgres", "{line}"),
    }
}

/// Judges by the word before the first colon, after an optional process id.
fn severity(line: &str) -> Severity {
    let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(' ');
    match line.split_once(':') {
        Some(("PANIC", _)) => Severity::Error,
        // It happens at every start.
        Some(("FATAL", _)) if is_not_yet(line) => Severity::Debug,
        Some(("FATAL" | "ERROR" | "WARNING", _)) => Severity::Warn,
        _ => Severity::Debug,
    }
}

/// Whether somebody was turned away because PostgreSQL starts or stops.
fn is_not_yet(line: &str) -> bool {
    line.contains("FATAL:  the database system is ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_loud_as_its_severity() {
        assert_eq!(severity("412 PANIC:  could not write to file"), Severity::Error);
        assert_eq!(severity("FATAL:  data directory has wrong ownership"), Severity::Warn);
        assert_eq!(severity("412 FATAL:  the database system is starting up"), Severity::Debug);
        assert_eq!(severity("412 ERROR:  duplicate key"), Severity::Warn);
        assert_eq!(severity("412 STATEMENT:  select 'ERROR: x'"), Severity::Debug);
        assert_eq!(severity("412 LOG:  ready"), Severity::Debug);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let log = LogTail::default();
        let input: String = (0..KEPT + 3).map(|i| format!("line {i};\n")).collect();
        log.forward(input.as_bytes());
        assert!(!log.contains("line 2;"));
        assert!(log.text().starts_with("line 3;"));
        assert!(log.text().ends_with(&format!("line {};", KEPT + 2)));
    }
}
