//! The filters of one entity.

use std::fmt::Debug;

use super::FilterField;

/// The filters of an entity: one field for each column that lists can be
/// filtered by.
pub trait Filters: Debug + Clone + Default + PartialEq + Send + Sync + Unpin + 'static {
    /// The fields' names.
    const NAMES: &'static [&'static str];
    /// What each of them asks for.
    const MEANINGS: &'static [&'static str];

    /// Every field with its name.
    fn fields(&self) -> Vec<(&'static str, &dyn FilterField)>;

    /// The field of this name.
    fn field_mut(&mut self, name: &str) -> Option<&mut dyn FilterField>;

    /// Whether every row passes.
    fn is_empty(&self) -> bool {
        self.fields().iter().all(|(_, field)| field.is_empty())
    }

    /// The query parameters that say the same, in the order of the fields.
    fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        for (name, field) in self.fields() {
            field.give(&mut |bound, value| {
                let name = match bound {
                    Some(bound) => format!("{name}.{bound}"),
                    None => name.to_owned(),
                };
                parameters.push((name, value));
            });
        }
        parameters
    }
}

/// Declares an entity's filters. Every entity has those of the last lines.
macro_rules! filters {
    (
        $(#[$meta:meta])* pub struct $name:ident of $entity:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $type:ty, )*
        }
    ) => {
        $crate::model::filter_set::filters! { @all
            $(#[$meta])* pub struct $name {
                /// Any of these records.
                id: $crate::model::OneOf<$crate::model::Id<$entity>>,
                $( $(#[doc = $doc])* $field: $type, )*
                /// Any of these identifiers of another system.
                external_id: $crate::model::OneOf<String>,
                /// When it was created.
                created_at: $crate::model::Within<jiff::Timestamp>,
                /// When it was last changed.
                updated_at: $crate::model::Within<jiff::Timestamp>,
            }
        }
    };
    (@all
        $(#[$meta:meta])* pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::model::Filters for $name {
            const NAMES: &'static [&'static str] = &[$( stringify!($field), )*];
            const MEANINGS: &'static [&'static str] = &[$( concat!($($doc),*), )*];

            fn fields(&self) -> Vec<(&'static str, &dyn $crate::model::FilterField)> {
                vec![$( (stringify!($field), &self.$field as _), )*]
            }

            fn field_mut(&mut self, name: &str) -> Option<&mut dyn $crate::model::FilterField> {
                match name {
                    $( stringify!($field) => Some(&mut self.$field), )*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use filters;
