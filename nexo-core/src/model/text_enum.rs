//! Enums that are one word on the wire and in the database.

/// Declares such an enum. The words are the same everywhere: in JSON, in the
/// column and in its CHECK constraint.
macro_rules! text_enum {
    (
        $(#[$meta:meta])* pub enum $name:ident {
            $( $(#[$attr:meta])* $variant:ident = $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
        pub enum $name {
            $( $(#[$attr])* #[serde(rename = $text)] $variant, )*
        }

        // Not derived: a derive would also take `{"word": null}`.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
                match &*word {
                    $( $text => Ok(Self::$variant), )*
                    other => Err(serde::de::Error::unknown_variant(other, &[$( $text, )*])),
                }
            }
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }

        #[cfg(feature = "schema")]
        $crate::model::schema::words!($name, stringify!($name), Self::ALL);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::model::FilterValue for $name {
            const EXPECTED: &'static str = concat!("one of:" $(, " ", $text)*);
            $crate::model::filter_value::types!(TEXT, TEXT_ARRAY);

            fn read(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }

            #[cfg(feature = "schema")]
            fn schema() -> schemars::Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                schemars::json_schema!({ "type": "string", "enum": words })
            }
        }

        #[cfg(feature = "db")]
        const _: () = {
            use std::error::Error;
            use tokio_postgres::types::private::BytesMut;
            use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

            impl ToSql for $name {
                fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
                    self.as_str().to_sql(ty, out)
                }
                fn accepts(ty: &Type) -> bool {
                    <&str as ToSql>::accepts(ty)
                }
                to_sql_checked!();
            }

            impl<'a> FromSql<'a> for $name {
                fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
                    match <&str>::from_sql(ty, raw)? {
                        $( $text => Ok(Self::$variant), )*
                        other => Err(format!("{other:?} is no {}", stringify!($name)).into()),
                    }
                }
                fn accepts(ty: &Type) -> bool {
                    <&str as FromSql<'_>>::accepts(ty)
                }
            }
        };
    };
}

pub(super) use text_enum;
