//! Replies that callers read slowly, or not at all.

use std::time::Duration;

use clap::Args;

use super::values;

/// With less, files of which each counts as 8 MiB could not be sent from their half of it.
const LEAST_MEMORY: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct RepliesArgs {
    /// Time for a caller to read a reply, besides the time that it takes at --reply-rate
    #[arg(
        long, env = "NEXO_REPLY_TIMEOUT", value_name = "DURATION", default_value = "60s",
        value_parser = values::timeout
    )]
    pub(crate) reply_timeout: Duration,

    /// How fast a large reply must be read, in a second
    #[arg(
        long, env = "NEXO_REPLY_RATE", value_name = "SIZE", default_value = "64KiB",
        value_parser = rate
    )]
    pub(crate) reply_rate: u32,

    /// Memory for replies that nobody has read yet; beyond it large reads are refused with 503
    #[arg(
        long, env = "NEXO_REPLY_MEMORY", value_name = "SIZE", default_value = "256MiB",
        value_parser = memory
    )]
    pub(crate) reply_memory: usize,
}

/// A number of bytes: `65536`, `64KiB`, `256MiB`, `2GiB`.
fn size(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn rate(text: &str) -> Result<u32, String> {
    let rate = size(text).filter(|rate| *rate > 0).and_then(|rate| rate.try_into().ok());
    rate.ok_or_else(|| "expected a size from 1 to 4GiB less one byte, such as 64KiB".to_owned())
}

fn memory(text: &str) -> Result<usize, String> {
    let memory = size(text).filter(|memory| *memory >= LEAST_MEMORY);
    let memory = memory.and_then(|memory| memory.try_into().ok());
    memory.ok_or_else(|| "expected a size of at least 16MiB, such as 256MiB or 1GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!((size("65536"), size("64KiB")), (Some(65_536), Some(65_536)));
        assert_eq!((size("256MiB"), size("2GiB")), (Some(256 << 20), Some(2 << 30)));
        for wrong in
            ["", "KiB", "64 KiB", "64kb", "-1", "1.5MiB", "99999999999999999999", "99999999999GiB"]
        {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert!(rate("0").is_err() && rate("4GiB").is_err() && rate("1").is_ok());
        assert!(memory("8MiB").is_err() && memory("16MiB").is_ok());
    }
}
