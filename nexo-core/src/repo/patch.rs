//! How a patch becomes parameters.

use tokio_postgres::types::ToSql;

use crate::model::Change;

/// Whether the patch says anything of a field that may also be cleared: the
/// parameter before its new value.
pub(super) fn says<T>(change: &Change<T>) -> &'static (dyn ToSql + Sync) {
    if change.is_keep() { &false } else { &true }
}
