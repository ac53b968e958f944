//! Numbers that look random and follow from a seed.

/// SplitMix64: small, quick, and the same everywhere and for ever. Nothing
/// secret may be made with it.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// Numbers that follow from all of these: the same from the same, and
    /// unrelated ones from the slightest change.
    pub(super) fn of(parts: &[u64]) -> Self {
        let seed = parts
            .iter()
            .fold(STEP, |seed, part| mix(seed.wrapping_add(STEP) ^ mix(part.wrapping_add(STEP))));
        Self(seed)
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(end) * (self.bits() >> 32)) >> 32) as u32
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn within(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most - least + 1)
    }

    /// Whether something happens that does so in so many of a hundred cases.
    pub(super) fn percent(&mut self, cases: u32) -> bool {
        self.below(100) < cases
    }

    /// One of them, each as likely as any other.
    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }

    /// One of them, the first ones much more often, as words are in a language:
    /// twice as far down the list, half as likely.
    pub(super) fn skewed<T: Copy>(&mut self, of: &[T]) -> T {
        let count = of.len() as u32;
        let octaves = u32::BITS - count.leading_zeros();
        loop {
            let first = 1_u32 << self.below(octaves);
            let rank = first + self.below(first);
            if rank <= count {
                return of[rank as usize - 1];
            }
        }
    }

    /// One of them, by weights.
    pub(super) fn weighted<T: Copy>(&mut self, of: &[(u32, T)]) -> T {
        let mut left = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, each) in of {
            if left < *weight {
                return *each;
            }
            left -= weight;
        }
        of[0].1
    }

    /// The pattern with a digit for each `#`, and one from 2 to 9 for each `N`.
    pub(super) fn digits(&mut self, pattern: &str) -> String {
        let digit = |c: char| match c {
            '#' => char::from(b'0' + self.below(10) as u8),
            'N' => char::from(b'2' + self.below(8) as u8),
            other => other,
        };
        pattern.chars().map(digit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |parts: &[u64]| {
            let mut random = Random::of(parts);
            [random.bits(), random.bits(), random.bits()]
        };
        assert_eq!(numbers(&[1, 2]), numbers(&[1, 2]));
        assert_ne!(numbers(&[1, 2]), numbers(&[2, 1]));
        assert_ne!(numbers(&[1]), numbers(&[1, 0]));
    }

    #[test]
    fn ranges_are_kept_and_filled() {
        let mut random = Random::of(&[7]);
        let mut seen = [0_u32; 5];
        for _ in 0..5_000 {
            seen[random.within(1, 5) as usize - 1] += 1;
            assert_eq!(random.below(0), 0);
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        let number = random.digits("+1 NN# 555");
        assert!(number.len() == 10 && number.ends_with(" 555") && !number.contains(['N', '#']));
    }

    #[test]
    fn the_first_are_the_most_common_and_the_last_come_too() {
        let (mut random, ranks) = (Random::of(&[3]), Vec::from_iter(0..100_usize));
        let mut seen = [0_u32; 100];
        for _ in 0..100_000 {
            seen[random.skewed(&ranks)] += 1;
        }
        assert!(seen[0] > 5 * seen[9] && seen[9] > 3 * seen[70] && seen[99] > 0, "{seen:?}");
    }
}
