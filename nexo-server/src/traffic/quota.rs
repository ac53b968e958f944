//! So many requests in such a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The most requests in any window of a length, wherever the window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    requests: u32,
    window: Duration,
}

/// What was given is no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 10000 requests and a time from 1s to 1h, such as 100/60s, or off")]
pub struct ParseQuotaError;

/// Each request that counts is remembered for the time of the window, so both
/// are bounded.
const MOST: u32 = 10_000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

impl Quota {
    /// From 1 to 10,000 requests in a time of a second to an hour.
    ///
    /// # Errors
    /// Beyond that.
    pub fn new(requests: u32, window: Duration) -> Result<Self, ParseQuotaError> {
        let fits = (1..=MOST).contains(&requests) && (SHORTEST..=LONGEST).contains(&window);
        if fits { Ok(Self { requests, window }) } else { Err(ParseQuotaError) }
    }

    /// For defaults, which are within the bounds.
    pub(crate) const fn of_seconds(requests: u32, seconds: u64) -> Self {
        Self { requests, window: Duration::from_secs(seconds) }
    }

    /// How many requests.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// In how long a time.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }
}

/// `100/60s`; the units are `ms`, `s`, `m` and `h`.
impl FromStr for Quota {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (requests, window) = text.split_once('/').ok_or(ParseQuotaError)?;
        let digits = requests.bytes().all(|byte| byte.is_ascii_digit());
        let requests = requests.parse().ok().filter(|_| digits).ok_or(ParseQuotaError)?;
        let window = crate::config::duration(window).map_err(|_| ParseQuotaError)?;
        Self::new(requests, window)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:?}", self.requests, self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_written_as_a_fraction() {
        let quota: Quota = "100/60s".parse().expect("a quota");
        assert_eq!((quota.requests(), quota.window()), (100, Duration::from_secs(60)));
        assert_eq!(quota.to_string(), "100/60s");
        assert_eq!("20/1m".parse(), Quota::new(20, Duration::from_secs(60)));
        assert_eq!("1/1500ms".parse(), Quota::new(1, Duration::from_millis(1500)));
        for wrong in [
            "",
            "100",
            "0/60s",
            "10001/60s",
            "100/60",
            "100/0s",
            "+1/60s",
            "-1/60s",
            "1/2h",
            "1/1ms",
        ] {
            assert_eq!(wrong.parse::<Quota>(), Err(ParseQuotaError), "{wrong}");
        }
    }
}
