//! Imports of files.

use bytes::Bytes;
use futures_util::stream;
use nexo_core::TenantScope;
use nexo_core::model::NewImport;

use crate::app::Services;
use crate::extract::Call;
use crate::failure::{Failure, Outcome};
use crate::gateway::time_limit;
use crate::handlers::export::CSV;
use crate::respond::{self, Reply};

pub(crate) async fn create(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (new, body) = call.json_and_bytes::<NewImport>().await?;
    let key = call.idempotency_key(&body)?;
    let made = to.importer().create(&scope, &new, key.as_ref()).await?;
    respond::once(made, |import| respond::created_at(call.path(), import.id, import))
}

pub(crate) async fn list(to: &Services, scope: TenantScope) -> Outcome<Reply> {
    respond::ok(&to.importer().list(&scope).await?)
}

pub(crate) async fn get(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.importer().get(&scope, call.id()?).await?)
}

pub(crate) async fn delete(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    to.importer().delete(&scope, call.id()?).await?;
    Ok(respond::no_content())
}

/// Takes the file, or what is still missing of it, and keeps each piece as it
/// arrives: a caller who was cut off goes on at the byte that `received` tells.
pub(crate) async fn content(
    to: &Services,
    scope: TenantScope,
    mut call: Call<'_>,
) -> Outcome<Reply> {
    let (id, importer) = (call.id()?, to.importer());
    let mut import = importer.get(&scope, id).await?;
    let mut offset = call.number("offset")?.unwrap_or(0);
    while let Some(piece) = call.piece().await? {
        let write = async { Ok(importer.write(&scope, id, offset, &piece).await?) };
        import = time_limit::hold(call.step_timeout(), write).await?;
        offset += piece.len() as u64;
    }
    respond::ok(&import)
}

pub(crate) async fn advance(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.importer().advance(&scope, call.id()?).await?)
}

pub(crate) async fn undo(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    respond::ok(&to.importer().undo(&scope, call.id()?).await?)
}

pub(crate) async fn rows(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let after = call.number("after")?.unwrap_or(0);
    respond::ok(&to.importer().report(&scope, call.id()?, after).await?)
}

/// The same as a file: a line for each thing that is wrong.
pub(crate) async fn report(to: &Services, scope: TenantScope, call: Call<'_>) -> Outcome<Reply> {
    let limit = call.step_timeout();
    let report = to.importer().report_file(&scope, call.id()?).await?;
    let pieces = stream::try_unfold(report, move |mut report| async move {
        let next = async { report.next().await.map_err(Failure::from) };
        let piece = time_limit::hold(limit, next).await?;
        Ok(piece.map(|piece| (Bytes::from(piece), report)))
    });
    respond::file("import-report.csv", CSV, Box::pin(pieces))
}
