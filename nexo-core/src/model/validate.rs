//! Checks of form, the same in the SDK, the server and an embedding program.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use super::{Change, Decimal, FieldCode, FieldError};

/// A value that can say which of its fields are not acceptable.
pub trait Validate {
    /// Checks every field.
    ///
    /// # Errors
    /// All fields that are refused, not only the first.
    fn validate(&self) -> Result<(), Vec<FieldError>>;
}

/// Collects refusals field by field.
#[derive(Debug, Default)]
pub struct Validator {
    errors: Vec<FieldError>,
}

impl Validator {
    /// Nothing refused yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses `field`.
    pub fn refuse(
        &mut self,
        field: impl Into<String>,
        code: FieldCode,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        self.errors.push(FieldError::new(field, code, message));
    }

    /// Text of `min` to `max` characters, not all blank, without control
    /// characters other than tabs and line ends: PostgreSQL cannot store
    /// U+0000, and the others only hurt whoever shows or exports the text.
    pub fn text(&mut self, field: &str, text: &str, min: usize, max: usize) {
        if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            self.refuse(field, FieldCode::InvalidCharacter, "must not contain control characters");
            return;
        }
        if min > 0 && text.trim().is_empty() {
            self.refuse(field, FieldCode::Required, "must not be empty");
            return;
        }
        // A character has at most 4 bytes: count only where it can matter.
        let count = if text.len() <= max && min <= 1 { return } else { text.chars().count() };
        if count < min {
            self.refuse(field, FieldCode::TooShort, format!("must have at least {min} characters"));
        } else if count > max {
            self.refuse(field, FieldCode::TooLong, format!("must have at most {max} characters"));
        }
    }

    /// One e-mail address. What only the mail system can know is not asked.
    pub fn email(&mut self, field: &str, email: &str) {
        if !is_email(trim(email)) {
            self.refuse(field, FieldCode::InvalidFormat, "must be an e-mail address");
        }
    }

    /// A phone number as people write it: up to 40 characters, a digit at least.
    pub fn phone(&mut self, field: &str, phone: &str) {
        let written = |c: char| c.is_ascii_digit() || " +-./()#*,;xX".contains(c);
        let plausible = phone.chars().any(|c| c.is_ascii_digit()) && phone.chars().all(written);
        if !plausible || phone.len() > 40 {
            self.refuse(
                field,
                FieldCode::InvalidFormat,
                "must be a phone number of up to 40 characters",
            );
        }
    }

    /// An `http` or `https` address. Other schemes (`javascript:`) could hurt
    /// whoever shows the value as a link.
    pub fn web_address(&mut self, field: &str, address: &str) {
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let clean = !address.chars().any(|c| c.is_whitespace() || c.is_control());
        let has_host =
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
        if !clean || !has_host || address.chars().count() > 500 {
            self.refuse(
                field,
                FieldCode::InvalidFormat,
                "must be an http:// or https:// address of up to 500 characters",
            );
        }
    }

    /// Up to 50 different labels of 1 to 50 characters.
    pub fn labels(&mut self, field: &str, labels: &[String]) {
        if labels.len() > 50 {
            self.refuse(field, FieldCode::TooMany, "must have at most 50 entries");
            return;
        }
        for (at, label) in labels.iter().enumerate() {
            self.text(&format!("{field}[{at}]"), label, 1, 50);
            if labels[..at].contains(label) {
                self.refuse(format!("{field}[{at}]"), FieldCode::Duplicate, "stands twice");
            }
        }
    }

    /// An identifier that people or other systems chose: 1 to `max` characters,
    /// without control characters, and without blanks at its ends, which nobody
    /// sees and which make two of one.
    pub fn code(&mut self, field: &str, code: &str, max: usize) {
        self.text(field, code, 1, max);
        if code.trim() != code || code.chars().any(char::is_control) {
            self.refuse(field, FieldCode::InvalidFormat, "must not begin or end with blanks");
        }
    }

    /// A currency of ISO 4217, by its form.
    pub fn currency(&mut self, field: &str, code: &str) {
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.refuse(
                field,
                FieldCode::InvalidFormat,
                "must be the three capital letters of a currency, such as EUR",
            );
        }
    }

    /// An amount that is not negative, and not beyond what is ever meant.
    pub fn amount(&mut self, field: &str, amount: Decimal) {
        if !(Decimal::ZERO..=Decimal::MAX_AMOUNT).contains(&amount) {
            self.refuse(
                field,
                FieldCode::OutOfRange,
                format!("must be from 0 to {}", Decimal::MAX_AMOUNT),
            );
        }
    }

    /// A whole number in a range.
    pub fn whole(&mut self, field: &str, number: i16, range: RangeInclusive<i16>) {
        if !range.contains(&number) {
            let (least, most) = range.into_inner();
            let message = format!("must be from {least} to {most}");
            self.refuse(field, FieldCode::OutOfRange, message);
        }
    }

    /// A day in a year of four digits: what JSON, spreadsheets and the database
    /// all hold.
    pub fn day(&mut self, field: &str, day: Date) {
        if !(1..=9999).contains(&day.year()) {
            self.refuse(field, FieldCode::OutOfRange, "must be in the years 0001 to 9999");
        }
    }

    /// The day of `field` is not before the other one.
    pub fn not_before(&mut self, field: &str, day: Option<Date>, other: &str, than: Option<Date>) {
        if let (Some(day), Some(than)) = (day, than)
            && day < than
        {
            self.refuse(field, FieldCode::OutOfOrder, format!("must not be before {other}"));
        }
    }

    /// An amount and its currency are given together or not at all.
    pub fn money(&mut self, amount: (&str, bool), currency: (&str, bool)) {
        let missing = match (amount.1, currency.1) {
            (true, false) => currency.0,
            (false, true) => amount.0,
            _ => return,
        };
        let message = format!("{} and {} must be given together", amount.0, currency.0);
        self.refuse(missing, FieldCode::Required, message);
    }

    /// A field that a patch may change but not remove.
    pub fn not_cleared<T>(&mut self, field: &str, change: &Change<T>) {
        if matches!(change, Change::Clear) {
            self.refuse(field, FieldCode::Required, "must not be null");
        }
    }

    /// The verdict.
    ///
    /// # Errors
    /// Everything that was refused.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

/// The form in which addresses are stored and compared: trimmed, lower case.
#[must_use]
pub fn normalize_email(email: &str) -> String {
    trim(email).to_lowercase()
}

/// Spaces alone, as SQL's `btrim` does: what one of the two took for blank and
/// the other did not would be stored.
fn trim(email: &str) -> &str {
    email.trim_matches(' ')
}

fn is_email(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && !"@,;<>()[]\\\"".contains(c);
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    email.len() <= 254
        && (1..=64).contains(&local.len())
        && email.chars().filter(|c| *c != '@').all(clean)
        && !local.contains('@')
        && domain.split('.').all(label)
}
