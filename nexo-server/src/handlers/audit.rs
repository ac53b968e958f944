//! Who did what.

use nexo_core::model::{ErrorCode, Id};
use nexo_core::{Table, TenantScope};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::respond::{self, Reply};

pub(crate) async fn list(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.database().audit().list(&scope, &call.audit()?).await?)
}

pub(crate) async fn history<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let id: Id<T> = call.id()?;
    let (limit, cursor) = call.page()?;
    let cursor = cursor.map(|text| text.parse()).transpose();
    let cursor = cursor.map_err(|_| {
        Failure::new(ErrorCode::InvalidCursor, "the cursor is not one of this list".to_owned())
    })?;
    respond::ok(&to.database().audit().history::<T>(&scope, id, limit, cursor).await?)
}
