//! What a workbook's cells hold, as the text that a person would see there.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::civil::{Date, date};

const DAY: i64 = 24 * 60 * 60 * 1000;
/// 9999-12-31, the last day that a workbook knows, in either date system.
const LAST_DAY: f64 = 2_958_466.0;

/// How a number is shown, as far as it changes what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Plain,
    Date,
    Time,
    Duration,
}

impl Format {
    /// A format that no workbook defines, because all know it.
    pub(crate) fn known(id: u32) -> Self {
        match id {
            14..=17 | 22 | 27..=36 | 50..=58 => Self::Date,
            18..=21 | 45 | 47 => Self::Time,
            46 => Self::Duration,
            _ => Self::Plain,
        }
    }

    /// A format as it is written, such as `yyyy\-mm\-dd`: the first of its
    /// sections decides.
    pub(crate) fn of(code: &str) -> Self {
        let (mut day, mut month, mut time) = (false, false, false);
        let mut chars = code.chars();
        while let Some(char) = chars.next() {
            match char.to_ascii_lowercase() {
                '\\' | '_' | '*' => _ = chars.next(),
                '"' => _ = chars.find(|&it| it == '"'),
                ';' => break,
                // A colour, a condition or a language, unless it is elapsed time.
                '[' => {
                    let inside = chars.as_str().split(']').next().unwrap_or_default();
                    let elapsed = |it| matches!(it, 'h' | 'm' | 's' | 'H' | 'M' | 'S');
                    if !inside.is_empty() && inside.chars().all(elapsed) {
                        return Self::Duration;
                    }
                    _ = chars.find(|&it| it == ']');
                }
                'y' | 'd' => day = true,
                'h' | 's' => time = true,
                'm' => month = true,
                _ => {}
            }
        }
        match (day, month, time) {
            (true, ..) | (_, true, false) => Self::Date,
            (.., true) => Self::Time,
            _ => Self::Plain,
        }
    }
}

/// Adds a number as it is shown. What is no number is added as it is.
pub(crate) fn add_number(out: &mut String, raw: &str, format: Format, since_1904: bool) {
    let raw = raw.trim_matches([' ', '\t', '\r', '\n']);
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A whole number may have more digits than a floating-point one could keep.
    if format == Format::Plain && whole && (!digits.starts_with('0') || raw == "0") {
        return out.push_str(raw);
    }
    let number = raw.parse().ok().filter(|number: &f64| number.is_finite());
    let Some(number) = number else { return out.push_str(raw) };
    let shown = match format {
        Format::Plain => None,
        Format::Duration => Some(duration(number)),
        Format::Date | Format::Time => moment(number, format, since_1904),
    };
    match shown {
        Some(shown) => out.push_str(&shown),
        // Adding 0 makes nothing of the sign of a negative 0.
        None => write!(out, "{}", number + 0.0).expect("a String takes it"),
    }
}

fn duration(days: f64) -> String {
    // As many days as there are milliseconds in an i64 are cut to it.
    let length = (days.abs() * DAY as f64).round() as i64;
    let sign = if days < 0.0 && length > 0 { "-" } else { "" };
    format!("{sign}{}", clock(length))
}

/// A day with its time, if it has one; only the time where there is no day.
fn moment(days: f64, format: Format, since_1904: bool) -> Option<String> {
    if !(0.0..LAST_DAY).contains(&days) {
        return None;
    }
    let since = (days * DAY as f64).round() as i64;
    let (day, time) = (since / DAY, since % DAY);
    if day == 0 && (format == Format::Time || !since_1904) {
        return Some(clock(time));
    }
    let shown = match (since_1904, day) {
        (true, _) => after(date(1904, 1, 1), day)?,
        // To Lotus 1-2-3, and so to Excel, 1900 was a leap year.
        (false, 60) => "1900-02-29".to_owned(),
        (false, ..60) => after(date(1899, 12, 31), day)?,
        (false, _) => after(date(1899, 12, 30), day)?,
    };
    Some(if time == 0 { shown } else { format!("{shown}T{}", clock(time)) })
}

fn after(first: Date, days: i64) -> Option<String> {
    let span = jiff::Span::new().try_days(days).ok()?;
    first.checked_add(span).ok().map(|date| date.to_string())
}

fn clock(time: i64) -> String {
    let (seconds, millis) = (time / 1000, time % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if millis == 0 { clock } else { format!("{clock}.{millis:03}") }
}

/// Undoes `_xHHHH_`, which stands for a character that XML cannot hold.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match unit(rest) {
            Some(first @ 0xD800..0xDC00) => {
                rest = &rest[7..];
                let second = unit(rest).filter(|unit| (0xDC00..0xE000).contains(unit));
                if second.is_some() {
                    rest = &rest[7..];
                }
                let both = [first, second.unwrap_or(first)];
                let both = &both[..1 + usize::from(second.is_some())];
                out.extend(char::decode_utf16(both.iter().copied()).map(lossy));
            }
            Some(unit) => {
                rest = &rest[7..];
                out.extend(char::decode_utf16([unit]).map(lossy));
            }
            None => {
                out.push_str("_x");
                rest = &rest[2..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn lossy(unit: Result<char, std::char::DecodeUtf16Error>) -> char {
    unit.unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The UTF-16 unit that an escape at the beginning of the text stands for.
pub(crate) fn unit(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let escape = bytes.starts_with(b"_x") && bytes.get(6) == Some(&b'_');
    let hex = escape && bytes[2..6].iter().all(u8::is_ascii_hexdigit);
    hex.then(|| u16::from_str_radix(&text[2..6], 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str, format: Format, since_1904: bool) -> String {
        let mut out = String::new();
        add_number(&mut out, raw, format, since_1904);
        out
    }

    #[test]
    fn numbers_are_shown_without_an_exponent() {
        let plain = |raw| shown(raw, Format::Plain, false);
        for (raw, text) in [
            ("5.0", "5"),
            ("-0", "0"),
            ("1.5E-7", "0.00000015"),
            ("1e21", "1000000000000000000000"),
            ("1.1000000000000001", "1.1"),
            ("12345678901234567890", "12345678901234567890"),
            (" 7\n", "7"),
            ("007", "7"),
            ("nan", "nan"),
            ("1e999", "1e999"),
            ("twelve", "twelve"),
        ] {
            assert_eq!(plain(raw), text, "{raw}");
        }
    }

    #[test]
    fn dates_are_shown_in_both_systems() {
        let date = |raw| shown(raw, Format::Date, false);
        assert_eq!(date("46053"), "2026-01-31");
        assert_eq!(date("46053.395833333336"), "2026-01-31T09:30:00");
        assert_eq!(date("46053.999999999"), "2026-02-01");
        assert_eq!(date("46053.00000289352"), "2026-01-31T00:00:00.250");
        assert_eq!(
            [date("1"), date("59"), date("60"), date("61")],
            ["1900-01-01", "1900-02-28", "1900-02-29", "1900-03-01"]
        );
        assert_eq!(date("2958465"), "9999-12-31");
        assert_eq!([date("2958466"), date("-1"), date("1e300")][..2], ["2958466", "-1"]);
        assert_eq!(shown("44591", Format::Date, true), "2026-01-31");
        assert_eq!(shown("0", Format::Date, true), "1904-01-01");
        assert_eq!(shown("0.5", Format::Time, true), "12:00:00");
        assert_eq!(shown("0.5", Format::Time, false), "12:00:00");
        assert_eq!(shown("1.5625", Format::Duration, false), "37:30:00");
        assert_eq!(shown("-0.5", Format::Duration, false), "-12:00:00");
        assert!(!shown("1e300", Format::Duration, false).is_empty());
    }

    #[test]
    fn a_format_says_what_a_number_is() {
        for (code, format) in [
            ("General", Format::Plain),
            ("#,##0.00 \"days\"", Format::Plain),
            ("[Red]0.00;yyyy", Format::Plain),
            ("_d0\\m*y", Format::Plain),
            ("yyyy\\-mm\\-dd", Format::Date),
            ("[$-409]mmm", Format::Date),
            ("d.m.yyyy h:mm", Format::Date),
            ("h:mm AM/PM", Format::Time),
            ("mm:ss.0", Format::Time),
            ("[hh]:mm", Format::Duration),
            ("[", Format::Plain),
            ("\"", Format::Plain),
        ] {
            assert_eq!(Format::of(code), format, "{code}");
        }
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(unescape("a_x000D_b"), "a\rb");
        assert_eq!(unescape("_x005F_x000D_"), "_x000D_");
        assert_eq!(unescape("_xD83D__xDE00_!"), "😀!");
        assert_eq!(unescape("_xD83D_é_xDE00_"), "\u{FFFD}é\u{FFFD}");
        for text in ["_x", "_x12_", "_xé000_", "_x00G0_", "_y0000_"] {
            assert_eq!(unescape(text), text);
        }
    }
}
