//! People and companies, with what fits them: where they are, and how they are
//! reached.

use super::random::Random;
use super::words::{
    COINED_ENDS, COINED_STARTS, CULTURES, Culture, MAILBOXES, TRADES, latin, written,
};

/// Somebody to be named and reached.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) name: String,
    /// What stands before the `@` of a person, and before `.example` in the
    /// domain of a company.
    pub(super) handle: String,
    pub(super) culture: &'static Culture,
}

/// A natural person.
pub(super) fn person(random: &mut Random) -> Party {
    let culture = random.skewed(CULTURES);
    person_of(culture, random)
}

pub(super) fn person_of(culture: &'static Culture, random: &mut Random) -> Party {
    let (given, family) = (random.skewed(culture.given), random.skewed(culture.family));
    let name = match culture.family_first {
        true => format!("{}{}", written(family), written(given)),
        false if random.percent(8) => {
            let second = written(random.one(culture.given));
            format!("{} {second} {}", written(given), written(family))
        }
        false => format!("{} {}", written(given), written(family)),
    };
    let (given, family) = (latin(given), latin(family));
    let handle = match random.below(10) {
        0..4 => format!("{given}.{family}"),
        4..7 => format!("{given}.{family}{}", random.within(1, 99)),
        7 => format!("{}{family}{}", &given[..1], random.within(1950, 2007)),
        _ => format!("{family}-{given}{}", random.below(1_000)),
    };
    Party { name, handle, culture }
}

/// A company.
pub(super) fn company(random: &mut Random) -> Party {
    let culture = random.skewed(CULTURES);
    let form = random.skewed(culture.forms);
    let joint = if culture.family_first { "" } else { " " };
    let (family, trade) = (random.skewed(culture.family), random.skewed(TRADES));
    let (name, handle) = match random.below(10) {
        0..3 => (
            format!("{}{joint}{form}", written(family)),
            format!("{}-{}", latin(family), latin(trade)),
        ),
        3..5 => {
            let other = random.one(culture.family);
            let both = format!("{} & {}", written(family), written(other));
            (both, format!("{}{}", latin(family), latin(other)))
        }
        5..7 => {
            let city = random.skewed(culture.cities);
            (
                format!("{} {trade} {form}", written(city)),
                format!("{}-{}", latin(trade), latin(city)),
            )
        }
        7 => (format!("{} {trade}", written(family)), format!("{}{}", latin(family), latin(trade))),
        _ => {
            let (start, end) = (random.one(COINED_STARTS), random.one(COINED_ENDS));
            (format!("{start}{end} {form}"), format!("{}{end}", latin(start)))
        }
    };
    let handle = match random.below(3) {
        0 => handle,
        _ => format!("{handle}{}", random.below(10_000)),
    };
    Party { name, handle, culture }
}

impl Party {
    /// The address of a person.
    pub(super) fn mailbox(&self, random: &mut Random) -> String {
        format!("{}@{}", self.handle, random.skewed(MAILBOXES))
    }

    /// An address of a company.
    pub(super) fn office(&self, random: &mut Random) -> String {
        let room = random.skewed(&["info", "office", "contact", "sales", "purchasing", "hello"]);
        format!("{room}@{}.example", self.handle)
    }

    pub(super) fn website(&self, random: &mut Random) -> String {
        let www = if random.percent(60) { "www." } else { "" };
        format!("https://{www}{}.example", self.handle)
    }

    pub(super) fn phone(&self, random: &mut Random) -> String {
        let pattern = random.skewed(self.culture.phones);
        random.digits(pattern)
    }

    pub(super) fn address(&self, random: &mut Random) -> String {
        let street = random.skewed(self.culture.streets);
        let city = written(random.skewed(self.culture.cities));
        let mut text = String::new();
        for c in self.culture.address.chars() {
            match c {
                'S' => text.push_str(street),
                'C' => text.push_str(city),
                '@' => text.push_str(&random.within(1, 180).to_string()),
                '#' => text.push_str(&random.digits("#")),
                other => text.push(other),
            }
        }
        text
    }

    pub(super) fn tax_id(&self, random: &mut Random) -> String {
        random.digits(self.culture.tax)
    }
}
