//! Sentences.

use super::random::Random;
use super::words::{NOTES, PRODUCTS, SLOT_COLOURS, SLOT_DAYS, SLOT_MONTHS, SLOT_TOPICS};

/// The template with its slots filled.
pub(super) fn sentence(template: &str, random: &mut Random) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((slot, after)) = after.split_once('}') else { break };
        text.push_str(before);
        text.push_str(match slot {
            "P" => random.skewed(PRODUCTS),
            "M" => random.skewed(SLOT_MONTHS),
            "D" => random.skewed(SLOT_DAYS),
            "T" => random.skewed(SLOT_TOPICS),
            _ => random.skewed(SLOT_COLOURS),
        });
        rest = after;
    }
    text.push_str(rest);
    if text.contains('#') { random.digits(&text) } else { text }
}

/// A few sentences, most often one or two, sometimes many.
pub(super) fn notes(random: &mut Random) -> String {
    let sentences = random.weighted(&[(45, 1), (30, 2), (14, 3), (8, 5), (3, 12)]);
    let mut text = String::new();
    for at in 0..sentences {
        if at > 0 {
            text.push(if at % 4 == 3 { '\n' } else { ' ' });
        }
        let template = random.skewed(NOTES);
        text.push_str(&sentence(template, random));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::words::{PROJECTS, TASKS};

    #[test]
    fn no_slot_stays_open() {
        let mut random = Random::of(&[1]);
        for template in [NOTES, TASKS, PROJECTS].concat() {
            let text = sentence(template, &mut random);
            assert!(!text.contains(['{', '}', '#']) && text.len() < 150, "{text}");
        }
        assert!(notes(&mut random).ends_with('.'));
    }
}
