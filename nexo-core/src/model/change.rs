//! What a merge patch says of one field.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One field of a JSON merge patch (RFC 7396): absent keeps the stored value,
/// `null` clears it, a value replaces it.
///
/// In a struct, mark the field
/// `#[serde(default, skip_serializing_if = "Change::is_keep")]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// The field is absent: leave what is stored.
    #[default]
    Keep,
    /// The field is `null`: remove what is stored.
    Clear,
    /// Store this value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field is absent from the patch.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, if there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<T> From<T> for Change<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(feature = "db")]
mod sql {
    use std::error::Error;

    use tokio_postgres::types::private::BytesMut;
    use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

    use super::Change;

    /// The new value, or null. Whether null means "keep" or "clear" is the
    /// statement's to say.
    impl<T: ToSql> ToSql for Change<T> {
        fn to_sql(
            &self,
            ty: &Type,
            out: &mut BytesMut,
        ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
            self.value().to_sql(ty, out)
        }

        fn accepts(ty: &Type) -> bool {
            T::accepts(ty)
        }

        to_sql_checked!();
    }
}
