//! What of a text was searched for, for people to see.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::model::Piece;

/// Characters of context before the first match.
const BEFORE: usize = 30;
/// Characters of a snippet.
const LONGEST: usize = 160;
/// Words that are looked for, and characters of a text in which they are: as
/// many as the index is asked for and holds.
const WORDS: usize = 10;
const SEARCHED: usize = 12_000;

/// The words of a query, folded as the index folds them.
pub(super) struct Words(Vec<Vec<char>>);

impl Words {
    pub(super) fn of(q: &str) -> Self {
        let folded: String = q.chars().flat_map(fold).collect();
        let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let mut words: Vec<Vec<char>> = words.map(|word| word.chars().collect()).collect();
        // The longest first: "anna" is marked whole also when "ann" is asked for.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.dedup();
        words.truncate(WORDS);
        Self(words)
    }

    /// A text in which nothing is marked.
    pub(super) fn plain(text: &str) -> Vec<Piece> {
        let text = text.chars().take(LONGEST).collect();
        vec![Piece { text, matched: false }]
    }

    /// The text around the first word that it has, or nothing if it has none.
    pub(super) fn snippet(&self, text: &str) -> Option<Vec<Piece>> {
        let original: Vec<char> = text.chars().take(SEARCHED).collect();
        // Each folded character with the place of the one that it came from.
        let folded: Vec<(char, usize)> = original
            .iter()
            .enumerate()
            .flat_map(|(at, c)| fold(*c).into_iter().map(move |folded| (folded, at)))
            .take(2 * SEARCHED)
            .collect();
        let mut marked = vec![false; original.len()];
        let (mut at, mut shown_to) = (0, None);
        // What is marked behind the snippet is not seen.
        while at < folded.len() && shown_to.is_none_or(|end| folded[at].1 < end) {
            match self.0.iter().find(|word| begins(&folded[at..], word)) {
                Some(word) => {
                    shown_to.get_or_insert(folded[at].1 + LONGEST);
                    let first = folded[at].1;
                    at += word.len();
                    // With what is not seen in between.
                    marked[first..=folded[at - 1].1].fill(true);
                }
                None => at += 1,
            }
        }
        let first = marked.iter().position(|matched| *matched)?;
        let start = first.saturating_sub(BEFORE);
        let end = original.len().min(start + LONGEST);
        let mut pieces: Vec<Piece> = Vec::new();
        for (c, matched) in original[start..end].iter().zip(&marked[start..end]) {
            match pieces.last_mut().filter(|piece| piece.matched == *matched) {
                Some(piece) => piece.text.push(*c),
                None => pieces.push(Piece { text: c.to_string(), matched: *matched }),
            }
        }
        Some(pieces)
    }
}

fn begins(text: &[(char, usize)], word: &[char]) -> bool {
    text.len() >= word.len() && text.iter().zip(word).all(|((c, _), of_word)| c == of_word)
}

/// The character as it is compared: in lower case, without its accents.
fn fold(c: char) -> Vec<char> {
    if c.is_ascii() {
        return vec![c.to_ascii_lowercase()];
    }
    let parts = std::iter::once(c).nfkd().filter(|part| !is_combining_mark(*part));
    let mut folded = Vec::new();
    for part in parts.flat_map(char::to_lowercase) {
        match part {
            'ß' => folded.extend(['s', 's']),
            'æ' => folded.extend(['a', 'e']),
            'œ' => folded.extend(['o', 'e']),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'ı' => folded.push('i'),
            'ħ' => folded.push('h'),
            'ð' => folded.push('d'),
            'ς' => folded.push('σ'),
            // Soft hyphens, and what joins or directs without being seen.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{feff}' => {}
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(q: &str, text: &str) -> Option<String> {
        let pieces = Words::of(q).snippet(text)?;
        let show = |piece: &Piece| match piece.matched {
            true => format!("[{}]", piece.text),
            false => piece.text.clone(),
        };
        Some(pieces.iter().map(show).collect())
    }

    #[test]
    fn what_was_searched_for_is_marked() {
        for (q, text, expected) in [
            ("ada", "Ada Byron", Some("[Ada] Byron")),
            ("byr ada", "Ada Byron", Some("[Ada] [Byr]on")),
            ("muller", "Jürgen Müller", Some("Jürgen [Müller]")),
            ("STRASSE", "Hauptstraße 7", Some("Haupt[straße] 7")),
            ("gmail.com", "ada@gmail.com", Some("ada@[gmail].[com]")),
            ("zoe", "Ada", None),
            ("œuvre", "Œuvre", Some("[Œuvre]")),
            ("ΣΟΦΟΣ", "ο σοφός", Some("ο [σοφός]")),
            ("cooperate", "co\u{ad}operate", Some("[co\u{ad}operate]")),
            ("a b c d e f g h i j k", "x k", None),
            ("<b>", "a<b>c", Some("a<[b]>c")),
        ] {
            assert_eq!(marked(q, text).as_deref(), expected, "{q} in {text}");
        }
    }

    #[test]
    fn a_long_text_is_shown_around_the_match() {
        let text = format!("{} needle {}", "x ".repeat(500), "y ".repeat(500));
        let pieces = Words::of("needle").snippet(&text).expect("found");
        assert_eq!(pieces[1], Piece { text: "needle".to_owned(), matched: true });
        assert_eq!(pieces[0].text.chars().count(), BEFORE);
        let length: usize = pieces.iter().map(|piece| piece.text.chars().count()).sum();
        assert_eq!(length, LONGEST);
    }
}
