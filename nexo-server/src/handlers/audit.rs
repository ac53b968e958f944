//! Who did what.

use futures_util::stream;
use nexo_core::model::{ErrorCode, Id};
use nexo_core::{Table, TenantScope};

use crate::app::Services;
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::gateway::time_limit;
use crate::respond::{self, Reply};

use super::export::kind;

pub(crate) async fn list(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.database().audit().list(&scope, &call.audit()?).await?)
}

pub(crate) async fn export(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let limit = call.step_timeout();
    let (params, format) = call.audit_export()?;
    let file = to.database().audit().export(&scope, &params, format).await?;
    let pieces = stream::try_unfold(file, move |mut file| async move {
        let next = async { file.next().await.map_err(Failure::from) };
        let piece = time_limit::hold(limit, next).await?;
        Ok(piece.map(|piece| (piece.into(), file)))
    });
    respond::file(&format!("audit.{format}"), kind(format), Box::pin(pieces))
}

/// Who could read a record; as a file if a `format` is asked for.
pub(crate) async fn access<T: Table>(
    to: &Services,
    scope: TenantScope,
    call: Call<'_>,
) -> Outcome<Reply> {
    let (id, format): (Id<T>, _) = (call.id()?, call.format()?);
    let access = to.database().audit().access::<T>(&scope, id).await?;
    let Some(format) = format else { return respond::ok(&access) };
    let file = access.to_file(format)?;
    let pieces = stream::once(async { Ok(file.into()) });
    respond::file(&format!("access.{format}"), kind(format), Box::pin(pieces))
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
