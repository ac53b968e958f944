//! From a row's cells to a value: whatever a field is, its cell is text, and
//! the field's own type says how to read it.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::cell::reveal;
use crate::model::{FieldCode, FieldError};

/// The longest refusal, in characters.
const MAX_MESSAGE: usize = 200;

/// Reads a value from fields and their cells. An empty cell is a field without
/// a value.
pub(crate) fn read_row<'de, V: Deserialize<'de>>(
    cells: &[(&'de str, &'de str)],
) -> Result<V, FieldError> {
    V::deserialize(Row { cells }).map_err(|refused| refused.0)
}

/// The fields that a struct is read from.
pub(crate) fn fields_of<'de, V: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It never gets as far as a value.
    drop(V::deserialize(Spy(&mut fields)));
    fields
}

/// A refusal, of a field as soon as it is known which.
#[derive(Debug)]
struct Refused(FieldError);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.field, self.0.message)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // It may quote the cell, which can be long and hold anything.
        let message: String = message.to_string().chars().take(MAX_MESSAGE).collect();
        let message = message.replace(char::is_control, " ");
        Self(FieldError::new("", FieldCode::InvalidFormat, message))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(FieldError::new(field, FieldCode::Required, "must be given"))
    }
}

struct Row<'a, 'de> {
    cells: &'a [(&'de str, &'de str)],
}

impl<'de> Deserializer<'de> for Row<'_, 'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_map(Fields { rest: self.cells.iter(), cell: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields<'a, 'de> {
    rest: std::slice::Iter<'a, (&'de str, &'de str)>,
    cell: Option<(&'de str, &'de str)>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        // A field without a value is as good as absent, and may have a default.
        self.cell = self.rest.by_ref().find(|(_, cell)| !is_empty(cell)).copied();
        let Some((field, _)) = self.cell else { return Ok(None) };
        let field: StrDeserializer<'_, Refused> = field.into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let (field, cell) = self.cell.take().expect("a value follows its key");
        seed.deserialize(Cell(reveal(cell))).map_err(|mut refused| {
            refused.0.field = field.to_owned();
            refused
        })
    }
}

/// Whether a cell has no value.
pub(crate) fn is_empty(cell: &str) -> bool {
    cell.trim().is_empty()
}

/// The text of one cell, or of an entry of its list.
struct Cell<'de>(&'de str);

impl Cell<'_> {
    fn number<N: std::str::FromStr>(&self) -> Result<N, Refused> {
        let wrong = |_| de::Error::custom("must be a whole number in its range");
        self.0.trim().parse().map_err(wrong)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(self.number()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_str(self.0)
    }

    numbers! {
        deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_u8 visit_u8, deserialize_u16 visit_u16,
        deserialize_u32 visit_u32, deserialize_u64 visit_u64,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => visitor.visit_bool(true),
            "false" | "no" | "0" => visitor.visit_bool(false),
            _ => Err(de::Error::custom("must be true or false")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if is_empty(self.0) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    /// A list is a JSON array, or words between semicolons.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let text = self.0.trim();
        if text.starts_with('[') {
            let list: serde_json::Value = serde_json::from_str(text)
                .map_err(|_| <Refused as de::Error>::custom("is no JSON array"))?;
            return list.deserialize_seq(visitor).map_err(de::Error::custom);
        }
        let words = text.split(';').map(str::trim).filter(|word| !word.is_empty());
        let words: Vec<StrDeserializer<'de, Refused>> =
            words.map(IntoDeserializer::into_deserializer).collect();
        de::value::SeqDeserializer::new(words.into_iter()).deserialize_seq(visitor)
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

/// Is told the fields of a struct and reads nothing.
struct Spy<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Spy<'_> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refused> {
        Err(de::Error::custom("nothing is read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClientStatus, NewClient, NewEmployee, NewProject, NewTask};

    #[test]
    fn cells_become_whatever_their_fields_are() {
        let client: NewClient = read_row(&[
            ("name", "Babbage"),
            ("status", "active"),
            ("phone", "'+44 20"),
            ("tags", "engines; london;"),
            ("email", ""),
        ])
        .expect("it reads");
        assert_eq!(client.status, ClientStatus::Active);
        assert_eq!(client.phone.as_deref(), Some("+44 20"));
        assert_eq!(client.tags, ["engines", "london"]);
        assert_eq!(client.email, None);

        let employee: NewEmployee =
            read_row(&[("employee_code", "7"), ("name", "Ada"), ("salary_level", "3")])
                .expect("it reads");
        assert_eq!(employee.salary_level, Some(3));
        let task: NewTask =
            read_row(&[("title", "x"), ("estimate_hours", "1.5"), ("due_on", "2024-02-29")])
                .expect("it reads");
        assert!(task.estimate_hours.is_some() && task.due_on.is_some());
        let project: NewProject =
            read_row(&[("name", "x"), ("members", r#"[{"role":"lead"}]"#)]).expect("it reads");
        assert_eq!(project.members[0].role.as_deref(), Some("lead"));
    }

    #[test]
    fn a_refusal_names_its_field() {
        let refused = |cells| read_row::<NewEmployee>(cells).expect_err("it is refused");
        assert_eq!(refused(&[("name", "Ada")]).field, "employee_code");
        let wrong = refused(&[("employee_code", "7"), ("name", "A"), ("salary_level", "high")]);
        assert_eq!((wrong.field.as_str(), wrong.code), ("salary_level", FieldCode::InvalidFormat));
    }

    #[test]
    fn the_fields_of_a_struct_are_known() {
        assert_eq!(fields_of::<NewClient>()[..3], ["external_id", "name", "kind"]);
    }
}
