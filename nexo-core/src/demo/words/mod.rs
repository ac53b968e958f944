//! The words that everything is made of. All are made up or common: no list
//! comes from anywhere. Where a word is not in Latin letters, what it is in an
//! address follows after `=`.

#[rustfmt::skip]
mod business;
#[rustfmt::skip]
mod cultures;
#[rustfmt::skip]
mod notes;
#[rustfmt::skip]
mod work;

pub(super) use business::{COINED_ENDS, COINED_STARTS, MAILBOXES, PRODUCTS, TAGS, TRADES};
pub(super) use cultures::{CULTURES, Culture};
pub(super) use notes::{NOTES, SLOT_COLOURS, SLOT_DAYS, SLOT_MONTHS, SLOT_TOPICS};
pub(super) use work::{
    CATEGORIES, DEPARTMENTS, PROJECTS, ROLES, SPECIALTIES, TASKS, TERMS, TITLES,
};

/// A word as it is written.
pub(super) fn written(word: &'static str) -> &'static str {
    word.split('=').next().unwrap_or(word)
}

/// A word as it is in an address: in `a-z`, `0-9`.
pub(super) fn latin(word: &str) -> String {
    let word = word.rsplit('=').next().unwrap_or(word);
    let mut latin = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase) {
        let letters = match c {
            'a'..='z' | '0'..='9' => {
                latin.push(c);
                continue;
            }
            'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' | 'ā' => "a",
            'ä' | 'æ' => "ae",
            'ç' | 'ć' | 'č' => "c",
            'ď' | 'đ' => "d",
            'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' | 'ė' => "e",
            'ğ' => "g",
            'í' | 'ì' | 'î' | 'ï' | 'ı' => "i",
            'ł' => "l",
            'ñ' | 'ń' | 'ň' => "n",
            'ó' | 'ò' | 'ô' | 'õ' => "o",
            'ö' | 'ø' | 'œ' => "oe",
            'ř' => "r",
            'š' | 'ś' | 'ş' => "s",
            'ß' => "ss",
            'ť' => "t",
            'ú' | 'ù' | 'û' | 'ů' => "u",
            'ü' => "ue",
            'ý' => "y",
            'ž' | 'ź' | 'ż' => "z",
            _ => "",
        };
        latin.push_str(letters);
    }
    latin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_address() {
        for culture in CULTURES {
            for word in [culture.given, culture.family, culture.cities].concat() {
                assert!(latin(word).len() > 1, "{word}");
                assert!(!written(word).is_empty() && !written(word).contains('='), "{word}");
            }
        }
        assert_eq!(latin("Łukasz"), "lukasz");
        assert_eq!(latin("王=wang"), "wang");
        assert_eq!((latin("O'Neill"), latin("Großmann")), ("oneill".into(), "grossmann".into()));
    }
}
