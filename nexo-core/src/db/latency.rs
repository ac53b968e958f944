//! How long the database takes to answer, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets, in microseconds: half a millisecond is a flush
/// on the same machine, and beyond thirty seconds every request has given up.
const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// Durations by size. To note one is two additions.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// The last one is of those beyond all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// In microseconds, which fill it in half a million years.
    sum: AtomicU64,
}

/// How long something took each time, since the program began.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyCount {
    /// Upper bounds in seconds, and how many took no longer.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long all of them took, in seconds.
    pub sum: f64,
}

/// Notes how long something takes that has begun, also if nobody waits for its end.
pub(super) struct Timed<'a> {
    latency: &'a Latency,
    begun: Instant,
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.latency.note(self.begun.elapsed());
    }
}

impl Latency {
    pub(super) fn begin(&self) -> Timed<'_> {
        Timed { latency: self, begun: Instant::now() }
    }

    pub(crate) fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> LatencyCount {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(BOUNDS.len());
        for (at, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            if let Some(bound) = BOUNDS.get(at) {
                buckets.push((*bound as f64 / 1e6, count));
            }
        }
        LatencyCount { buckets, count, sum: self.sum.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_counts_in_its_bucket_and_in_those_above() {
        let latency = Latency::default();
        for micros in [0, 500, 501, 2_000, 60_000_000] {
            latency.note(Duration::from_micros(micros));
        }
        let count = latency.count();
        assert_eq!(count.buckets[..3], [(0.0005, 2), (0.001, 3), (0.0025, 4)]);
        assert_eq!(count.buckets.last(), Some(&(30.0, 4)));
        assert_eq!((count.count, count.sum), (5, 60.003_001));
    }
}
