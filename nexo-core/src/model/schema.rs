//! JSON Schemas of what requests may hold, where a Rust type alone says less than
//! what is checked. Each shape is the schema of one check of
//! [`Validator`](super::Validator) and has no values.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Change, Decimal, Id, Permission, Permissions, RoleRef, TokenType};

/// Declares shapes, whose schemas stand where they are used.
macro_rules! shapes {
    ($( $(#[$doc:meta])* $name:ident $(<$($param:ident: $type:ty),*>)? = $schema:expr; )*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name $(<$(const $param: $type),*>)? {}

        impl $(<$(const $param: $type),*>)? JsonSchema for $name $(<$($param),*>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

/// No control characters but tabs and line ends, and not blank.
const TEXT: &str = concat!(
    r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*",
    r"[^\s\u0000-\u001F\u007F-\u009F]",
    r"[^\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]*$"
);
/// No control characters, and no blanks at its ends.
const CODE: &str = concat!(
    r"^[^\s\u0000-\u001F\u007F-\u009F]",
    r"(?:[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F])?$"
);
/// Labels of a host name follow the at sign.
const EMAIL: &str = concat!(
    r#"^ *[^\s@,;<>()\[\]\\"\u0000-\u001F\u007F-\u009F]{1,64}@"#,
    r#"[^\s@,;<>()\[\]\\"\u0000-\u001F\u007F-\u009F.-]"#,
    r#"(?:[^\s@,;<>()\[\]\\"\u0000-\u001F\u007F-\u009F]*"#,
    r#"[^\s@,;<>()\[\]\\"\u0000-\u001F\u007F-\u009F.-])? *$"#
);
const PHONE: &str = r"^[0-9 +\-./()#*,;xX]*[0-9][0-9 +\-./()#*,;xX]*$";
const WEB_ADDRESS: &str =
    r"^https?://[^\s/?#\u0000-\u001F\u007F-\u009F][^\s\u0000-\u001F\u007F-\u009F]*$";
const AMOUNT: &str = r"^(?:[0-9]{1,13}(?:\.[0-9]{1,4})?|10000000000000(?:\.0{1,4})?)$";
const DECIMAL: &str = r"^-?[0-9]{1,14}(?:\.[0-9]{1,4})?$";

shapes! {
    /// As [`Validator::text`](super::Validator::text).
    Text<MIN: usize, MAX: usize> = json_schema!({
        "type": "string", "minLength": MIN, "maxLength": MAX, "pattern": TEXT,
    });
    /// As [`Validator::code`](super::Validator::code).
    Code<MAX: usize> = json_schema!({
        "type": "string", "minLength": 1, "maxLength": MAX, "pattern": CODE,
    });
    /// As [`Validator::email`](super::Validator::email).
    Email = json_schema!({ "type": "string", "pattern": EMAIL });
    /// As [`Validator::phone`](super::Validator::phone).
    Phone = json_schema!({ "type": "string", "maxLength": 40, "pattern": PHONE });
    /// As [`Validator::web_address`](super::Validator::web_address).
    WebAddress = json_schema!({ "type": "string", "maxLength": 500, "pattern": WEB_ADDRESS });
    /// As [`Validator::currency`](super::Validator::currency).
    Currency = json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$" });
    /// As [`Validator::amount`](super::Validator::amount).
    Amount = json_schema!({ "type": "string", "pattern": AMOUNT });
    /// As [`Validator::whole`](super::Validator::whole).
    Whole<MIN: i32, MAX: i32> = json_schema!({
        "type": "integer", "minimum": MIN, "maximum": MAX,
    });
    /// As [`Validator::day`](super::Validator::day).
    Day = json_schema!({
        "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    });
    /// As [`Validator::labels`](super::Validator::labels).
    Labels = json_schema!({
        "type": "array",
        "items": { "type": "string", "minLength": 1, "maxLength": 50, "pattern": TEXT },
        "maxItems": 50,
        "uniqueItems": true,
    });
    /// A password to be; a weak one is refused besides.
    Password = json_schema!({
        "type": "string", "format": "password", "minLength": 15, "maxLength": 1024,
    });
}

/// The schema of an enum that is one word on the wire.
macro_rules! words {
    ($name:ident, $text:expr, $all:expr) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $text.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = $all.iter().map(|word: &Self| word.as_str()).collect();
                schemars::json_schema!({ "type": "string", "enum": words })
            }
        }
    };
}
pub(super) use words;

words!(Permission, "Permission", Self::ALL);

impl JsonSchema for Permissions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let permission = generator.subschema_for::<Permission>();
        json_schema!({ "type": "array", "items": permission })
    }
}

impl<T> JsonSchema for Id<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": DECIMAL })
    }
}

/// Absent, null or a value: a field that has it has a default too.
impl<T: JsonSchema> JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

impl JsonSchema for TokenType {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TokenType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "const": "Bearer" })
    }
}

impl JsonSchema for RoleRef {
    fn schema_name() -> Cow<'static, str> {
        "RoleRef".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let built_in = generator.subschema_for::<super::BuiltInRole>();
        json_schema!({
            "description": "The word of a built-in role, or the id of one of the account's own.",
            "anyOf": [built_in, { "type": "string", "format": "uuid" }],
        })
    }
}
