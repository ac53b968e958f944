//! One line that says how far it is.

use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

use nexo_core::demo::Progress;

/// On a terminal the line is written over; elsewhere there is one now and then.
pub(super) struct ProgressLine {
    is_terminal: bool,
    begun: Instant,
    last: Instant,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { is_terminal: io::stderr().is_terminal(), begun: now, last: now }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        let pause = Duration::from_millis(if self.is_terminal { 100 } else { 5_000 });
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let line = line(progress, self.begun.elapsed());
        // Whoever has closed standard error does not want to know.
        drop(match self.is_terminal {
            true => write!(io::stderr(), "\r\x1b[K{line}"),
            false => writeln!(io::stderr(), "{line}"),
        });
    }

    /// Leaves nothing of the line.
    pub(super) fn end(&self) {
        if self.is_terminal {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

fn line(progress: Progress, took: Duration) -> String {
    let Progress { collection, written, of, .. } = progress;
    let percent = written * 100 / of.max(1);
    let a_second = (written as f64 / took.as_secs_f64().max(0.001)) as u64;
    format!(
        "{percent:>3} %  {} of {} records, {} a second: {collection}",
        grouped(written),
        grouped(of),
        grouped(a_second)
    )
}

/// 1234567 as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,000,000"]);
    }
}
